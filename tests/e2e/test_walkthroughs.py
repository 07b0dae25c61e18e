"""deploy/README.md: its commands, as they stand there, on machines of their own (network namespaces, so that ports are free and loopback is each
one's own). Replaced is only: HEAD by the head's address, and ssh by a stand-in that forwards a port as `ssh -L` does."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from event_files import EventFile
from programs import AGENT, COLLECTOR, WEBFILES, require, wait_for

GUIDE = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "README.md"
FILE = "events.out.tfevents.1700000000.h.1.0"


def blocks(heading):
    """[(where, [command, …])] of the section."""
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", GUIDE.read_text(), re.S | re.M)[1]
    return [(where.split(), commands.splitlines()) for where, commands in re.findall(r"^```sh (\w+(?: ssh)?)\n(.*?)^```$", section, re.S | re.M)]


# The node's end of `ssh -L PORT:localhost:PORT HOST`; the other end, which sshd would be, is `far` on the head.
FORWARD = f"""#!{sys.executable}
import re, socket, sys, threading
line = " ".join(sys.argv[1:])
here, there, host = re.search(r"-L (\\d+):localhost:(\\d+) (\\S+)", line).groups()
bind, onward = ("127.0.0.1", (host, 2200)) if "--far" not in sys.argv else ("", ("127.0.0.1", int(there)))
port = int(here) if "--far" not in sys.argv else 2200
def copy(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass
def one(client):
    try:
        upstream = socket.create_connection(onward)
    except OSError:
        client.close()
        return
    threading.Thread(target=copy, args=(upstream, client), daemon=True).start()
    copy(client, upstream)
server = socket.create_server((bind, port))
while True:
    threading.Thread(target=one, args=(server.accept()[0],), daemon=True).start()
"""


class Walk:
    """Runs the commands of a guide: what serves or follows goes on, the rest must end well."""

    def __init__(self, site, nodes, directory):
        require(COLLECTOR)
        require(AGENT)
        self.site, self.nodes, self.directory, self.count = site, nodes, directory, 0
        self.head = None
        bin_directory = directory / "bin"
        bin_directory.mkdir()
        for program in (AGENT, COLLECTOR):
            (bin_directory / program.name).symlink_to(program)
        (bin_directory / "ssh").write_text(FORWARD)
        (bin_directory / "ssh").chmod(0o755)
        self.env = {"PATH": f"{bin_directory}:{os.environ['PATH']}", "TRIBUTARY_WEBFILES": str(WEBFILES), "HOME": str(directory)}

    def run(self, where, line):
        command = [*self.nodes.run_in(where), *line.replace("HEAD", self.head or "HEAD").split()]
        self.count += 1
        ends = "--once" in line or line.split()[1] in ("doctor", "plan", "status", "drain")
        program = self.site.start(f"{self.count}-{where}", "env", "-C", self.directory, *command, env=self.env)
        if ends:
            assert program.wait(60) == 0, f"{line}\n{program.text()}"
        return program

    def runs(self, where, port, path="/data/runs"):
        done = subprocess.run([*self.nodes.run_in(where), "curl", "-sf", "--noproxy", "*", f"http://localhost:{port}{path}"], capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def await_runs(self, where, port, expected):
        wait_for(lambda: sorted(self.runs(where, port) or []) == sorted(expected), f"{where}: {expected} at port {port}, not {self.runs(where, port)}")


@pytest.fixture
def walk(site, far_nodes, tmp_path):
    for name in ("head", "node", "laptop"):
        far_nodes.make(name)
    for name in ("fit/run1", "alice/a1", "bob/b1"):
        EventFile(tmp_path / "logs" / name / FILE).scalar("loss", 1, 0.5).close()
    return Walk(site, far_nodes, tmp_path)


def test_every_command_of_the_guide_belongs_to_a_test():
    headings = re.findall(r"^## (.*)$", GUIDE.read_text(), re.M)
    assert headings[:-1] == ["One machine, the default port", "Own ports and directories, several instances on one machine", "Nodes behind a firewall or NAT"]
    # No block without a place, which no test would run.
    assert len(re.findall(r"^```\w+", GUIDE.read_text(), re.M)) == sum(len(blocks(heading)) for heading in headings[:-1])


def test_one_machine_the_default_port(walk):
    (_, [serve]), (_, [doctor]) = blocks("One machine, the default port")
    collector = walk.run("head", serve)
    walk.await_runs("head", 6006, ["run1"])
    assert "http://localhost:6006/" in collector.text()
    EventFile(walk.directory / "logs" / "fit" / "run2" / FILE).scalar("loss", 1, 0.5).close()
    walk.await_runs("head", 6006, ["run1", "run2"])
    assert "open here: http://localhost:6006/" in walk.run("head", doctor).text()
    # As the text says of a port that somebody has.
    second = walk.run("head", serve)
    wait_for(lambda: "http://localhost:6007/" in second.text(), "the next one is taken")


def test_own_ports_and_several_instances(walk):
    (_, apart), (_, [together]), (_, [store, once]) = blocks("Own ports and directories, several instances on one machine")
    for line in apart:
        walk.run("head", line)
    walk.await_runs("head", 7001, ["a1"])
    walk.await_runs("head", 7002, ["b1"])
    refused = walk.run("head", apart[0])
    assert refused.wait() == 1 and re.search(r"port 7001 is taken by tributary-collector \(pid \d+\)", refused.text()), refused.text()
    walk.run("head", together)
    walk.await_runs("head", 7003, ["alice/a1", "bob/b1"])
    keeper = walk.run("head", store)
    wait_for(lambda: walk.runs("head", 7004) is not None, "the store is served")
    walk.run("head", once)
    walk.await_runs("head", 7004, ["mine/a1"])
    # "the first start remembers the port"
    assert keeper.stop() == 0
    walk.run("head", store.replace(" --port 7004", ""))
    walk.await_runs("head", 7004, ["mine/a1"])


def listeners(walk, where):
    """Ports that something in the namespace listens on."""
    tables = subprocess.check_output([*walk.nodes.run_in(where), "cat", "/proc/net/tcp", "/proc/net/tcp6"], text=True)
    return {int(line.split()[1].rsplit(":", 1)[1], 16) for line in tables.splitlines() if line.split()[3] == "0A"}


def test_nodes_behind_a_firewall_or_nat(walk):
    walk.head = walk.nodes.join("head", "node")
    (_, [serve]), (_, [agent]), (node_ssh, [tunnel, through]), (laptop_ssh, [laptop]), (_, [doctor]) = blocks("Nodes behind a firewall or NAT")
    assert node_ssh == ["node", "ssh"] and laptop_ssh == ["laptop", "ssh"]
    walk.run("head", serve)
    wait_for(lambda: walk.runs("head", 6006) is not None, "the collector is ready")
    walk.run("node", agent)
    walk.await_runs("head", 6006, ["node07/run1"])
    # Nothing has to reach the node: it opens no port.
    assert listeners(walk, "node") == set()
    assert f"open here: http://{walk.head}:6006/" in walk.run("node", doctor).text()


def test_through_ssh_the_collector_may_stay_on_loopback(walk):
    walk.head = walk.nodes.join("head", "node")
    (_, [serve]), _, (_, [tunnel, through]), (_, [laptop]), (_, [doctor]) = blocks("Nodes behind a firewall or NAT")
    walk.run("head", serve.replace(" --bind_all --plaintext --no-auth", ""))
    wait_for(lambda: walk.runs("head", 6006) is not None, "the collector is ready")
    # What sshd would be.
    walk.run("head", "ssh --far -L 0:localhost:6006 HEAD")
    wait_for(lambda: 2200 in listeners(walk, "head"), "the far end of the tunnel")
    # Without the tunnel the doctor says what the text says.
    told = walk.site.start("blocked", "env", "-C", walk.directory, *walk.nodes.run_in("node"), *doctor.replace("HEAD", walk.head).split(), env=walk.env)
    assert told.wait(60) == 1 and f"ssh -L 6006:localhost:6006 {walk.head}" in told.text(), told.text()
    walk.run("node", tunnel)
    wait_for(lambda: 6006 in listeners(walk, "node"), "the tunnel")
    walk.run("node", through)
    walk.await_runs("head", 6006, ["node08/run1"])

    walk.head = walk.nodes.join("head", "laptop")
    walk.run("laptop", laptop)
    wait_for(lambda: walk.runs("laptop", 6006) == ["node08/run1"], "the laptop sees it")
