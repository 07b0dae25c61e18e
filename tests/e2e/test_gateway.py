"""Services of nodes through the one URL: the real programs, a real TensorBoard, a real browser."""

import base64
import hashlib
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import gateway_service
import pytest
from chromium import Chromium, needs_browser
from dashboards import Page
from event_files import EventFile
from programs import AGENT, require, wait_for

HERE = pathlib.Path(__file__).parent


def hold(site, node, service, port, mode, name=None):
    """A process that has the service, as soon as it is live."""
    holder = register(site, f"127.0.0.1:{site.port}", node, service, port, mode, name or f"register-{node}-{service}")
    wait_for(lambda: state_of(site, node, service) == "live", f"{service} of {node} is live")
    return holder


def register(site, collector, node, service, port, mode, name="register"):
    require(AGENT)
    return site.start(name, AGENT, "register", "--collector", collector, "--node", node, "--service", service, "--port", port, "--mode", mode)


def state_of(site, node, service):
    for entry in site.http.json("/api/v1/cluster", node=node)["nodes"]:
        for found in entry["services"]:
            if found["service"] == service:
                return found["state"]
    return None


def python_service(site, tmp_path, name="service", env=None):
    port_file = tmp_path / f"{name}.port"
    site.start(name, sys.executable, HERE / "gateway_service.py", port_file, env=env)
    wait_for(port_file.exists, f"{name} listens")
    return int(port_file.read_text())


def request(site, method, path, body=None, headers=None, host=None):
    """(status, headers, body) without following anything; `host` is the Host header."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    connection.request(method, path, body=body, headers={"Host": host or f"localhost:{site.port}", **(headers or {})})
    answer = connection.getresponse()
    result = answer.status, answer.headers, answer.read()
    connection.close()
    return result


def wait_until_open(site, path, host=None):
    wait_for(lambda: request(site, "GET", path, host=host)[0] == 200, f"{path} opens", 40)


@pytest.fixture
def board(site, tmp_path):
    """A node's service behind `strip`, as the prefix of its paths."""
    site.start_collector()
    hold(site, "n1", "board", python_service(site, tmp_path), "strip")
    wait_until_open(site, "/node/n1/board/headers")
    return "/node/n1/board"


def test_answers_of_every_framing(site, board):
    assert request(site, "GET", f"{board}/bytes/3000000")[2] == b"x" * 3_000_000
    assert request(site, "GET", f"{board}/chunks/1000")[2] == b"".join(b"chunk %d\n" % i for i in range(1000))
    assert request(site, "GET", f"{board}/old/100000")[2] == b"x" * 100_000
    status, headers, body = request(site, "HEAD", f"{board}/bytes/5")
    assert status == 501 or body == b""  # this server has no HEAD: its answer is passed on as it is


def test_what_the_service_and_the_viewer_see(site, board):
    status, headers, body = request(site, "GET", f"{board}/headers?a=b", headers={
        "Cookie": "mine=1; tributary_x=secret", "Origin": f"http://localhost:{site.port}", "X-Tributary-Token": "secret"})
    seen = json.loads(body)
    assert seen["path"] == "/headers?a=b"
    assert seen["headers"]["Host"].startswith("localhost:") and seen["headers"]["Host"] != f"localhost:{site.port}"
    assert seen["headers"]["Origin"] == "http://" + seen["headers"]["Host"]
    assert seen["headers"]["Cookie"] == "mine=1"
    assert seen["headers"]["X-Forwarded-Prefix"] == board
    assert seen["headers"]["X-Forwarded-For"] == "127.0.0.1"
    assert "secret" not in body.decode()
    assert headers["Set-Cookie"] == f"session=1; Path={board}/"
    assert request(site, "GET", f"{board}/redirect")[1]["Location"] == f"{board}/headers"


def test_a_connection_is_kept_over_services_and_the_collectors_own_routes(site, board):
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    for path in [f"{board}/bytes/10", "/data/runs", f"{board}/chunks/3", f"{board}/old/10", "/healthz"] * 3:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()
        assert not answer.will_close
    connection.close()


