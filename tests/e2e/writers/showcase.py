"""Something to see on every dashboard, and nothing that cannot be drawn."""

import math

import numpy
from tensorboard.plugins.audio.plugin_data_pb2 import AudioPluginData
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.histogram.plugin_data_pb2 import HistogramPluginData
from tensorboard.plugins.image.plugin_data_pb2 import ImagePluginData
from tensorboard.plugins.mesh.plugin_data_pb2 import MeshPluginData
from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData
from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData
from writers.basics import add_event, add_summary, event_file, tensor_summary
from writers.graphs import graph_of
from writers.hparams import session
from writers.layouts import chart
from writers.media import MARKDOWN, picture, sound, strings
from writers.projections import write_projection
from writers.tensors import mesh_part

RUNS = ("first", "second", "third/of three")
TURN = numpy.array([[0.8, 0, 0.6], [0.36, 0.8, -0.48], [-0.48, 0.6, 0.64]])  # so that three sides of the cube are seen
CORNERS = numpy.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
CUBE = (CORNERS @ TURN)[None].astype(numpy.float32)
SIDES = numpy.array([[[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]], numpy.int32)
COLOURS = (CORNERS * 100 + 128)[None].astype(numpy.uint8)
THRESHOLDS = numpy.linspace(0, 1, 21)


def precision_and_recall(number, step):
    """Of a classifier that gets better with each step, over 1000 examples, half of which are positive."""
    sharpness = 1 + number + step
    found, mistaken = 500 * (1 - THRESHOLDS ** sharpness), 500 * (1 - THRESHOLDS) ** sharpness
    precision = numpy.where(found + mistaken > 0, found / numpy.maximum(found + mistaken, 1e-9), 1)
    return numpy.array([found, mistaken, 500 - mistaken, 500 - found, precision, found / 500], numpy.float32)


def curves_and_pictures(file, number):
    for step in range(60):
        loss = (number + 1) / (step + 1)
        file.scalar("loss", step, loss).scalar("loss_low", step, 0.8 * loss).scalar("loss_high", step, 1.2 * loss).scalar("accuracy/top 1", step, 1 - loss / 4)
    for step in range(5):
        add_summary(file, tensor_summary("images", "pictures", strings(b"16", b"16", picture(shade=50 * step), picture("JPEG", shade=50 * step)), ImagePluginData().SerializeToString(),
                                         "two *samples*"), step)
        wav = AudioPluginData(encoding=AudioPluginData.WAV).SerializeToString()
        add_summary(file, tensor_summary("audio", "tone", numpy.array([[sound(220 * (step + 1), seconds=2), b"a tone"]], dtype=object), wav, "a *tone*"), step)
        edges = numpy.linspace(-2, 2 + step, 31)
        buckets = numpy.stack([edges[:-1], edges[1:], 100 * numpy.exp(-(edges[:-1] - step / 2) ** 2)], axis=1)
        add_summary(file, tensor_summary("histograms", "weights", buckets, HistogramPluginData().SerializeToString(), "how **many**"), step)
        add_summary(file, tensor_summary("pr_curves", "reds", precision_and_recall(number, step), PrCurvePluginData(num_thresholds=len(THRESHOLDS)).SerializeToString()), step)
        # One is enough: without a graphics card each costs seconds.
        for kind, array in ((MeshPluginData.VERTEX, CUBE * (1 + step / 5)), (MeshPluginData.FACE, SIDES), (MeshPluginData.COLOR, COLOURS)) if number == 0 else ():
            add_summary(file, mesh_part("cube", kind, array, 14), step)
    add_summary(file, tensor_summary("text", "notes", numpy.array(MARKDOWN, dtype=object), TextPluginData().SerializeToString()))


def showcase(logdir):
    bands = [("loss", "loss_low", "loss_high")]
    layout = layout_pb2.Layout(category=[layout_pb2.Category(title="losses", chart=[chart("all", ["loss"]), chart("band", series=bands)])])
    for number, run in enumerate(RUNS):
        file = event_file(logdir, run, number)
        curves_and_pictures(file, number)
        add_summary(file, tensor_summary("custom_scalars", "custom_scalars__config__", layout.SerializeToString()))
        add_event(file, graph_def=graph_of(7).SerializeToString())
        file.close()
        session(logdir, f"trial {number}", {"lr": 0.1 ** number, "optimizer": "adam" if number else "sgd", "bias": number == 1}, metrics={"loss": [3, 2, 1 / (number + 1)]})
    add_numbers(logdir / "first")


def add_numbers(directory):
    numbers = numpy.array([[math.sin(row), math.cos(row), row / 20] for row in range(40)], numpy.float32)
    metadata = b"name\tkind\n" + b"".join(b"point %d\t%d\n" % (row, row % 3) for row in range(40))
    write_projection(directory, ['tensor_name: "points" tensor_path: "points.bytes" tensor_shape: [40, 3] metadata_path: "names.tsv"'],
                     {"points.bytes": numbers.tobytes(), "names.tsv": metadata})
