"""The gRPC DataProvider against TensorBoard's own data server, and stock TensorBoard in front of the collector."""

import os
import pathlib
import subprocess
import time

import numpy
import pytest
import tensorboard_data_server
from data_provider_oracle import DataProvider, compare_providers
from event_files import EventFile
from oracle import RealTensorBoard, compare
from plugin_oracle import ask, custom_scalars_questions, difference, graphs_questions, hparams_questions, mesh_questions, pr_curves_questions
from programs import COLLECTOR, require, wait_for
from test_dashboards import (START, add_summary, blob_summary, curves_by_hand, described_experiment, event_file, graphs_of_every_kind, keras_models,
                             layouts_of_several_runs, meshes_by_hand, projections, tensor_summary)

LISTING = "/data/plugins_listing"
BIG = 8 << 20


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


def everything(logdir):
    """Every plugin's data; each writer below a folder of its own."""
    for write in (media_of_tensorboardx, media_by_hand, curves_by_hand, described_experiment, graphs_of_every_kind, keras_models, layouts_of_several_runs,
                  meshes_by_hand, projections):
        write(logdir / write.__name__)


@pytest.fixture
def started():
    """A list; what is appended is closed after the test."""
    made = []
    yield made
    for one in reversed(made):
        one.close()


class DataServer:
    """A program that is started as `tensorboard` starts its data server."""

    def __init__(self, program, directory, *flags):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port_file, self.error_file = self.directory / "port", self.directory / "error"
        command = [program, "--reload=1", "--samples-per-plugin=", "--port=0", f"--port-file={self.port_file}", "--die-after-stdin", *flags]
        with open(self.directory / "log", "wb") as log:
            self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=log, stderr=log)

    def port(self):
        wait_for(lambda: self.process.poll() is not None or (self.port_file.exists() and self.port_file.read_text().endswith("\n")), "the port is known", 10)
        assert self.process.poll() is None, (self.directory / "log").read_text()
        return int(self.port_file.read_text())

    def end_input(self):
        """The exit code after standard input ended."""
        self.process.stdin.close()
        return self.process.wait(timeout=10)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if not self.process.stdin.closed:
            self.process.stdin.close()


def original():
    return tensorboard_data_server.server_binary()


def provider(started, port):
    started.append(DataProvider(port))
    return started[-1]


def settled(reference, candidate):
    """Both have loaded: they list the same runs, or will not any more."""
    def same():
        return sorted(reference.runs()) == sorted(candidate.runs()) and reference.plugins() == candidate.plugins()
    deadline = time.monotonic() + 30
    while not same() and time.monotonic() < deadline:
        time.sleep(0.2)


def assert_same(differences, asked, at_least):
    assert not differences, f"{len(differences)} of {asked} answers differ:\n" + "\n".join(differences[:30])
    assert asked >= at_least


def test_every_method_answers_as_the_original(site, started, tmp_path):
    everything(tmp_path / "logs")
    site.start_collector("--logdir", tmp_path / "logs", data=False)
    started.append(DataServer(original(), tmp_path / "original", f"--logdir={tmp_path / 'logs'}"))
    reference = provider(started, started[-1].port())
    candidate = provider(started, site.port)
    settled(reference, candidate)
    assert_same(*compare_providers(reference, candidate), 500)
    assert reference.get("GetExperiment").data_location == candidate.get("GetExperiment").data_location


def test_as_a_data_server_every_method_answers_as_the_original(started, tmp_path):
    require(COLLECTOR)
    everything(tmp_path / "logs")
    started.append(DataServer(original(), tmp_path / "original", f"--logdir={tmp_path / 'logs'}/"))
    reference = provider(started, started[-1].port())
    started.append(DataServer(COLLECTOR, tmp_path / "ours", f"--logdir={tmp_path / 'logs'}/"))
    candidate = provider(started, started[-1].port())
    settled(reference, candidate)
    assert_same(*compare_providers(reference, candidate), 500)
    assert candidate.get("GetExperiment").data_location == f"{tmp_path / 'logs'}/"


