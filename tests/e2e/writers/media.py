"""Images, audio, histograms and texts."""

import io
import math
import struct
import wave

import numpy
import PIL.Image
from event_files import EventFile
from tensorboard.compat.proto.histogram_pb2 import HistogramProto
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.audio.plugin_data_pb2 import AudioPluginData
from tensorboard.plugins.histogram.plugin_data_pb2 import HistogramPluginData
from tensorboard.plugins.image.plugin_data_pb2 import ImagePluginData
from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData
from writers.basics import START, add_summary, blob_summary, event_file, tensor_summary

BIG = 8 << 20


def picture(kind="PNG", side=16, shade=0):
    made = io.BytesIO()
    image = PIL.Image.new("RGB", (side, side), (shade % 256, 128, 255 - shade % 256))
    image.putpixel((0, 0), (255, 0, 0))
    image.save(made, kind)
    return made.getvalue()


def sound(hertz=440, seconds=0.2, rate=8000):
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(b"".join(struct.pack("<h", int(20000 * math.sin(2 * math.pi * hertz * n / rate))) for n in range(int(seconds * rate))))
    return made.getvalue()


def strings(*values):
    return numpy.array(values, dtype=object)


def media_of_tensorboardx(logdir):
    from tensorboardX import SummaryWriter

    made = numpy.random.default_rng(5)
    with SummaryWriter(str(logdir / "media")) as writer:
        for step in range(4):
            writer.add_image("image", made.integers(0, 255, (3, 4, 5)).astype(numpy.uint8), step)
            writer.add_images("images", made.integers(0, 255, (2, 3, 4, 5)).astype(numpy.uint8), step)
            writer.add_histogram("histogram", made.normal(step, 1, 200), step)
            writer.add_text("text", f"**step** {step} | ü", step)
            writer.add_scalar("x", step / 3, step)


def media_by_hand(logdir):
    file = event_file(logdir, "by hand")
    for step in range(3):
        add_summary(file, tensor_summary("histograms", "h", numpy.array([[0, 1, 3], [1, 2, step]], numpy.float64), description="how *many*"), step)
        add_summary(file, tensor_summary("text", "table", numpy.array([["a", "b"], ["c", f"d{step}"]], dtype=object), description="cells"), step)
        add_summary(file, blob_summary("images", "tensor", b"x", content=b""), step)
        add_summary(file, tensor_summary("audio", "clips", numpy.array([[b"one", b"label"], [b"two", b""]], dtype=object), b"\x10\x0b"), step)
    sizes = [b"4", b"4", b"", bytes(BIG - 1), bytes(BIG), bytes(BIG + 1)]
    add_summary(file, tensor_summary("images", "big", numpy.array(sizes, dtype=object)), 9)
    add_summary(file, tensor_summary("images", "no strings", numpy.zeros(3, numpy.float32)), 9)
    add_summary(file, tensor_summary("own", "unknown", numpy.zeros(3, numpy.float32)), 9)
    file.close()
    file = event_file(logdir, "restarted")
    for step in (1, 2, 3, 4, 2, 3):
        file.scalar("loss", step, step / 7)
    file.scalar("", -5, float("nan")).scalar("Ü/ \"'%&+", 2**60, float("-inf")).close()
    EventFile(logdir / "empty" / f"events.out.tfevents.{START}.h.1.0").close()


