"""`tributary-agent connect`: a local port that leads to the collector, for those who can only speak to localhost."""

import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from event_files import EventFile
from programs import AGENT, Http, require, wait_for

FILE = "events.out.tfevents.1700000000.h.1.0"


@pytest.fixture
def connect(site):
    """Starts `connect` to an address and returns (program, port)."""

    def start(target, *flags, within=(), name="connect"):
        require(AGENT)
        port_file = site.directory / f"{name}.port"
        program = site.start(name, *within, AGENT, "connect", "--collector", target, "--listen", "127.0.0.1:0", "--port-file", port_file, *flags)
        wait_for(lambda: port_file.exists() or not program.running(), "connect listens")
        assert program.running(), program.text()
        return program, int(port_file.read_text())

    return start


def test_curl_and_a_stock_tensorboard_go_through_it(site, connect, tmp_path):
    file = EventFile(tmp_path / "logs" / "run" / FILE)
    for step in range(10):
        file.scalar("loss", step, 1.0 / (step + 1))
    site.start_collector()
    site.once("n1", tmp_path / "logs")
    program, port = connect(f"localhost:{site.port}")
    assert f"listening on 127.0.0.1:{port}, leads to localhost:{site.port}" in program.text()
    curl = subprocess.run(["curl", "-sS", "--noproxy", "*", f"http://127.0.0.1:{port}/data/runs"], capture_output=True, text=True)
    assert curl.stdout == '["n1/run"]', curl.stderr

    with socket.create_server(("127.0.0.1", 0)) as free:
        front = free.getsockname()[1]
    site.start("tensorboard", sys.executable, "-m", "tensorboard.main", "--grpc_data_provider", f"localhost:{port}", "--port", front,
               "--host", "127.0.0.1", env={"no_proxy": "localhost"})
    http = Http(f"http://127.0.0.1:{front}")

    def shown():
        try:
            return http.json("/data/plugin/scalars/tags")
        except (OSError, RuntimeError):
            return None

    assert wait_for(shown, "TensorBoard answers", 60) == {"n1/run": {"loss": {"displayName": "", "description": ""}}}
    # More than one request, over its one connection; and one that ends is no other's end.
    assert len(http.json("/data/plugin/scalars/scalars", run="n1/run", tag="loss")) == 10
    assert program.stop(10) == 0


def test_an_agent_of_a_node_that_reaches_nothing_else(site, connect, far_nodes, tmp_path):
    """From a namespace with its own loopback, to a collector of another machine."""
    far_nodes.make("a")
    file = EventFile(tmp_path / "logs" / FILE)
    file.scalar("loss", 1, 0.5)
    site.start_collector("--host", "0.0.0.0", "--plaintext", "--no-auth")
    _, port = connect(f"{far_nodes.gateway('a')}:{site.port}", "--plaintext", within=far_nodes.run_in("a"))
    agent = site.start("once", *far_nodes.run_in("a"), AGENT, "--once", "--collector", f"127.0.0.1:{port}", "--node", "n1", "--logdir", tmp_path / "logs")
    assert agent.wait() == 0, agent.text()
    wait_for(lambda: site.durable({("n1", FILE): tmp_path / "logs" / FILE}), "the collector shows it")


def test_it_listens_before_the_collector_and_outlives_it(site, connect):
    site.start_collector()
    _, port = connect(f"localhost:{site.port}")
    http = Http(f"http://127.0.0.1:{port}")
    assert http.request("/healthz")[0] == 200
    site.collector.kill()
    with pytest.raises(OSError):
        http.request("/healthz")
    site.start_collector()
    assert http.request("/healthz")[0] == 200


def test_half_close_back_pressure_and_the_end_of_one_connection(site, connect):
    """Against a plain server: what a client that only stops sending still gets, and a reader that takes nothing holds up nobody."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        program, port = connect(f"127.0.0.1:{server.getsockname()[1]}")

        def dial():
            client = socket.create_connection(("127.0.0.1", port))
            client.sendall(b"hello")
            upstream, _ = server.accept()
            assert upstream.recv(5, socket.MSG_WAITALL) == b"hello"
            return client, upstream

        client, upstream = dial()
        client.shutdown(socket.SHUT_WR)
        assert upstream.recv(1) == b""
        upstream.sendall(b"late answer")
        upstream.close()
        assert client.recv(100) == b"late answer" and client.recv(1) == b""

        # A reader that takes nothing: the writer stands still, and little waits in between.
        slow, writer = dial()
        writer.settimeout(1)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 1 << 30:
                sent += writer.send(b"x" * 65536)
        assert sent < 64 << 20
        other, answerer = dial()
        answerer.sendall(b"quick")
        assert other.recv(5, socket.MSG_WAITALL) == b"quick"
        assert program.rss_bytes() < 64 << 20
        writer.settimeout(None)

        taken = 0
        finisher = threading.Thread(target=writer.close)
        while taken < sent:
            taken += len(slow.recv(1 << 20))
            if taken == sent:
                finisher.start()
        assert slow.recv(1) == b""
        finisher.join()


def test_many_connections_and_the_limit(site, connect):
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        program, port = connect(f"127.0.0.1:{server.getsockname()[1]}", "--connections-max", 300)
        clients, upstreams = [], []
        for number in range(300):
            client = socket.create_connection(("127.0.0.1", port))
            client.sendall(number.to_bytes(2, "big"))
            clients.append(client)
        for _ in range(300):
            upstreams.append(server.accept()[0])
        for upstream in upstreams:
            upstream.sendall(upstream.recv(2, socket.MSG_WAITALL))
        assert [int.from_bytes(client.recv(2, socket.MSG_WAITALL), "big") for client in clients] == list(range(300))
        extra = socket.create_connection(("127.0.0.1", port))
        extra.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            extra.recv(1)
        assert "there are too many" in program.text()
        for one in (*clients, *upstreams, extra):
            one.close()
        began = time.monotonic()
        assert program.stop(10) == 0
        assert time.monotonic() - began < 5


def test_refusals():
    require(AGENT)

    def refuse(*flags, env=None):
        done = subprocess.run([AGENT, "connect", *flags], capture_output=True, text=True, env={**os.environ, **(env or {})})
        assert done.stdout == ""
        return done.returncode, done.stderr

    code, text = refuse("--collector", "head:6006")
    assert code == 2 and "--plaintext" in text
    code, text = refuse("--collector", "localhost:6006", "--listen", "0.0.0.0:0")
    assert code == 2 and "--no-auth" in text
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, text = refuse("--collector", "localhost:6006", "--listen", f"127.0.0.1:{port}")
        assert code == 1 and f"port {port} is taken by" in text and f"pid {os.getpid()}" in text