def media_questions(reference):
    """The tags and data routes of what has no oracle of its own; what blob keys lead to is in the comparison of the providers."""
    for plugin in ("images", "audio", "histograms", "distributions", "text"):
        route = f"/data/plugin/{plugin}/"
        yield plugin, route + "tags", None, None
        for run, tags in reference.json(route + "tags").items():
            for tag in tags:
                if plugin not in ("images", "audio"):
                    yield plugin, route + plugin, {"run": run, "tag": tag}, None
    yield "timeseries", "/data/plugin/timeseries/tags", None, None


def dashboards_agree(reference, candidate):
    """Two stock TensorBoards with different sources of data."""
    reference.wait_for_runs(candidate.http.json("/data/runs"))
    wait_for(lambda: set(candidate.http.json("/data/runs")) == set(reference.http.json("/data/runs")), "both have all runs", 30)
    differences, asked = compare(reference.http, candidate.http)
    for questions in (media_questions, pr_curves_questions, mesh_questions, custom_scalars_questions, graphs_questions, hparams_questions):
        for question in list(questions(reference.http)):
            expected, answered = ask(reference.http, question), ask(candidate.http, question)
            asked += 1
            # It is the same front end: where it fails, it fails over any data.
            line = None if expected[0] == answered[0] >= 500 else difference(question, expected, answered)
            differences += [] if line is None else [line]
    images = candidate.http.json("/data/plugin/images/tags")
    for run, tags in images.items():
        for tag, about in tags.items():
            for sample in range(about["samples"]):
                sides = [side.http.json("/data/plugin/images/images", run=run, tag=tag, sample=sample) for side in (reference, candidate)]
                bodies = [[side.http.request("/data/plugin/images/individualImage?" + point["query"])[2] for point in listed]
                          for side, listed in zip((reference, candidate), sides)]
                asked += 1
                if bodies[0] != bodies[1] or [point["step"] for point in sides[0]] != [point["step"] for point in sides[1]]:
                    differences.append(f"images {run} {tag} {sample}")
    assert images
    assert_same(differences, asked, 300)


def enabled(server):
    return {name: about["enabled"] for name, about in server.http.json(LISTING).items()}


def test_stock_tensorboard_shows_every_dashboard_from_our_data_provider(site, started, tmp_path):
    everything(tmp_path / "logs")
    site.start_collector("--logdir", tmp_path / "logs", data=False)
    started.append(RealTensorBoard(tmp_path / "logs", tmp_path, None, name="reference"))
    reference = started[-1]
    started.append(RealTensorBoard(None, tmp_path, None, ["--grpc_data_provider", f"localhost:{site.port}"], name="in front"))
    candidate = started[-1]
    dashboards_agree(reference, candidate)
    # The projector reads a directory of its own, which this front end was not given.
    expected, found = enabled(reference), enabled(candidate)
    for listing in (expected, found):
        listing.pop("projector")
    assert found == expected
    assert {name for name, on in found.items() if on} >= {"timeseries", "scalars", "custom_scalars", "images", "audio", "graphs", "distributions",
                                                          "histograms", "text", "pr_curves", "hparams", "mesh"}