def test_a_large_upload_is_not_held(site, board):
    block, count = os.urandom(1 << 20), 1024
    digest = hashlib.sha256()
    for _ in range(count):
        digest.update(block)
    before = site.collector.rss_bytes()
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=300)
    connection.putrequest("POST", f"{board}/upload")
    connection.putheader("Content-Length", str(count << 20))
    connection.endheaders()
    for _ in range(count):
        connection.send(block)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert answer == {"count": count << 20, "sha256": digest.hexdigest()}
    assert site.collector.rss_bytes() - before < 64 << 20


def test_server_sent_events_arrive_as_they_are_sent(site, board):
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    connection.request("GET", f"{board}/events")
    answer = connection.getresponse()
    seen = []
    while len(seen) < 3:
        line = answer.readline()
        if line.startswith(b"data:"):
            seen.append((line, time.monotonic()))
    assert [line for line, _ in seen] == [b"data: 0\n", b"data: 1\n", b"data: 2\n"]
    assert seen[2][1] - seen[0][1] > 0.2
    connection.close()


class WebSocket:
    def __init__(self, site, path, origin=None):
        self.socket = socket.create_connection(("127.0.0.1", site.port), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: localhost:{site.port}", "Connection: Upgrade", "Upgrade: websocket",
                 f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"] + ([f"Origin: {origin}"] if origin else [])
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        while self.file.readline() not in (b"\r\n", b""):
            pass

    def echo(self, payload):
        self.socket.sendall(gateway_service.frame(2, payload, os.urandom(4)))
        return gateway_service.read_frame(self.file)[1]


def test_a_web_socket(site, board):
    opened = WebSocket(site, f"{board}/ws", f"http://localhost:{site.port}")
    assert opened.status == 101
    for payload in (b"hello", b"x" * 60_000, b""):
        assert opened.echo(payload) == payload
    opened.socket.close()
    assert WebSocket(site, f"{board}/ws", "http://evil.example.com").status == 403


def test_hostile_hosts_and_origins(site, board):
    for path in ("/", "/data/runs", f"{board}/headers", "/api/v1/cluster"):
        status, _, body = request(site, "GET", path, host="evil.example.com")
        assert status == 421 and b"--allowed_hosts evil.example.com" in body
    assert request(site, "GET", "/healthz", host="evil.example.com")[0] == 200
    for host in (f"localhost:{site.port}", f"127.0.0.1:{site.port}", f"[::1]:{site.port}", "head", socket.gethostname()):
        assert request(site, "GET", "/data/runs", host=host)[0] == 200
    assert request(site, "POST", f"{board}/upload", b"x", {"Origin": "http://evil.example.com"})[0] == 403
    assert request(site, "POST", f"{board}/upload", b"x")[0] == 200


def test_a_port_of_its_own_on_the_head_node(site, tmp_path):
    port = python_service(site, tmp_path)
    # The number is taken here by the service itself: one machine plays both. The collector listens beside it.
    site.start_collector("--host", "127.0.0.2", "--service_ports", f"{port}-{port}", wait=False)
    wait_for((tmp_path / "port").exists, "the collector listens")
    site.port = int((tmp_path / "port").read_text())
    register(site, f"127.0.0.2:{site.port}", "n1", "board", port, "host")

    def ask(number, path, host):
        try:
            connection = http.client.HTTPConnection("127.0.0.2", number, timeout=30)
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except OSError:
            return None, {}, b""

    wait_for(lambda: ask(port, "/headers", f"head:{port}")[0] == 200, "the service has its port", 40)
    assert json.loads(ask(port, "/headers?x", f"head:{port}")[2])["path"] == "/headers?x"
    assert ask(site.port, "/node/n1/board/headers", f"head:{site.port}")[1]["Location"] == f"//head:{port}/headers"
    # It leads to the service and nowhere else, by a name of ours only.
    assert ask(port, "/headers", "evil.example.com")[0] == 421
    assert b"A page of the node" in ask(port, "/", f"head:{port}")[2]


def test_errors_are_said(site, board, tmp_path):
    status, _, body = request(site, "GET", "/node/n1/nothing/")
    assert status == 404 and b"/node/n1/board/" in body
    with socket.create_server(("127.0.0.1", 0)) as server:
        holder = hold(site, "n1", "dead", server.getsockname()[1], "strip")
    # Nobody listens any more.
    wait_for(lambda: b"Connection refused" in request(site, "GET", "/node/n1/dead/")[2], "the reason is told")
    assert request(site, "GET", "/node/n1/dead/")[0] == 502
    holder.kill()
    wait_for(lambda: state_of(site, "n1", "dead") == "stale", "the service is stale")
    status, headers, body = request(site, "GET", "/node/n1/dead/")
    assert status == 503 and b"since" in body and headers["Retry-After"]


def test_kill_of_either_side_and_what_was_under_way(site, board, tmp_path):
    port = int((tmp_path / "service.port").read_text())
    holder = site.programs[-1]
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    connection.request("GET", f"{board}/slow/100000000")
    answer = connection.getresponse()
    answer.read(1 << 16)
    holder.kill()
    # A part is never taken for the whole.
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        answer.read()
    wait_for(lambda: request(site, "GET", f"{board}/headers")[0] in (502, 503), "the loss is noticed", 20)
    hold(site, "n1", "board", port, "strip", name="register-again")
    wait_until_open(site, f"{board}/headers")
    site.collector.kill()
    started = time.monotonic()
    site.start_collector()
    wait_until_open(site, f"{board}/headers")
    assert time.monotonic() - started < 30


def tensorboard(site, tmp_path, *flags):
    """The port of a real TensorBoard over three runs: the colour of the first is too grey to be told from an axis."""
    for number in range(3):
        file = EventFile(tmp_path / "tb" / f"exp{number}" / "events.out.tfevents.1700000000.h.1.0")
        for step in range(100):
            file.scalar("loss", step, (number + 1) / (step + 1)).scalar("accuracy", step, step / (100 + 50 * number))
        file.close()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site.start("tensorboard", pathlib.Path(sys.executable).parent / "tensorboard", "--logdir", tmp_path / "tb", "--port", port, *flags)
    wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "TensorBoard listens", 60)
    return port


