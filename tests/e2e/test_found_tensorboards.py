"""TensorBoards that run on a node already open from the one URL, without anybody registering them."""

import json
import pathlib
import sys

import pytest
from event_files import EventFile
from programs import AGENT, wait_for

TENSORBOARD = pathlib.Path(sys.executable).parent / "tensorboard"


class Node:
    """An agent, and a directory of temporary files that it shares with the TensorBoards of its node."""

    def __init__(self, site):
        self.site = site
        self.temporary = site.directory / "tmp"
        self.temporary.mkdir()
        self.env = {"TMPDIR": str(self.temporary)}
        logdir = site.directory / "agent logdir"
        logdir.mkdir()
        site.start_collector()
        self.agent = self.start_agent(logdir)

    def start_agent(self, logdir, name="agent"):
        return self.site.start_agent("one", logdir, name=name, flags=("--find-tensorboards", "auto"), env=self.env)

    def start_tensorboard(self, run, *flags, wrapper=()):
        """A real one, the data of which is one run of that name."""
        if not TENSORBOARD.exists():
            pytest.skip("tensorboard is not installed")
        logdir = self.site.directory / f"logs of {run}"
        EventFile(logdir / run / "events.out.tfevents.1").scalar("loss", 1, 0.5)
        port = () if wrapper else ("--port", "0")
        return self.site.start(run, *wrapper, TENSORBOARD, "--logdir", logdir, *port, *flags, env=self.env)

    def services(self):
        node, = [node for node in self.site.http.json("/api/v1/cluster", streams=0)["nodes"] if node["name"] == "one"] or [{"services": []}]
        return {one["service"]: one for one in node["services"]}

    def live(self, count):
        services = self.services()
        return services if [one["state"] for one in services.values()] == ["live"] * count else None

    def runs(self, service):
        """What the TensorBoard behind the service shows, through the collector; its page must be there too."""
        url = self.services()[service]["url"]
        status, headers, body = self.site.http.request(url)
        assert status == 200 and "text/html" in headers["Content-Type"] and b"TensorBoard" in body, (status, body[:200])
        return json.loads(self.site.http.request(f"{url}data/runs")[2])


@pytest.fixture
def node(site):
    return Node(site)


def test_each_opens_from_the_one_url_for_as_long_as_it_runs(node):
    plain = node.start_tensorboard("plain")
    wait_for(lambda: node.live(1), "the first is found")
    below = node.start_tensorboard("below", "--path_prefix", "/tb")
    services = wait_for(lambda: node.live(2), "both are found")
    assert set(services) == {"tensorboard", "tensorboard~2"}
    assert services["tensorboard"]["pid"] == plain.pid and "logs of plain" in services["tensorboard"]["command"]
    wait_for(lambda: node.runs("tensorboard") == ["plain"], "its data is there")
    wait_for(lambda: node.runs("tensorboard~2") == ["below"], "that of the one below a path too")

    # No name moves to another TensorBoard when the agent starts anew.
    node.agent.kill()
    wait_for(lambda: {one["state"] for one in node.services().values()} == {"stale"}, "its services are stale")
    node.start_agent(node.site.directory / "agent logdir", name="agent-again")
    wait_for(lambda: node.live(2), "both are found again")
    assert node.runs("tensorboard") == ["plain"] and node.runs("tensorboard~2") == ["below"]

    # The file of one that was killed stays.
    plain.kill()
    wait_for(lambda: list(node.services()) == ["tensorboard~2"], "the killed one is gone")
    below.stop()
    wait_for(lambda: not node.services(), "both are gone")


def test_what_exec_started_is_not_found_once_more(node):
    started = node.start_tensorboard("started", "--port", "{port}", "--path_prefix", "{prefix}",
                                     wrapper=(AGENT, "exec", "--collector", f"127.0.0.1:{node.site.port}", "--node", "one", "--service", "board",
                                              "--"))
    wait_for(lambda: node.live(1), "it is live")
    other = node.start_tensorboard("other")
    services = wait_for(lambda: node.live(2), "the other is found")
    # The other one was found in the same look as the one of exec would have been.
    assert set(services) == {"board", "tensorboard"} and services["tensorboard"]["pid"] == other.pid
    assert node.runs("board") == ["started"]
    started.stop()
    wait_for(lambda: list(node.services()) == ["tensorboard"], "exec took its service along")


def test_one_that_is_not_to_be_found_is_not(site, tmp_path):
    site.start_collector()
    logdir = tmp_path / "logs"
    logdir.mkdir()
    agent = site.start_agent("one", logdir, flags=("--find-tensorboards", "off"))
    wait_for(lambda: site.http.json("/api/v1/cluster")["nodes"], "the agent is there")
    assert agent.running()
    assert site.http.json("/api/v1/cluster", streams=0)["nodes"][0]["services"] == []