def images_of_every_kind(logdir):
    """Each encoding, several samples, samples that come and go, what is no image at all; names that must be escaped."""
    content = ImagePluginData().SerializeToString()
    for run, about in (("a", "of *run a*"), ("b", "of run b"), ("c/d", "of *run a*")):
        file = event_file(logdir, run)
        for step in range(5):
            add_summary(file, tensor_summary("images", "kinds", strings(b"16", b"16", *(picture(kind, shade=step) for kind in ("PNG", "JPEG", "GIF", "BMP"))), content, about, "Shown"), step)
            add_summary(file, tensor_summary("images", "batch grows & shrinks/ü?#%2F", strings(b"16", b"16", *[picture(shade=step)] * (step % 3)), content), step)
        add_summary(file, tensor_summary("images", "no image", strings(b"1", b"1", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"", b"RIFF\0\0\0\0WEBPVP8 ", b"<script>"), content))
        add_summary(file, tensor_summary("images", "newer", strings(b"1", b"1", b"x"), ImagePluginData(version=7).SerializeToString()))
        add_summary(file, tensor_summary("images", "only sizes", strings(b"1", b"1"), content))
        add_summary(file, tensor_summary("images", "less than sizes", strings(b"1"), content))
        add_summary(file, tensor_summary("images", "a table", numpy.array([[b"1", b"1"], [b"x", b"y"]], dtype=object), content))
        file.close()


def sounds_of_every_kind(logdir):
    wav, unknown = AudioPluginData(encoding=AudioPluginData.WAV).SerializeToString(), AudioPluginData().SerializeToString()
    for run in ("a", "b"):
        file = event_file(logdir, run)
        for step in range(4):
            clips = [sound(220 * (step + 1)), sound(330)][:1 + step % 2]
            add_summary(file, tensor_summary("audio", "wav", numpy.array([[clip, b"*label*"] for clip in clips], dtype=object), wav, "a *tone*", "Tone"), step)
            add_summary(file, tensor_summary("audio", "no labels", strings(*clips), wav), step)
            add_summary(file, tensor_summary("audio", "unknown encoding ü", strings(b"OggS", b""), unknown), step)
        add_summary(file, tensor_summary("audio", "newer", strings(b"x"), AudioPluginData(version=3).SerializeToString()))
        add_summary(file, tensor_summary("audio", "three columns", numpy.array([[b"x", b"y", b"z"]], dtype=object), wav))
        file.close()


def histograms_of_every_kind(logdir):
    content = HistogramPluginData().SerializeToString()
    for run in ("a", "b"):
        file = event_file(logdir, run)
        for step in range(6):
            edges = numpy.linspace(-step, step + 1, 6)
            buckets = numpy.stack([edges[:-1], edges[1:], numpy.arange(5) * step], axis=1)
            add_summary(file, tensor_summary("histograms", "doubles", buckets, content, f"of *run* {run}", "Doubles"), step)
            add_summary(file, tensor_summary("histograms", "floats", buckets.astype(numpy.float32), content), step)
            add_summary(file, tensor_summary("histograms", "empty first", numpy.zeros((0 if step < 2 else 3, 3), numpy.float32), content), step)
            add_summary(file, tensor_summary("histograms", "one bucket", numpy.array([[3, 3, step]], numpy.float64), b"{}"), step)
            add_summary(file, tensor_summary("histograms", "odd numbers", numpy.array([[-math.inf, 0, 1], [0, math.inf, 2], [math.nan, 1, math.nan]]), content), step)
        add_summary(file, tensor_summary("histograms", "newer", buckets, HistogramPluginData(version=2).SerializeToString()))
        add_summary(file, tensor_summary("histograms", "four columns", numpy.ones((2, 4), numpy.float32), content))
        add_summary(file, tensor_summary("histograms", "flat", numpy.ones(3, numpy.float32), content))
        add_summary(file, tensor_summary("histograms", "whole numbers", numpy.array([[0, 1, 5], [1, 2, 7]], numpy.int32), content))
        file.close()


MARKDOWN = """# Heading
A [link](http://example.com "title"), **bold**, *soft*, `code`, ~~gone~~ and https://example.com/?a=1&b=2.

| left | right |
|:-----|------:|
| 1    | two   |

1. one
2. two
    - deeper

> quoted

```python
x = "<b>"
```
"""


