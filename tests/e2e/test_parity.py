"""The same directory, the real TensorBoard beside the collector: every scalar answer is equal."""

import math
import struct

import pytest
from event_files import EventFile, record
from oracle import ALL_POINTS, RealTensorBoard, compare
from programs import wait_for
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT

START = 1_700_000_000


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


def write_plain_runs(logdir):
    for run in ("a", "a/b/c", "b", "."):
        file = EventFile(logdir / run / file_name(START + len(run)), START + len(run))
        for step in range(300):
            file.scalar("loss", step, 1 / (step + 1)).scalar("accuracy/top 1", step, step / 300)
        file.close()


def write_tensor_scalars(logdir):
    file = EventFile(logdir / "tensors" / file_name(START + 10), START + 10)
    for step in range(50):
        file.raw(record(tensor_scalar(START + 10 + step, step, "loss", 0.1 * step, content=step % 2 == 0)))
    file.close()


def write_odd_values(logdir):
    file = EventFile(logdir / "odd ünïcode & \"quotes\" %41+" / file_name(START + 20), START + 20)
    for step, value in enumerate((math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-45, 3.4e38, 0.1)):
        file.scalar("values", step, value)
    for step in (-(2**63), -5, 0, 2**53 + 1, 2**63 - 1):
        file.scalar("steps", step, 1.0)
    file.scalar("", 1, 2.0).scalar("tag/with spaces, ümlaut & <b>\"", 1, 2.0).scalar("one point", 7, 7.0)
    file.close()


def write_restart_in_one_file(logdir):
    file = EventFile(logdir / "restart" / file_name(START + 30), START + 30)
    for step in [*range(100), *range(50, 120), 119, 119, 10, 11]:
        file.scalar("loss", step, float(step))
    file.close()


def write_requeue(logdir):
    """One run, three hosts one after another, each going on a little before where the former ended."""
    for number, host in enumerate(("h1", "h2", "h3")):
        second = START + 100 + 1000 * number
        file = EventFile(logdir / "requeue" / file_name(second, host, 7 + number), second)
        for step in range(number * 90, number * 90 + 100):
            file.scalar("loss", step, step + number / 10, second + step)
        file.close()


def write_torn_tail(logdir):
    file = EventFile(logdir / "torn" / file_name(START + 40), START + 40)
    for step in range(20):
        file.scalar("loss", step, float(step))
    file.raw(record(b"\x09" + b"\0" * 40)[:25])
    file.close()


def write_several_values_in_one_event(logdir):
    file = EventFile(logdir / "multi" / file_name(START + 50), START + 50)
    for step in range(10):
        summary = Summary(value=[Summary.Value(tag=f"v{number}", simple_value=number * step) for number in range(5)])
        file.raw(record(Event(wall_time=START + step, step=step, summary=summary).SerializeToString()))
    file.close()


WRITERS = [write_plain_runs, write_tensor_scalars, write_odd_values, write_restart_in_one_file, write_requeue, write_torn_tail,
           write_several_values_in_one_event]


@pytest.fixture
def reference(tmp_path):
    started = []

    def start(logdir, samples=ALL_POINTS):
        started.append(RealTensorBoard(logdir, tmp_path, samples))
        return started[-1]

    yield start
    for server in started:
        server.close()


def compare_with_reference(site, reference, logdir, samples):
    flags = ["--samples_per_plugin", samples] if samples else []
    site.start_collector("--logdir", logdir, *flags, data=False)
    server = reference(logdir, samples)
    server.wait_for_runs(site.http.json("/data/runs"))
    differences, asked = compare(server.http, site.http)
    assert asked > 10
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("samples", [ALL_POINTS, None], ids=["all points", "defaults"])
def test_every_kind_of_run_in_place(site, reference, tmp_path, samples):
    logdir = tmp_path / "logs"
    for write in WRITERS:
        write(logdir)
    compare_with_reference(site, reference, logdir, samples)


def test_long_series_with_all_points(site, reference, tmp_path):
    file = EventFile(tmp_path / "logs" / "long" / file_name(START), START)
    for step in range(20_000):
        file.scalar("loss", step, float((step * 7919) % 1000))
    file.close()
    compare_with_reference(site, reference, tmp_path / "logs", ALL_POINTS)


def test_three_nodes_through_agents(site, reference, tmp_path):
    """The reference serves the union of the nodes' directories, each below its node's name."""
    union = tmp_path / "union"
    for node, write in (("node0", write_plain_runs), ("node1", write_requeue), ("node2", write_odd_values)):
        write(union / node)
    site.start_collector("--samples_per_plugin", ALL_POINTS)
    for node in ("node0", "node1", "node2"):
        site.once(node, union / node)
    server = reference(union)
    server.wait_for_runs(wait_for(lambda: site.http.json("/data/runs"), "the collector lists runs"))
    differences, _ = compare(server.http, site.http)
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("writer", ["tensorboardX", "tensorboard"])
def test_files_of_real_writers(site, reference, tmp_path, writer):
    logdir = tmp_path / "logs"
    if writer == "tensorboardX":
        from tensorboardX import SummaryWriter

        with SummaryWriter(str(logdir / "run")) as real:
            for step in range(200):
                real.add_scalar("loss", 1 / (step + 1), step)
                real.add_scalars("group", {"one": step, "two": 2 * step}, step)
    else:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        real = EventFileWriter(str(logdir / "run"))
        for step in range(200):
            real.add_event(Event(wall_time=START + step, step=step, summary=Summary(value=[Summary.Value(tag="loss", simple_value=0.5 * step)])))
        real.close()
    compare_with_reference(site, reference, logdir, ALL_POINTS)


def test_two_live_writers_in_one_directory_lose_no_point_and_add_none(site, tmp_path):
    """Real TensorBoard loses points here, so the truth is what was written."""
    logdir = tmp_path / "logs" / "run"
    writers = [EventFile(logdir / file_name(START + number, f"h{number}", 10 + number), START + number) for number in range(2)]
    for step in range(100):
        for number, file in enumerate(writers):
            file.scalar("loss", step, step + number / 2, START + 2 + step)
    for file in writers:
        file.close()
    site.start_collector("--logdir", tmp_path / "logs", "--samples_per_plugin", ALL_POINTS, data=False)
    tags = site.http.json("/data/plugin/scalars/tags")
    assert sorted(tags) == ["run", "run@h1.11"]
    for run, file in (("run", writers[0]), ("run@h1.11", writers[1])):
        served = site.http.json("/data/plugin/scalars/scalars", run=run, tag="loss")
        assert [tuple(point) for point in served] == file.points["loss"]


def test_requeue_through_agents_of_three_hosts_is_one_run(site, tmp_path):
    site.start_collector("--samples_per_plugin", ALL_POINTS)
    written = {}
    for number in range(3):
        second = START + 1000 * number
        file = EventFile(tmp_path / f"host{number}" / "exp" / file_name(second, f"host{number}", 5), second)
        for step in range(number * 90, number * 90 + 100):
            file.scalar("loss", step, step + number / 10, second + step)
            written[step] = (second + step, step, struct.unpack("<f", struct.pack("<f", step + number / 10))[0])
        file.close()
        site.once(f"host{number}", tmp_path / f"host{number}", flags=("--namespace", "job1"))
    assert site.http.json("/data/runs") == ["job1/exp"]
    served = site.http.json("/data/plugin/scalars/scalars", run="job1/exp", tag="loss")
    assert [tuple(point) for point in served] == [written[step] for step in sorted(written)]
