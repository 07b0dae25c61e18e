import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from comparison import record  # noqa: E402
from namespaces import FarNodes  # noqa: E402
from oracle import QUIET_SECONDS, RealTensorBoard, settled  # noqa: E402
from programs import BUILD, Site  # noqa: E402
from writers import everything  # noqa: E402


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    setattr(item, "report_" + report.when, report)
    return report


@pytest.fixture
def site(tmp_path, request):
    """A directory with a collector and agents that end with the test. Their logs are shown if it fails."""
    made = Site(tmp_path)
    yield made
    made.close()
    report = getattr(request.node, "report_call", None)
    if report is not None and report.failed:
        print(made.logs())


@pytest.fixture
def screenshots():
    """Kept as artefacts of the run, to be looked at."""
    directory = BUILD / "results" / "screenshots"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@pytest.fixture
def many_agents(site, tmp_path):
    """Starts sessions of many agents; they end with the test."""
    started = []

    def start(*arguments):
        process = subprocess.Popen([sys.executable, pathlib.Path(__file__).parent / "many_agents.py", f"127.0.0.1:{site.port}", *map(str, arguments)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.stdin.close()
        process.stdout.close()
        process.wait(30)


@pytest.fixture
def far_nodes():
    """Network namespaces beside this machine; they end with the test."""
    nodes = FarNodes()
    yield nodes
    nodes.close()


@pytest.fixture
def reference(tmp_path):
    """Starts real TensorBoards that end with the test."""
    started = []

    def start(logdir, samples=None, **more):
        started.append(RealTensorBoard(logdir, tmp_path, samples, name=f"tensorboard-{len(started)}", **more))
        return started[-1]

    yield start
    for server in started:
        server.close()


class Everything:
    """A directory with every plugin's data by every writer; the real TensorBoard on it, and what that answers."""

    def __init__(self, directory):
        self.logdir = directory / "logs"
        everything(self.logdir)
        self.reference = RealTensorBoard(self.logdir, directory)
        self.recorded = None

    def answers(self, candidate):
        """Recorded once, when the reference shows all that the candidate, which has loaded, shows."""
        if self.recorded is None:
            settled(self.reference, candidate, QUIET_SECONDS)
            self.recorded = list(record(self.reference.http))
        return self.recorded


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    made = Everything(tmp_path_factory.mktemp("everything"))
    yield made
    made.reference.close()