def texts_of_every_kind(logdir):
    content = TextPluginData().SerializeToString()
    for run in ("a", "b"):
        file = event_file(logdir, run)
        for step in range(4):
            add_summary(file, tensor_summary("text", "plain", numpy.array(f"step {step}\n\nsecond <i>paragraph</i> & ü", dtype=object), content, "some *text*"), step)
            add_summary(file, tensor_summary("text", "list", strings("one", "**two**", ""), content), step)
        add_summary(file, tensor_summary("text", "markdown", numpy.array(MARKDOWN, dtype=object), content))
        add_summary(file, tensor_summary("text", "table", numpy.array([["a", "*b*"], ["c", "<script>alert(1)</script>"]], dtype=object), b"{}"))
        add_summary(file, tensor_summary("text", "cube", numpy.array([[["a", "b"], ["c", "d"]], [["e", "f"], ["g", "h"]]], dtype=object), content))
        add_summary(file, tensor_summary("text", "tesseract", numpy.array([[[["a", "b"]]], [[["c", "d"]]]], dtype=object), content))
        add_summary(file, tensor_summary("text", "nothing", numpy.array([], dtype=object), content))
        add_summary(file, tensor_summary("text", "newer", strings("x"), TextPluginData(version=9).SerializeToString()))
        add_summary(file, tensor_summary("text", "numbers", numpy.array([1.5, 2.5], numpy.float32), content))
        file.close()


def legacy_summaries(logdir):
    """TensorFlow 1: values of kinds of their own, most without metadata."""
    file = event_file(logdir, "tf1")
    for step in range(4):
        summary = Summary()
        summary.value.add(tag="image/0", image=Summary.Image(height=16, width=16, colorspace=3, encoded_image_string=picture(shade=step)))
        summary.value.add(tag="clip/0", audio=Summary.Audio(sample_rate=8000, num_channels=1, length_frames=1600, encoded_audio_string=sound(110 * (step + 1)), content_type="audio/wav"))
        summary.value.add(tag="weights", histo=HistogramProto(min=-1, max=step + 1, num=6, sum=3, sum_squares=9, bucket_limit=[-2, -0.5, 0, 0.5, 1.5, 1e300], bucket=[0, 1, 2, step, 1, 0]))
        summary.value.add(tag="loss", simple_value=1 / (step + 1))
        named = summary.value.add(tag="described loss", simple_value=step)
        named.metadata.display_name, named.metadata.summary_description = "Loss", "of *old*"
        named.metadata.plugin_data.plugin_name = "somebody's"
        summary.value.add(node_name="only a node name", simple_value=step)
        summary.value.add(tag="no value at all")
        summary.value.add(tag="old old histogram", obsolete_old_style_histogram=b"x")
        add_summary(file, summary, step)
    add_summary(file, Summary(value=[Summary.Value(tag="uneven", histo=HistogramProto(min=0, max=1, num=1, bucket_limit=[1, 2, 3], bucket=[1]))]))
    add_summary(file, Summary(value=[Summary.Value(tag="bare", histo=HistogramProto(min=0, max=1))]))
    add_summary(file, Summary())
    file.close()


def classes_said_by_writers(logdir):
    """The data class is said, whatever the plugin is called; unknown plugins; metadata that changes; one tag of several kinds."""
    file = event_file(logdir, "classes")
    for step in range(3):
        for data_class, array in ((1, numpy.float32(step)), (2, numpy.ones(3, numpy.float32)), (3, strings(b"1", b"1", b"x"))):
            summary = tensor_summary("somebody's", f"own {data_class}", array)
            summary.value[0].metadata.data_class = data_class
            add_summary(file, summary, step)
        summary = tensor_summary("scalars", "tensor for a scalar", numpy.ones(2, numpy.float32))
        summary.value[0].metadata.data_class = 2
        add_summary(file, summary, step)
        add_summary(file, tensor_summary("images" if step else "scalars", "changes", numpy.float32(step)), step)
        file.scalar("first a scalar", step, step)
        add_summary(file, tensor_summary("text", "first a scalar", strings("then a text")), step + 10)
        bare = Summary(value=[Summary.Value(tag="no metadata", tensor=tensor_summary("x", "x", numpy.float32(1)).value[0].tensor)])
        add_summary(file, bare, step)
    file.close()
