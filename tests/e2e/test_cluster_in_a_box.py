"""A whole cluster on one machine: eight nodes with networks of their own, and one URL for everything on them."""

import contextlib
import json
import pathlib
import subprocess
import sys
import urllib.parse

import pytest
from chromium import needs_browser
from programs import AGENT, require, wait_for
from test_cluster_tab import Tab
from test_gateway import WebSocket, request
from test_ports import services

pytestmark = needs_browser

HERE = pathlib.Path(__file__).parent
TENSORBOARD = pathlib.Path(sys.executable).parent / "tensorboard"
NODES = [f"node{number}" for number in range(8)]
RUNS = ("bert/rank0", "bert/rank1")
# Ports that nobody of this test may have but by a lease.
RANGE = range(6006, 7006)


class Box:
    """The cluster: what runs on each node, and what the collector says of it."""

    def __init__(self, site, far_nodes):
        self.site, self.far_nodes = site, far_nodes
        for node in NODES:
            far_nodes.make(node[0] + node[-1])

    def on(self, node):
        return self.far_nodes.run_in(node[0] + node[-1])

    def collector_of(self, node):
        return f"{self.far_nodes.gateway(node[0] + node[-1])}:{self.site.port}"

    def logdir(self, node):
        return self.site.directory / node / "logs"

    def start_collector(self):
        self.site.start_collector("--host", "0.0.0.0", "--plaintext", "--no-auth")

    def start_training(self):
        for node in NODES:
            for run in RUNS:
                self.site.start(f"training-{node}-{run.replace('/', '-')}", *self.on(node), sys.executable, HERE / "training.py", self.logdir(node) / run)
        wait_for(lambda: all(list(self.logdir(node).glob(f"{run}/*tfevents*")) for node in NODES for run in RUNS), "all train")

    def plan(self, *flags):
        """{node: runs} as `plan` says on each."""
        planned = {}
        for node in NODES:
            done = subprocess.run([*self.on(node), AGENT, "plan", "--json", "--node", node, "--logdir", self.logdir(node),
                                   *(flags and [*flags, "--collector", self.collector_of(node)])], capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stdout + done.stderr
            planned[node] = sorted(entry["run"] for entry in json.loads(done.stdout)["files"])
        return planned

    def start_agents(self):
        for node in NODES:
            self.site.start(f"agent-{node}", *self.on(node), AGENT, "--collector", self.collector_of(node), "--plaintext", "--node", node,
                            "--logdir", self.logdir(node))

    def start_exec(self, node, service, *command, wish=None):
        self.site.start(f"{service}-{node}", *self.on(node), AGENT, "exec", "--collector", self.collector_of(node), "--plaintext", "--node", node,
                        "--service", service, *(["--port", wish] if wish else []), "--", *command)

    def start_tensorboard(self, node):
        self.start_exec(node, "tensorboard", TENSORBOARD, "--logdir", self.logdir(node), "--host", "127.0.0.1", "--port", "{port}",
                        "--path_prefix", "{prefix}", "--reload_interval", "60", wish=6006)

    def start_notebook(self, node, knows_its_prefix):
        self.start_exec(node, "notebook", sys.executable, HERE / "gateway_service.py", "--port", "{port}", *(["{prefix}"] if knows_its_prefix else []))

    def status(self, node):
        """The whole cluster, asked for on a node."""
        return subprocess.run([*self.on(node), AGENT, "status", "--cluster", "--collector", self.collector_of(node), "--plaintext"],
                              check=True, capture_output=True, text=True, timeout=60).stdout

    def runs(self):
        return sorted(self.site.http.json("/data/runs"))

    def services(self, service):
        return {node: one for (node, name), one in services(self.site).items() if name == service}

    def all_live(self):
        found = services(self.site)
        return len(found) == 2 * len(NODES) and all(one["state"] == "live" for one in found.values())

    def addresses(self):
        """What a viewer keeps: {(node, service): (port, mode, url)}."""
        return {key: (one["port"], one["mode"], one["url"]) for key, one in services(self.site).items()}

    def answer(self):
        """Whether each dashboard answers at its address."""
        for (node, service), one in services(self.site).items():
            host = f"{service}--{node}.localhost:{self.site.port}" if one["mode"] == "host" else None
            with contextlib.suppress(OSError):
                status, headers, body = request(self.site, "GET", one["url"])
                if host and status == 307 and headers["Location"] == f"//{host}/":
                    status, _, body = request(self.site, "GET", "/", host=host)
                if status == 200 and (b"A page of the node" if service == "notebook" else b"TensorBoard") in body:
                    continue
            return False
        return True


@pytest.fixture
def box(far_nodes, site):
    require(AGENT)
    if not TENSORBOARD.exists():
        pytest.skip("tensorboard is not installed")
    made = Box(site, far_nodes)
    yield made
    # The collector last: an agent waits for it until all is durable.
    rest = [program for program in site.programs if program is not site.collector and program.running()]
    for program in rest:
        program.process.terminate()
    for program in rest:
        program.wait(40)


def seen_in_a_browser(box):
    """Opens each dashboard by its link in the Cluster tab, and waits until it shows what only it has. Returns the errors of all pages."""
    base = f"http://localhost:{box.site.port}/"
    text = "document.body?.innerText"
    with Tab() as browser:
        browser.open(base + "#timeseries")
        browser.wait(f"{text}.includes('node0/bert/rank0') && {text}.includes('accuracy')", "the collector's page is drawn")
        browser.open(base + "#cluster")
        browser.click("Services")
        links = {}
        for (node, service), one in services(box.site).items():
            links[node, service] = urllib.parse.urljoin(base, one["url"])
            browser.wait_tab(f"[...document.querySelectorAll('main a')].some((a) => a.href === {json.dumps(links[node, service])})",
                             f"{links[node, service]} is linked")
        for (node, service), link in sorted(links.items()):
            browser.open("about:blank")
            browser.open(link)
            if service == "notebook":
                browser.wait(f"{text}.includes('echo hello')", f"the WebSocket of {node} echoes")
            else:
                browser.wait(f"{text}.includes('bert/rank1') && {text}.includes('accuracy')", f"the TensorBoard of {node} is drawn")
        return browser.errors


def test_cluster_in_a_box(box):
    box.start_training()
    planned = box.plan()
    assert planned == {node: [f"{node}/{run}" for run in RUNS] for node in NODES}
    box.start_collector()
    assert box.site.port not in RANGE
    box.start_agents()

    box.start_tensorboard(NODES[0])
    wait_for(lambda: NODES[0] in box.services("tensorboard"), "the first TensorBoard has its number")
    for node in NODES[1:]:
        box.start_tensorboard(node)
    wait_for(lambda: len(box.services("tensorboard")) == len(NODES), "all have theirs")
    for number, node in enumerate(NODES):
        box.start_notebook(node, knows_its_prefix=number % 2 == 0)
    wait_for(box.all_live, "all dashboards are live", seconds=90)

    # Names.
    names = sorted(run for runs in planned.values() for run in runs)
    wait_for(lambda: box.runs() == names, "all runs are there")
    assert box.plan("--plaintext") == planned
    # Ports.
    boards = {node: one["port"] for node, one in box.services("tensorboard").items()}
    assert boards[NODES[0]] == 6006
    assert sorted(boards.values()) == list(range(6006, 6014))
    assert sorted(one["port"] for one in box.services("notebook").values()) == list(range(6014, 6022))
    conflicts = [one for one in box.site.http.json("/api/v1/cluster")["conflicts"] if one["kind"] == "port"]
    assert len(conflicts) == 7
    for conflict in conflicts:
        assert conflict["wanted"] == "6006"
        assert "node0/tensorboard" in conflict["holders"][0]
    assert "\n16 services; 7 conflicts\n" in box.status(NODES[5])
    # Dashboards.
    wait_for(box.answer, "all dashboards answer", seconds=60)
    assert seen_in_a_browser(box) == []

    addresses = box.addresses()
    box.site.collector.kill()
    box.start_collector()
    wait_for(lambda: box.all_live() and box.answer(), "all dashboards answer again", seconds=30)
    assert box.addresses() == addresses
    wait_for(lambda: box.runs() == names, "all runs are there again", seconds=30)
    web_socket = WebSocket(box.site, addresses[(NODES[0], "notebook")][2] + "ws", f"http://localhost:{box.site.port}")
    assert web_socket.echo(b"again") == b"again"
