"""PR curves and meshes."""

import random

import numpy
from tensorboard.plugins.mesh.plugin_data_pb2 import MeshPluginData
from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData
from writers.basics import add_summary, event_file, tensor_summary


def curve(thresholds, seed, dtype=numpy.float32):
    made = random.Random(seed)
    rows = [[made.randrange(100) * (column < thresholds - 2) for column in range(thresholds)] for _ in range(4)]
    rows += [[made.random() for _ in range(thresholds)] for _ in range(2)]
    return numpy.array(rows, dtype=dtype)


def curves_by_hand(logdir):
    for run in ("a", "b"):
        file = event_file(logdir, run)
        for step in range(5):
            add_summary(file, tensor_summary("pr_curves", "colors/red", curve(11, step), PrCurvePluginData(num_thresholds=11).SerializeToString(),
                                             "the reds" if run == "a" else "", "Reds"), step)
            add_summary(file, tensor_summary("pr_curves", "doubles", curve(3, step, numpy.float64)), step)
        add_summary(file, tensor_summary("pr_curves", "newer", curve(3, 1), PrCurvePluginData(version=5).SerializeToString()))
        add_summary(file, tensor_summary("pr_curves", "nothing", numpy.zeros((6, 4), numpy.float32)))
        add_summary(file, tensor_summary("pr_curves", "one", numpy.ones((6, 1), numpy.float32)))
        file.close()
    event_file(logdir, "none").scalar("x", 1, 1.0).close()


def curves_of_tensorboardx(logdir):
    from tensorboardX import SummaryWriter

    made = numpy.random.default_rng(1)
    with SummaryWriter(str(logdir / "x")) as writer:
        for step in range(4):
            writer.add_pr_curve("pr", made.integers(0, 2, 100), made.random(100), step)


def mesh_part(name, kind, array, components, config="{}", version=0):
    content = MeshPluginData(version=version, name=name, content_type=kind, json_config=config, shape=array.shape, components=components)
    return tensor_summary("mesh", f"{name}_{MeshPluginData.ContentType.Name(kind)}", array, content.SerializeToString())


def meshes_by_hand(logdir):
    made = numpy.random.default_rng(2)
    for run in ("a", "b/c"):
        file = event_file(logdir, run)
        for step in (0, 3, 7):
            add_summary(file, mesh_part("m/x", MeshPluginData.VERTEX, made.random((2, 5, 3)).astype(numpy.float32), 14, '{"camera": 1}'), step)
            add_summary(file, mesh_part("m/x", MeshPluginData.FACE, made.integers(0, 5, (2, 4, 3)).astype(numpy.int32), 14), step)
            add_summary(file, mesh_part("m/x", MeshPluginData.COLOR, made.integers(0, 256, (2, 5, 3)).astype(numpy.uint8), 14), step)
        add_summary(file, mesh_part("only vertices", MeshPluginData.VERTEX, made.random((1, 6, 3)).astype(numpy.float32), 2), 1)
        add_summary(file, mesh_part("all", MeshPluginData.VERTEX, made.random((3, 6, 3)), 0), 1)
        add_summary(file, mesh_part("one number", MeshPluginData.COLOR, numpy.full((1, 6, 3), 7, numpy.int64), 8), 1)
        add_summary(file, mesh_part("newer", MeshPluginData.VERTEX, made.random((1, 6, 3)), 2, version=3), 1)
        file.close()


def meshes_of_tensorboardx(logdir):
    from tensorboardX import SummaryWriter

    made = numpy.random.default_rng(3)
    with SummaryWriter(str(logdir / "x")) as writer:
        for step in range(3):
            writer.add_mesh("mesh", made.random((2, 8, 3)).astype(numpy.float32), made.integers(0, 255, (2, 8, 3)).astype(numpy.uint8),
                            made.integers(0, 8, (2, 4, 3)).astype(numpy.int32), {"camera": {"cls": "PerspectiveCamera", "fov": 75}}, step)
