import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from namespaces import FarNodes  # noqa: E402
from programs import Site  # noqa: E402


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
def far_nodes():
    """Network namespaces beside this machine; they end with the test."""
    nodes = FarNodes()
    yield nodes
    nodes.close()
