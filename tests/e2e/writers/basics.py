"""What all writers are made of: a run's event file, and the kinds of events in it."""

from event_files import EventFile, record
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.util import tensor_util

START = 1_700_000_000


def event_file(logdir, run, number=0):
    return EventFile(logdir / run / f"events.out.tfevents.{START + number}.node.7.0", START + number)


def add_summary(file, summary, step=0, wall_time=START + 1):
    if isinstance(summary, bytes):
        summary = Summary.FromString(summary)
    file.raw(record(Event(wall_time=wall_time, step=step, summary=summary).SerializeToString()))
    return file


def tensor_summary(plugin, tag, array, content=b"", description="", display_name=""):
    summary = Summary()
    value = summary.value.add(tag=tag, tensor=tensor_util.make_tensor_proto(array))
    value.metadata.plugin_data.plugin_name = plugin
    value.metadata.plugin_data.content = content
    value.metadata.summary_description = description
    value.metadata.display_name = display_name
    return summary


def blob_summary(plugin, tag, blob, content=b"1", rank=1):
    summary = Summary()
    value = summary.value.add(tag=tag, tensor=tensor_util.make_tensor_proto([blob] if rank else blob))
    value.metadata.plugin_data.plugin_name = plugin
    value.metadata.plugin_data.content = content
    return summary


def add_event(file, **fields):
    file.raw(record(Event(wall_time=START + 1, **fields).SerializeToString()))


def no_hparams(logdir):
    event_file(logdir, "a").scalar("loss", 1, 1.0).close()
