"""The gRPC DataProvider against TensorBoard's own data server, and stock TensorBoard in front of the collector."""

import os
import pathlib
import shutil
import subprocess
import time

import pytest
import tensorboard_data_server
from comparison import compare, record
from data_provider_oracle import DataProvider, DataServer, compare_providers
from oracle import ALL_POINTS, RealTensorBoard
from programs import COLLECTOR, require, wait_for
from questions import QUESTIONS
from writers.basics import event_file

LISTING = "/data/plugins_listing"
FEW = 25  # questions of each route: native answers are compared whole elsewhere


@pytest.fixture
def started():
    """A list; what is appended is closed after the test."""
    made = []
    yield made
    for one in reversed(made):
        one.close()


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


def test_every_method_answers_as_the_original(site, whole, started, tmp_path):
    site.start_collector("--logdir", whole.logdir, data=False)
    started.append(DataServer(original(), tmp_path / "original", f"--logdir={whole.logdir}"))
    reference = provider(started, started[-1].port())
    candidate = provider(started, site.port)
    settled(reference, candidate)
    assert_same(*compare_providers(reference, candidate), 500)
    assert reference.get("GetExperiment").data_location == candidate.get("GetExperiment").data_location == str(whole.logdir)


def test_every_method_answers_as_the_original_through_an_agent(site, whole, started, tmp_path):
    site.start_collector()
    site.once("node", whole.logdir, flags=("--namespace", ""))
    started.append(DataServer(original(), tmp_path / "original", f"--logdir={whole.logdir}"))
    reference = provider(started, started[-1].port())
    candidate = provider(started, site.port)
    settled(reference, candidate)
    assert_same(*compare_providers(reference, candidate), 500)


def test_as_a_data_server_every_method_answers_as_the_original(whole, started, tmp_path):
    require(COLLECTOR)
    started.append(DataServer(original(), tmp_path / "original", f"--logdir={whole.logdir}/"))
    reference = provider(started, started[-1].port())
    started.append(DataServer(COLLECTOR, tmp_path / "ours", f"--logdir={whole.logdir}/"))
    candidate = provider(started, started[-1].port())
    settled(reference, candidate)
    assert_same(*compare_providers(reference, candidate), 500)
    assert candidate.get("GetExperiment").data_location == f"{whole.logdir}/"


def dashboards_agree(reference, candidate, at_least=600):
    """Two stock TensorBoards with different sources of data."""
    reference.wait_for_runs(candidate.http.json("/data/runs"))
    wait_for(lambda: set(candidate.http.json("/data/runs")) == set(reference.http.json("/data/runs")), "both have all runs", 30)
    wait_for(lambda: enabled(candidate) == enabled(reference), "both list the same tabs", 20)
    # The projector reads a directory of its own.
    answers = record(reference.http, [plugin for plugin in QUESTIONS if plugin not in ("core", "projector")], FEW)
    # It is the same front end: where it fails, it fails over any data.
    assert_same(*compare((answer for answer in answers if answer.status < 500), candidate.http), at_least)


def enabled(server):
    return {name: about["enabled"] for name, about in server.http.json(LISTING).items()}


def test_stock_tensorboard_shows_every_dashboard_from_our_data_provider(site, whole, started, tmp_path):
    site.start_collector("--logdir", whole.logdir, data=False)
    # Of the projector it needs the directory, of all others nothing.
    source = ["--grpc_data_provider", f"localhost:{site.port}", "--logdir", whole.logdir]
    started.append(RealTensorBoard(None, tmp_path, ALL_POINTS, source, name="in front"))
    dashboards_agree(whole.reference, started[-1])
    on = {name for name, is_on in enabled(started[-1]).items() if is_on}
    assert on >= {"timeseries", "scalars", "custom_scalars", "images", "audio", "graphs", "distributions", "histograms", "text", "pr_curves", "hparams", "mesh"}


def test_stock_tensorboard_shows_every_dashboard_from_our_data_server(whole, started, tmp_path):
    require(COLLECTOR)
    logdir = tmp_path / "logs"
    shutil.copytree(whole.logdir, logdir, symlinks=True)
    started.append(RealTensorBoard(logdir, tmp_path, ALL_POINTS, env={"TENSORBOARD_DATA_SERVER_BINARY": str(COLLECTOR)}, name="ours"))
    candidate = started[-1]
    dashboards_agree(whole.reference, candidate)
    event_file(logdir, "later", 99).scalar("x", 1, 1.0).close()
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
