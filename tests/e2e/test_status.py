"""`tributary-agent status`: what it shows of the cluster is what /api/v1/cluster answers and the Cluster tab shows."""

import json
import re
import socket
import subprocess
import sys
import threading

import pytest

from event_files import EventFile
from programs import AGENT, Http, require, wait_for


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def run_status(port, *flags):
    require(AGENT)
    return subprocess.run([str(AGENT), "status", "--collector", f"127.0.0.1:{port}", *map(str, flags)], capture_output=True, text=True, timeout=60)


def status(port, *flags):
    done = run_status(port, *flags)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def table(text, first):
    """The rows below the heading that begins with `first`: {column: cell}."""
    lines = text.split("\n")
    heading = next(place for place, line in enumerate(lines) if line.startswith(first + "  "))
    columns = [(found.group(), found.start()) for found in re.finditer(r"\S+(?: \S+)*", lines[heading])]
    ends = [start for _, start in columns[1:]] + [None]
    rows = []
    for line in lines[heading + 1:]:
        if line == "" or re.match(r"\d+ (node|service|file)s?\b", line):
            break
        rows.append({name: line[start:end].strip() for (name, start), end in zip(columns, ends)})
    return rows


class Web:
    """A web page that `exec` holds the port of. It outlives an `exec` that is killed, but not the test."""

    def __init__(self, site, node, *flags):
        self.pid_file = site.directory / f"{node}.pid"
        serve = f"echo $$ > {self.pid_file}; exec {sys.executable} -m http.server --bind 127.0.0.1 --directory {site.directory} $0"
        self.holder = site.start(f"exec-{node}", AGENT, "exec", "--collector", f"127.0.0.1:{site.port}", "--node", node, "--service", "web",
                                 "--mode", "strip", *flags, "--", "sh", "-c", serve, "{port}")

    def close(self):
        if self.pid_file.exists():
            subprocess.run(["kill", self.pid_file.read_text().strip()], check=False, stderr=subprocess.DEVNULL)


@pytest.fixture
def web(site):
    """Starts pages of nodes."""
    started = []

    def start(*arguments):
        started.append(Web(site, *arguments))
        return started[-1].holder

    yield start
    for one in started:
        one.close()


def of_services(nodes):
    return {(node["name"], service["service"]): service for node in nodes for service in node["services"]}


def settled(node):
    """Without what changes by itself."""
    return {key: value for key, value in node.items() if key not in ("clock_offset_s", "lag_s")}


@pytest.mark.parametrize("prefix", ["", "/tb"])
def test_services_ports_and_conflicts_are_those_of_the_api(site, web, tmp_path, prefix):
    site.start_collector(*(["--path_prefix", prefix] if prefix else []))
    EventFile(tmp_path / "logs" / "run" / "events.out.tfevents.1700000000.h.1.0").scalar("loss", 1, 0.5)

    def cluster():
        return site.http.json(f"{prefix}/api/v1/cluster", streams=0)

    def states():
        return {key: service["state"] for key, service in of_services(cluster()["nodes"]).items()}

    wish = free_port()
    site.start_agent("one", tmp_path / "logs")
    for node, *flags in (("one", "--port", wish), ("two", "--port", wish), ("three",)):  # one after the other: the second finds the wish taken
        holder = web(node, *flags)
        wait_for(lambda: states().get((node, "web")) == "live", f"the service of {node} is live")
    holder.kill()
    wait_for(lambda: states()[("three", "web")] == "stale", "the killed one is stale")
    wait_for(lambda: any(node["totals"]["durable"] for node in cluster()["nodes"]), "the file is durable")

    answer = cluster()
    text = status(site.port, "--cluster")
    nodes = {row["NODE"]: (row["STATE"], row["FILES"], row["HOLES"], row["VERSION"]) for row in table(text, "NODE")}
    assert nodes == {node["name"]: (node["state"], str(node["totals"]["streams"]), str(node["totals"]["holes"]), node["version"] or "-") for node in answer["nodes"]}

    shown = {(row["NODE"], row["SERVICE"]): (row["PORT"], row["STATE"], row["MODE"], row["OPENS AT"]) for row in table(text, "SERVICE")}
    origin = f"http://127.0.0.1:{site.port}"
    live = {key: service["state"] == "live" for key, service in of_services(answer["nodes"]).items()}
    assert shown == {key: (str(service["port"]), service["state"], service["mode"], origin + service["url"] if live[key] else "-")
                     for key, service in of_services(answer["nodes"]).items()}
    assert sum(live.values()) == 2 and len(live) == 3
    for _, _, _, url in shown.values():
        assert url == "-" or Http("").request(url)[0] == 200

    conflicts = [(row["WANTED TWICE"], row["BY"], row["WHAT WAS DONE"]) for row in table(text, "WANTED TWICE")]
    assert conflicts == [(f"{one['kind']} {one['wanted']}", " and ".join(one["holders"]), one["resolution"]) for one in answer["conflicts"]]
    assert len(conflicts) == 1 and "one/web" in conflicts[0][1] and "two/web" in conflicts[0][1]
    assert "3 services, of which 2 open; 1 conflict\n" in text
    assert f"{origin}{prefix}/api/v1/cluster?node=NODE" in text

    # For machines it is the answer itself.
    told = json.loads(status(site.port, "--cluster", "--json"))
    assert {**told, "time": 0, "nodes": [settled(node) for node in told["nodes"]]} == {**answer, "time": 0, "nodes": [settled(node) for node in answer["nodes"]]}

    # Of one node: its files, then its services.
    own = status(site.port, "--node", "one", "--logdir", tmp_path / "logs")
    assert own.startswith("RUN ") and "all that is here is durable\n\nSERVICE " in own
    assert [row["OPENS AT"] for row in table(own, "SERVICE")] == [shown[("one", "web")][3]]
    assert own.endswith("1 service\nthe cluster: 1 conflict, which status --cluster lists\n")
    told = json.loads(status(site.port, "--node", "one", "--logdir", tmp_path / "logs", "--json"))
    assert [stream["file"] for stream in told["streams"]] == ["run/events.out.tfevents.1700000000.h.1.0"]
    assert [settled(node) for node in told["cluster"]["nodes"]] == [settled(node) for node in answer["nodes"] if node["name"] == "one"]