def test_stock_tensorboard_shows_every_dashboard_from_our_data_server(started, tmp_path):
    require(COLLECTOR)
    everything(tmp_path / "logs")
    started.append(RealTensorBoard(tmp_path / "logs", tmp_path, None, name="reference"))
    reference = started[-1]
    started.append(RealTensorBoard(tmp_path / "logs", tmp_path, None, env={"TENSORBOARD_DATA_SERVER_BINARY": str(COLLECTOR)}, name="ours"))
    candidate = started[-1]
    dashboards_agree(reference, candidate)
    wait_for(lambda: enabled(candidate) == enabled(reference), "both list the same tabs", 20)
    event_file(tmp_path / "logs", "later", 99).scalar("x", 1, 1.0).close()
    candidate.wait_for_runs(["later"])
    children = [int(pid) for pid in subprocess.run(["pgrep", "-P", str(candidate.program.pid)], capture_output=True, text=True).stdout.split()]
    assert any(os.path.realpath(f"/proc/{pid}/exe") == str(COLLECTOR.resolve()) for pid in children)
    candidate.program.kill()
    wait_for(lambda: not any(pathlib.Path(f"/proc/{pid}/exe").exists() for pid in children), "the data server ends with its TensorBoard", 10)


@pytest.mark.parametrize("flags", ["--logdir=", "--logdir=s3://bucket/x"])
def test_data_server_says_why_it_cannot_start(started, tmp_path, flags):
    for name, program in (("original", original()), ("ours", COLLECTOR)):
        started.append(DataServer(program, tmp_path / name, flags, f"--error-file={tmp_path / name / 'error'}"))
        assert started[-1].process.wait(timeout=10) == 8
        assert started[-1].error_file.read_text().strip()
        assert not started[-1].port_file.exists()


def test_data_server_ends_with_its_input_and_not_before(started, tmp_path):
    event_file(tmp_path / "logs", "a").scalar("x", 1, 1.0).close()
    for name, program in (("original", original()), ("ours", COLLECTOR)):
        started.append(DataServer(program, tmp_path / name, f"--logdir={tmp_path / 'logs'}"))
        server = started[-1]
        client = provider(started, server.port())
        server.process.stdin.write(b"anything\n")
        server.process.stdin.flush()
        wait_for(lambda: client.runs(), "the run is listed")
        assert server.end_input() == 0


def test_data_server_reads_once_if_told_and_keeps_as_many_points_as_told(started, tmp_path):
    file = event_file(tmp_path / "logs", "a")
    for step in range(20):
        file.scalar("x", step, step)
    file.close()
    for name, program in (("original", original()), ("ours", COLLECTOR)):
        (tmp_path / name).mkdir()
        command = [str(program), f"--logdir={tmp_path / 'logs'}", "--reload=once", "--samples-per-plugin=scalars=3", "--port=0",
                   f"--port-file={tmp_path / name / 'port'}", "--die-after-stdin"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE)
        started.append(type("Ending", (), {"close": staticmethod(lambda one=process: (one.stdin.close(), one.wait(timeout=10)))})())
        port_file = tmp_path / name / "port"
        wait_for(lambda: port_file.exists() and port_file.read_text().endswith("\n"), "the port is known", 10)
        client = provider(started, int(port_file.read_text()))
        wait_for(lambda: client.runs(), "the run is listed")
        read = client.get("ReadScalars", plugin_filter={"plugin_name": "scalars"}, downsample={"num_points": 100})
        steps = list(read.runs[0].tags[0].data.step)
        assert len(steps) == 3 and steps[-1] == 19
        event_file(tmp_path / "logs", f"later than {name}", 50).scalar("x", 1, 1.0).close()
        time.sleep(2)
        assert f"later than {name}" not in [run for run, _ in client.runs()]


def test_data_server_has_its_port_in_time_whatever_there_is_to_load(started, tmp_path):
    require(COLLECTOR)
    file = event_file(tmp_path / "logs", "a")
    for step in range(20_000):
        file.scalar("x", step, step)
    file.close()
    content = file.path.read_bytes()
    for copy in range(300):
        (tmp_path / "logs" / f"copy {copy}").mkdir()
        (tmp_path / "logs" / f"copy {copy}" / file.path.name).write_bytes(content)
    started.append(DataServer(COLLECTOR, tmp_path / "ours", f"--logdir={tmp_path / 'logs'}"))
    client = provider(started, started[-1].port())
    wait_for(lambda: len(client.runs()) == 301, "all is loaded", 60)