@pytest.mark.parametrize("mode", ["keep", "strip", "host"])
@needs_browser
def test_a_real_tensorboard_in_a_real_browser(site, tmp_path, screenshots, mode):
    site.start_collector()
    prefix = "/node/n1/tensorboard"
    port = tensorboard(site, tmp_path, *(["--path_prefix", prefix] if mode == "keep" else []))
    hold(site, "n1", "tensorboard", port, mode)
    host = f"tensorboard--n1.localhost:{site.port}" if mode == "host" else None
    wait_until_open(site, "/data/runs" if mode == "host" else f"{prefix}/data/runs", host=host)
    runs = json.loads(request(site, "GET", "/data/runs" if mode == "host" else f"{prefix}/data/runs", host=host)[2])
    assert sorted(runs) == ["exp0", "exp1", "exp2"]
    with Page() as page:
        page.open(f"http://localhost:{site.port}{prefix}/")
        page.tabs()
        board = page.look()
        page.screenshot(screenshots / f"gateway-{mode}.png")
    # The stock page asks for its fonts at the root of the host, where the collector may have none.
    assert [error for error in board.errors if "font-roboto" not in error] == []
    assert (board.items, board.empty) == (2, [])
    assert all(text in board.words for text in ("exp2", "loss", "accuracy"))


@needs_browser
@pytest.mark.parametrize("mode", ["strip", "host"])
def test_a_web_socket_of_a_real_browser(site, tmp_path, screenshots, mode):
    site.start_collector()
    hold(site, "n1", "page", python_service(site, tmp_path), mode)
    host = f"page--n1.localhost:{site.port}" if mode == "host" else None
    wait_until_open(site, "/headers" if host else "/node/n1/page/headers", host=host)
    with Chromium() as page:
        page.open(f"http://localhost:{site.port}/node/n1/page/")
        page.wait("document.body?.innerText.includes('A page of the node') && document.body.innerText.includes('echo hello')", "the page and its WebSocket are there")
        page.screenshot(screenshots / f"gateway-websocket-{mode}.png")
        assert page.errors == []