def test_a_thousand_nodes_what_needs_a_look_first(site, many_agents):
    site.start_collector()
    many_agents(1000, 1)
    wait_for(lambda: len(site.http.json("/api/v1/cluster", streams=0)["nodes"]) == 1000, "all have joined")
    # The picture is drawn twice a second.
    text = wait_for(lambda: text if "30 need a look" in (text := status(site.port, "--cluster")) else "", "all troubles are known")
    rows = table(text, "NODE")
    assert len(rows) == 1000
    assert [row["NODE"] for row in rows[:3]] == ["gpu0003", "gpu0007", "gpu0057"]
    assert [row["TROUBLE"] == "-" for row in rows] == [False] * 30 + [True] * 970
    assert "clock is off by +12 s" in rows[0]["TROUBLE"] and "1 hole" in rows[1]["TROUBLE"]
    assert "\n1000 nodes: 1000 connected, 0 away, 30 need a look; 1000 files, " in text
    assert text.endswith("has them\n")


def test_names_cannot_steer_the_terminal(site, tmp_path, many_agents):
    site.start_collector()
    hostile = ["\x1b]0;x\x07", "\x1b[2J", "a\rb", "\u009b31m", "\u202eevil", "\u200b"]
    names = tmp_path / "names.json"
    names.write_text(json.dumps([{"node": name, "run": name, "file": f"{number}/events.out.tfevents.1.h.1.0"} for number, name in enumerate(hostile)]))
    many_agents(names)
    wait_for(lambda: len(site.http.json("/api/v1/cluster")["nodes"]) == len(hostile), "all have joined")
    text = status(site.port, "--cluster")
    assert re.sub(r"[ -~\n]", "", text) == ""
    assert len(table(text, "NODE")) == len(hostile)


def test_a_collector_without_the_route(site):
    """As one that is older than this agent, or has something before it that lets gRPC pass alone."""
    site.start_collector()
    answer = [b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot found"]

    def pump(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def serve(connection):
        with connection:
            if connection.recv(3, socket.MSG_PEEK) != b"PRI":
                connection.recv(4096)
                connection.sendall(answer[0])
                return
            with socket.create_connection(("127.0.0.1", site.port)) as upstream:
                back = threading.Thread(target=pump, args=(upstream, connection), daemon=True)
                back.start()
                pump(connection, upstream)
                back.join()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        def accept():
            try:
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
            except OSError:
                pass

        threading.Thread(target=accept, daemon=True).start()
        port = listener.getsockname()[1]
        done = run_status(port, "--cluster")
        assert (done.returncode, done.stdout) == (1, "")
        assert f"the collector at 127.0.0.1:{port} has no /api/v1/cluster: update it" in done.stderr
        answer[0] = b""
        done = run_status(port, "--cluster", "--json")
        assert (done.returncode, done.stdout) == (1, "")
        assert "gives no answer of HTTP/1; tributary-agent doctor tells" in done.stderr


def test_usage_and_an_unreachable_collector(tmp_path):
    port = free_port()
    done = run_status(port, "--cluster", "--connect-timeout", "500ms")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"127.0.0.1:{port} cannot be reached" in done.stderr
    assert run_status(port).returncode == 2
