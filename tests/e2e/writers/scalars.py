"""Scalars in every encoding, restarted, requeued, torn."""

import math
import struct

from event_files import EventFile, record, scalar_event
from tensorboard.compat.proto.event_pb2 import Event, LogMessage, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT
from writers.basics import START


def file_name(second, host="node", pid=100, number=0):
    return f"events.out.tfevents.{second}.{host}.{pid}.{number}"


def tensor_scalar(wall_time, step, tag, value, content=False, description=""):
    tensor = TensorProto(dtype=DT_FLOAT, tensor_shape=TensorShapeProto())
    if content:
        tensor.tensor_content = struct.pack("<f", value)
    else:
        tensor.float_val.append(value)
    metadata = SummaryMetadata(summary_description=description, display_name=f"shown {tag}")
    metadata.plugin_data.plugin_name = "scalars"
    return Event(wall_time=wall_time, step=step, summary=Summary(value=[Summary.Value(tag=tag, tensor=tensor, metadata=metadata)])).SerializeToString()


def plain_runs(logdir):
    for run in ("a", "a/b/c", "b", "."):
        file = EventFile(logdir / run / file_name(START + len(run)), START + len(run))
        for step in range(300):
            file.scalar("loss", step, 1 / (step + 1)).scalar("accuracy/top 1", step, step / 300)
        file.close()


def tensor_scalars(logdir):
    file = EventFile(logdir / "tensors" / file_name(START + 10), START + 10)
    for step in range(50):
        file.raw(record(tensor_scalar(START + 10 + step, step, "loss", 0.1 * step, content=step % 2 == 0)))
    file.close()


def odd_values(logdir):
    file = EventFile(logdir / "odd ünïcode & \"quotes\" %41+" / file_name(START + 20), START + 20)
    for step, value in enumerate((math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-45, 3.4e38, 0.1)):
        file.scalar("values", step, value)
    for step in (-(2**63), -5, 0, 2**53 + 1, 2**63 - 1):
        file.scalar("steps", step, 1.0)
    file.scalar("", 1, 2.0).scalar("tag/with spaces, ümlaut & <b>\"", 1, 2.0).scalar("one point", 7, 7.0)
    file.close()


def restart_in_one_file(logdir):
    file = EventFile(logdir / "restart" / file_name(START + 30), START + 30)
    for step in [*range(100), *range(50, 120), 119, 119, 10, 11]:
        file.scalar("loss", step, float(step))
    file.close()


def requeue(logdir):
    """One run, three hosts one after another, each going on a little before where the former ended."""
    for number, host in enumerate(("h1", "h2", "h3")):
        second = START + 100 + 1000 * number
        file = EventFile(logdir / "requeue" / file_name(second, host, 7 + number), second)
        for step in range(number * 90, number * 90 + 100):
            file.scalar("loss", step, step + number / 10, second + step)
        file.close()


def torn_tail(logdir):
    file = EventFile(logdir / "torn" / file_name(START + 40), START + 40)
    for step in range(20):
        file.scalar("loss", step, float(step))
    file.raw(record(b"\x09" + b"\0" * 40)[:25])
    file.close()


def several_values_in_one_event(logdir):
    file = EventFile(logdir / "multi" / file_name(START + 50), START + 50)
    for step in range(10):
        summary = Summary(value=[Summary.Value(tag=f"v{number}", simple_value=number * step) for number in range(5)])
        file.raw(record(Event(wall_time=START + step, step=step, summary=summary).SerializeToString()))
    file.close()


def several_files(logdir):
    """One process that opened file after file; steps go on, tags come and go."""
    for number in range(3):
        file = EventFile(logdir / "several" / f"events.out.tfevents.{START + 60}.node.9.{number}", START + 60)
        for step in range(number * 10, number * 10 + 10):
            file.scalar("loss", step, step / 3, START + 61 + step)
            file.scalar(f"only {number}", step, step, START + 61 + step)
        file.close()


def odd_times(logdir):
    """Wall times out of order, before 1970, far away."""
    file = EventFile(logdir / "times" / file_name(START + 70), START + 70)
    for step, wall_time in enumerate((START + 80, START + 75, 0.0, -5.5, 4e9, START + 81.123456)):
        file.scalar("loss", step, step, wall_time)
    file.close()


def sessions_and_versions(logdir):
    """Session logs, old format versions, logged messages, sources: all but data."""
    file = EventFile(logdir / "sessions" / file_name(START + 90), START + 90)
    for step in range(5):
        file.scalar("loss", step, step)
    file.raw(record(Event(wall_time=START + 95, step=3, session_log=SessionLog(status=SessionLog.START)).SerializeToString()))
    file.raw(record(Event(wall_time=START + 95, step=3, log_message=LogMessage(level=LogMessage.ERROR, message="<b>")).SerializeToString()))
    for step in range(3, 6):
        file.scalar("loss", step, step * 10)
    file.raw(record(Event(wall_time=START + 99, step=4, session_log=SessionLog(status=SessionLog.START)).SerializeToString()))
    file.close()
    old = logdir / "version 1" / file_name(START + 91)
    old.parent.mkdir(parents=True)
    old.write_bytes(b"".join(record(data) for data in (Event(wall_time=START, file_version="brain.Event:1").SerializeToString(), scalar_event(START, 5, "loss", 1.0),
                                                        scalar_event(START + 1, 3, "loss", 2.0), scalar_event(START + 2, 4, "loss", 3.0))))
    none = logdir / "no version" / file_name(START + 92)
    none.parent.mkdir(parents=True)
    none.write_bytes(b"".join(record(scalar_event(START + step, step, "loss", float(step))) for step in range(4)))


def names_of_every_kind(logdir):
    """Tags and runs that must be escaped somewhere."""
    for run in ("a b/c&d=e?f#g", "%2e%2e/%41", "quote\"'`<b>", "ü/日本/🙂", "plus+plus", "-dash", "run.", "CON", "x" * 100):
        file = EventFile(logdir / run / file_name(START + 98), START + 98)
        for tag in ("a/b/c", "a b", "&amp;", "<img src=x>", "%41+%2F", "ü🙂", "\t\n", "'\"\\", "/", "//", "[0]", "$", ".", "x" * 300, "\x01", "__proto__", "constructor"):
            file.scalar(tag, 1, 1.0).scalar(tag, 2, 2.0)
        file.close()


def own_writer(logdir):
    """TensorBoard's own EventFileWriter."""
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(logdir / "own"))
    for step in range(200):
        writer.add_event(Event(wall_time=START + step, step=step, summary=Summary(value=[Summary.Value(tag="loss", simple_value=0.5 * step)])))
    writer.close()


def scalars_of_tensorboardx(logdir):
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(logdir / "run")) as writer:
        for step in range(200):
            writer.add_scalar("loss", 1 / (step + 1), step)
            writer.add_scalars("group", {"one": step, "two": 2 * step}, step)
