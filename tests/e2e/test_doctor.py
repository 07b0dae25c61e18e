"""`tributary-agent doctor` against set-ups that are really broken: each is told by the name of its layer, with what to do."""

import concurrent.futures
import gzip
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading

import grpc
import pytest
import tensorboard_data_server

from event_files import EventFile
from programs import AGENT, require, wait_for

STATES = {"ok", "warns", "fails", "not_tried", "not_configured"}


class Doctor:
    """Runs the doctor and keeps what it says, as JSON and as text."""

    def __init__(self, target, *flags, within=(), env=None, agent=AGENT):
        require(AGENT)
        clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        command = [*within, agent, "doctor", "--collector", target, *flags]

        def run(*more):
            return subprocess.run([str(part) for part in (*command, *more)], capture_output=True, text=True, timeout=60,
                                  env={**clean, **(env or {})})

        done = run("--json")
        self.code, self.text = done.returncode, run().stdout
        assert done.stdout, done.stderr
        self.answer = json.loads(done.stdout)
        self.layers = {layer["layer"]: layer for layer in self.answer["layers"]}
        assert {layer["state"] for layer in self.answer["layers"]} <= STATES

    def fails(self, layer, cause, fix):
        found = self.layers[layer]
        assert self.code == 1, self.text
        assert self.answer["fails"] == layer and found["state"] == "fails", self.text
        self._says(layer, "fails", cause, fix)
        # What carries the others is the last one that was tried on the way.
        later = [name["state"] for name in self.answer["layers"]]
        disk = [name["layer"] for name in self.answer["layers"]].index("disk")
        if layer in ("proxy", "resolution", "port", "bind", "tcp", "http", "grpc"):
            assert later[disk] == "not_tried", self.text
        return self

    def warns(self, layer, cause, fix):
        assert self.layers[layer]["state"] == "warns", self.text
        self._says(layer, "warns", cause, fix)
        return self

    def _says(self, layer, verb, cause, fix):
        found = self.layers[layer]
        for text, wanted in ((found["found"], cause), (found["fix"], fix)):
            for words in wanted if isinstance(wanted, tuple) else (wanted,):
                assert words.search(text) if isinstance(words, re.Pattern) else words in text, self.text
        # The text is of a run of its own: what other programs do on this machine may differ by then.
        told = re.search(rf"\n{layer} {verb}: .*\n  fix: (.*)", self.text)
        assert told, self.text
        for words in fix if isinstance(fix, tuple) else (fix,):
            assert words.search(told[1]) if isinstance(words, re.Pattern) else words in told[1], self.text

    def good(self):
        assert self.code == 0 and self.answer["fails"] is None, self.text
        return self


# Others may run collectors on this machine while this test runs; then these are named.
START_ONE = re.compile("start the collector: tributary-collector --data DIR --port|listens elsewhere: --collector")
GIVE_ANOTHER = re.compile("taken by another program.*--port N|listens elsewhere: --collector")
OPEN = ("--host", "0.0.0.0", "--plaintext", "--no-auth")


class Listener:
    """A program of another kind on a port of this machine: `serve` has each connection."""

    def __init__(self, serve):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.serve = serve
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection):
        with connection:
            try:
                self.serve(connection)
            except OSError:
                pass

    def close(self):
        self.socket.close()


@pytest.fixture
def listen():
    made = []

    def make(serve):
        made.append(Listener(serve))
        return made[-1].port

    make.kept = []
    yield make
    for listener in made:
        listener.close()


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def splice(connection, port):
    """Bytes both ways, as a proxy of the first kind."""
    with socket.create_connection(("127.0.0.1", port)) as upstream:
        back = threading.Thread(target=copy, args=(upstream, connection), daemon=True)
        back.start()
        copy(connection, upstream)
        back.join()


def with_files(directory, **files):
    """A command prefix under which files of /etc are these."""
    if os.geteuid() != 0:
        pytest.skip("files of /etc are replaced in a mount namespace, which needs root")
    lines = []
    for name, text in files.items():
        path = directory / name
        path.write_text(text)
        lines.append(f"mount --bind {path} /etc/{name.replace('_', '.')}")
    return ["unshare", "-m", "sh", "-c", " && ".join([*lines, 'exec "$@"']), "sh"]


def status(target, *flags, within=(), env=None):
    """`status --cluster`, which goes the doctor's way."""
    return subprocess.run([*map(str, within), str(AGENT), "status", "--cluster", "--collector", target, *flags], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(env or {})})


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


# --- Good ways.


def test_a_good_way_on_the_head_node_says_where_to_open_it(site, tmp_path):
    EventFile(tmp_path / "logs" / "run" / "events.out.tfevents.1700000000.h.1.0").scalar("loss", 1, 0.5)
    site.start_collector("--path_prefix", "/tb")
    site.once("n1", tmp_path / "logs")
    doctor = Doctor(f"localhost:{site.port}", "--logdir", tmp_path / "logs", "--node", "n1").good()
    assert doctor.answer["url"] == f"http://localhost:{site.port}/tb/"
    assert doctor.answer["ssh"]["command"] == f"ssh -L {site.port}:localhost:{site.port} {socket.gethostname()}"
    assert doctor.layers["tls"]["state"] == doctor.layers["token"]["state"] == "not_configured"
    assert "all safe" in doctor.layers["delivery"]["found"]


def test_a_good_way_from_another_machine(site, far_nodes):
    far_nodes.make("a")
    site.start_collector(*OPEN)
    doctor = Doctor(f"{far_nodes.gateway('a')}:{site.port}", within=far_nodes.run_in("a")).good()
    assert doctor.answer["url"] == f"http://{far_nodes.gateway('a')}:{site.port}/"
    # And what fails, if a person believes it and opens nothing.
    assert doctor.layers["logdir"]["state"] == "not_tried"


def test_usage(site):
    require(AGENT)
    for flags in ([], ["--collector", "head"], ["--collector", "head:6006", "--logdir", __file__]):
        done = subprocess.run([AGENT, "doctor", *map(str, flags)], capture_output=True, text=True)
        assert done.returncode == 2 and done.stdout == "", done.stderr


# --- The way to the collector.


def test_a_name_that_does_not_exist(tmp_path):
    within = with_files(tmp_path, hosts="127.0.0.1 localhost\n", nsswitch_conf="hosts: files\n")
    Doctor("haed:6006", within=within).fails("resolution", "no name service knows haed", ("spelling", "address of the head node"))


def test_a_name_server_that_does_not_answer(tmp_path, far_nodes):
    far_nodes.make("a")
    within = with_files(tmp_path, hosts="127.0.0.1 localhost\n", nsswitch_conf="hosts: dns\n",
                        resolv_conf=f"nameserver {far_nodes.gateway('a')}\noptions timeout:1 attempts:1\n")
    Doctor("head:6006", within=far_nodes.run_in("a") + within).fails("resolution", "head cannot be looked up", "/etc/resolv.conf")


def test_a_line_of_etc_hosts_that_was_copied_from_the_head_node(tmp_path):
    within = with_files(tmp_path, hosts="127.0.0.1 localhost\n127.0.1.1 head\n")
    Doctor(f"head:{free_port()}", within=within).fails("resolution", ("head is 127.0.1.1", "this machine itself"), "/etc/hosts")


def test_no_collector_runs():
    port = free_port()
    Doctor(f"127.0.0.1:{port}").fails("port", f"nothing listens on port {port}", START_ONE)


def test_the_collector_runs_on_another_port(site):
    site.start_collector()
    Doctor(f"127.0.0.1:{free_port()}").fails("port", "nothing listens", ("listens elsewhere", f"127.0.0.1:{site.port}"))


def test_the_collector_listens_on_loopback_only_told_on_its_machine(site, far_nodes):
    far_nodes.make("a")
    site.start_collector()
    Doctor(f"{far_nodes.gateway('a')}:{site.port}").fails(
        "bind", (f"refused: tributary-collector (pid {site.collector.pid}) listens on 127.0.0.1", "only"),
        ("--bind_all", f"localhost:{site.port} works"))


def test_the_collector_listens_on_loopback_only_told_from_a_node(site, far_nodes):
    far_nodes.make("a")
    site.start_collector()
    address = far_nodes.gateway("a")
    doctor = Doctor(f"{address}:{site.port}", within=far_nodes.run_in("a"))
    doctor.fails("tcp", (f"{address}:{site.port} refused", "listens on 127.0.0.1 only"), ("--bind_all", "doctor --collector localhost", "SSH"))
    assert doctor.answer["ssh"] == {"command": f"ssh -L {site.port}:localhost:{site.port} {address}", "url": f"http://localhost:{site.port}/"}
    assert doctor.answer["url"] is None


def test_a_firewall_drops_what_is_sent(far_nodes):
    # A machine between that takes the packets and passes nothing on: far nodes forward nothing.
    far_nodes.make("a")
    subprocess.run(["ip", "route", "add", "198.18.7.0/24", "via", far_nodes.address("a")], check=True)
    Doctor("198.18.7.5:6006", "--connect-timeout", "1s").fails(
        "tcp", ("198.18.7.5:6006 gave no answer within 1s", "firewall"), ("open TCP port 6006", "SSH"))


def test_no_network_leads_there(far_nodes):
    far_nodes.make("a")
    Doctor("198.18.7.5:6006", within=far_nodes.run_in("a")).fails("tcp", ("198.18.7.5:6006", "no network leads there"), "network of this machine")


def test_this_machine_lets_nothing_out(far_nodes):
    namespace = far_nodes.make("a")
    subprocess.run(["ip", "-n", namespace, "route", "add", "prohibit", "198.18.7.0/24"], check=True)
    Doctor("198.18.7.5:6006", within=far_nodes.run_in("a")).fails("tcp", "lets no such connection out", "outgoing TCP to port 6006")


def test_another_program_has_the_port():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    server.RequestHandlerClass.log_message = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Doctor(f"127.0.0.1:{server.server_port}").fails(
        "http", (f"(pid {os.getpid()}) is no collector", "404", "SimpleHTTP"), GIVE_ANOTHER)
    server.shutdown()


def test_a_stock_tensorboard_has_the_port_of_the_collector(site, tmp_path):
    port = free_port()
    other = site.start("tensorboard", sys.executable, "-m", "tensorboard.main", "--logdir", tmp_path, "--port", port, "--load_fast", "false")

    def listens():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for(listens, "TensorBoard listens", 60)
    site.start_collector()
    Doctor(f"localhost:{port}").fails("http", f"(pid {other.pid}) is no collector", ("listens elsewhere", f"localhost:{site.port}"))


def test_the_port_is_tensorboards_data_server(site, tmp_path):
    port_file = tmp_path / "data-port"
    site.start("rustboard", tensorboard_data_server.server_binary(), "--logdir", tmp_path, "--port", "0", "--port-file", port_file)
    wait_for(lambda: port_file.exists() and port_file.read_text(), "the data server listens")
    Doctor(f"localhost:{int(port_file.read_text())}").fails("http", "no collector", GIVE_ANOTHER)


def test_a_tls_proxy_stands_before_the_collector(listen, tmp_path):
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                    "-subj", "/CN=head"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    port = listen(lambda connection: context.wrap_socket(connection, server_side=True))
    Doctor(f"127.0.0.1:{port}").fails("http", "speaks TLS", "not that of a TLS proxy")


def test_a_tunnel_whose_other_end_is_refused(listen):
    port = listen(lambda connection: None)
    Doctor(f"127.0.0.1:{port}").fails("http", "tunnel does whose other end is refused", "ssh -L")


def test_a_program_that_hangs(listen):
    port = listen(lambda connection: connection.recv(1) and threading.Event().wait(20))
    Doctor(f"127.0.0.1:{port}", "--connect-timeout", "500ms").fails("http", "says nothing for 500ms", GIVE_ANOTHER)


def test_a_reverse_proxy_passes_no_http2(site, listen):
    site.start_collector()

    def http1_only(connection):
        if connection.recv(3, socket.MSG_PEEK) != b"PRI":
            splice(connection, site.port)

    Doctor(f"127.0.0.1:{listen(http1_only)}").fails("grpc", "HTTP/1.1 passes and HTTP/2 does not", "grpc_pass")


def test_a_proxy_of_the_environment_refuses(site, listen):
    def refuse(connection):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

    proxy = {"http_proxy": f"http://127.0.0.1:{listen(refuse)}"}
    site.start_collector()
    Doctor(f"127.0.0.1:{site.port}", "--use-proxy", env=proxy).fails("proxy", "answers 403 to CONNECT", ("--use-proxy", "no_proxy"))
    # Without the flag the agent goes its own way, and others do not.
    Doctor(f"127.0.0.1:{site.port}", env=proxy).good().warns("proxy", "http_proxy is set", "add 127.0.0.1 to no_proxy")


def test_a_proxy_of_the_environment_that_connects(site, listen):
    def connect(connection):
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        splice(connection, int(request.split()[1].split(b":")[1]))

    site.start_collector()
    proxy = {"https_proxy": f"127.0.0.1:{listen(connect)}"}
    doctor = Doctor(f"127.0.0.1:{site.port}", "--use-proxy", env=proxy).good()
    assert "through the proxy" in doctor.layers["tcp"]["found"]
    assert status(f"127.0.0.1:{site.port}", "--use-proxy", env=proxy).returncode == 0


# --- The collector that answers.


class OtherCollector:
    """Answers as a collector of another version might: /healthz by hand, the rest by `answers` {method: function}."""

    def __init__(self, listen, answers):
        class Handler(grpc.GenericRpcHandler):
            def service(self, details):
                method = details.method.rsplit("/", 1)[1]
                return grpc.unary_unary_rpc_method_handler(answers[method]) if method in answers else None

        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(2), handlers=[Handler()])
        grpc_port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

        def serve(connection):
            if connection.recv(3, socket.MSG_PEEK) == b"PRI":
                splice(connection, grpc_port)
            else:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")

        self.port = listen(serve)
        # The server ends with the last reference to it.
        listen.kept.append(self)


def text_field(number, value):
    return bytes([number << 3 | 2, len(value)]) + value.encode()


def test_the_collector_is_too_old(listen):
    def no_such_node(_, context):
        context.abort(grpc.StatusCode.NOT_FOUND, "no such node")

    Doctor(f"127.0.0.1:{OtherCollector(listen, {'DescribeNode': no_such_node}).port}").fails("grpc", "too old", "update the collector")


def test_something_of_grpc_that_is_no_collector(listen):
    Doctor(f"127.0.0.1:{OtherCollector(listen, {}).port}").fails("grpc", "answers gRPC, and is no collector", "address that the collector prints")


def test_the_collector_is_of_another_version_and_another_time(listen):
    def describe(*_):
        now = struct.pack("<B", 3 << 3 | 0) + varint(1_000_000_000_000_000_000)
        return text_field(1, "0.0.9") + text_field(2, "store") + now

    doctor = Doctor(f"127.0.0.1:{OtherCollector(listen, {'DescribeCollector': describe}).port}")
    doctor.fails("clock", "before the collector's", "time server").warns("version", "collector 0.0.9", "update the collector first")


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


CLOCK = """
#define _GNU_SOURCE
#include <time.h>
#include <sys/syscall.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *now) {
  int result = syscall(SYS_clock_gettime, id, now);
  if (id == CLOCK_REALTIME) now->tv_sec -= 600;
  return result;
}
"""


def test_the_clock_of_the_node_is_ten_minutes_behind(site, tmp_path):
    (tmp_path / "clock.c").write_text(CLOCK)
    compiler = shutil.which("gcc") or pytest.skip("no compiler to make a clock that is wrong")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", tmp_path / "clock.so", tmp_path / "clock.c"], check=True)
    site.start_collector()
    doctor = Doctor(f"localhost:{site.port}", env={"LD_PRELOAD": str(tmp_path / "clock.so")})
    doctor.fails("clock", (re.compile("is (10m|9m59)"), "behind the collector's"), "chronyc")
    assert doctor.layers["disk"]["state"] == "ok"


def test_another_store_has_the_address(site):
    site.start_collector()
    store = Doctor(f"localhost:{site.port}").good().layers["store"]["found"]
    Doctor(f"localhost:{site.port}", "--store", "0" * 32).fails("store", (store, "0" * 32), f"--store {store}")


def test_a_collector_without_a_store_takes_nothing(site, tmp_path):
    logs = tmp_path / "logs"
    EventFile(logs / "events.out.tfevents.1700000000.h.1.0")
    site.start_collector("--logdir", logs, data=False)
    Doctor(f"localhost:{site.port}", "--logdir", logs).fails("store", "has no store", "--data DIR")
    Doctor(f"localhost:{site.port}").good()


def test_the_collectors_disk_is_full(site):
    site.start_collector("--data-free-min", "4096TiB")
    Doctor(f"localhost:{site.port}").fails("disk", ("disk is full", "limit 4096 TiB"), ("free space", socket.gethostname(), "--data-free-min"))


def test_browsers_are_refused_by_a_name_that_is_not_the_collectors(site, tmp_path):
    site.start_collector()
    within = with_files(tmp_path, hosts="127.0.0.1 localhost tensorboard.example.org\n")
    doctor = Doctor(f"tensorboard.example.org:{site.port}", within=within)
    doctor.fails("page", "refused by the name tensorboard.example.org", "--allowed_hosts tensorboard.example.org")
    assert doctor.answer["url"] == f"http://127.0.0.1:{site.port}/"
    assert site.http.request("/")[0] == 200
    # The status of a cluster is to be had all the same, with URLs that open.
    site.start_agent("n1", tmp_path)
    wait_for(lambda: site.http.json("/api/v1/cluster")["nodes"], "the node has joined")
    assert f"http://127.0.0.1:{site.port}/api/v1/cluster?node=NODE" in status(f"tensorboard.example.org:{site.port}", "--plaintext", within=within).stdout
    site.collector.stop()
    site.start_collector("--allowed_hosts", "tensorboard.example.org")
    doctor = Doctor(f"tensorboard.example.org:{site.port}", within=within).good()
    assert doctor.answer["url"] == f"http://tensorboard.example.org:{site.port}/"


# --- This node.


@pytest.fixture
def collector(site):
    site.start_collector()
    return f"localhost:{site.port}"


def test_a_logdir_that_does_not_exist(collector, tmp_path):
    Doctor(collector, "--logdir", tmp_path / "lgos").fails("logdir", f"{tmp_path}/lgos does not exist", "correct --logdir")


def test_a_collector_whose_own_logdir_is_wrong(site, tmp_path):
    site.start_collector("--logdir", tmp_path / "nowhere", data=False)
    doctor = Doctor(f"127.0.0.1:{site.port}")
    doctor.warns("ready", f"logdir {tmp_path}/nowhere does not exist", "--logdir of the collector").good()
    (tmp_path / "nowhere").mkdir()
    wait_for(lambda: "has no event file" in Doctor(f"127.0.0.1:{site.port}").text, "it is there, and empty", every=0.5)
    EventFile(tmp_path / "nowhere" / "events.out.tfevents.1700000000.h.1.0").close()
    wait_for(lambda: Doctor(f"127.0.0.1:{site.port}").layers["ready"]["state"] == "ok", "it has a file", every=0.5)


def test_a_logdir_without_event_files(collector, tmp_path):
    (tmp_path / "logs").mkdir()
    Doctor(collector, "--logdir", tmp_path / "logs").fails("logdir", "is empty", "log_dir")
    (tmp_path / "logs" / "train.log").write_text("epoch 1")
    Doctor(collector, "--logdir", tmp_path / "logs").fails("logdir", ("1 file, as train.log", "tfevents"), "log_dir")


def test_files_that_this_user_may_not_read(collector, tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("another user is tried, which needs root")
    base = pathlib.Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    try:
        base.chmod(0o755)
        agent = shutil.copy(AGENT, base / "tributary-agent")
        secret = base / "logs" / "events.out.tfevents.1700000000.h.1.0"
        EventFile(secret)
        secret.chmod(0o600)
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        doctor = Doctor(collector, "--logdir", base / "logs", within=nobody, agent=agent)
        doctor.fails("permissions", ("may not read", str(secret), "of user root"), ("owner of the files", "setfacl"))
        (base / "logs").chmod(0o700)
        Doctor(collector, "--logdir", base / "logs", within=nobody, agent=agent).fails("permissions", str(base / "logs"), "setfacl")
    finally:
        shutil.rmtree(base)


def test_files_that_only_have_the_name(collector, site, tmp_path):
    logs = tmp_path / "logs"
    EventFile(logs / "events.out.tfevents.1700000000.h.1.0")
    (logs / "events.out.tfevents.1600000000.h.1.0.gz").write_bytes(gzip.compress(b"old" * 100))
    Doctor(collector, "--logdir", logs).warns("files", "compressed by gzip", "unpack it")


def test_more_directories_than_watches(collector, tmp_path):
    for name in range(20):
        EventFile(tmp_path / "logs" / f"r{name}" / "events.out.tfevents.1700000000.h.1.0")
    within = ["unshare", "-U", "-r", "sh", "-c", 'echo 10 > /proc/sys/user/max_inotify_watches && exec "$@"', "sh"]
    if subprocess.run([*within, "true"], capture_output=True).returncode != 0:
        pytest.skip("no user namespaces here, in which the limit could be lowered")
    Doctor(collector, "--logdir", tmp_path / "logs", within=within).warns(
        "inotify", ("21 directories need as many watches", "of 10 are left"), "fs.inotify.max_user_watches")


def test_a_writer_that_has_not_flushed(collector, site, tmp_path):
    path = tmp_path / "logs" / "events.out.tfevents.1700000000.h.1.0"
    EventFile(path)
    writer = site.start("writer", sys.executable, "-c", "import sys, time; file = open(sys.argv[1], 'ab'); print('open', flush=True); time.sleep(600)", path)
    wait_for(lambda: "open" in writer.text(), "the writer has the file open")
    os.utime(path, (0, path.stat().st_mtime - 95))
    Doctor(collector, "--logdir", tmp_path / "logs").warns(
        "writers", (f"(pid {writer.pid}) writes {path}", "has not grown for 9", "every 120 s"), ("flush()", "flush_secs"))
    writer.kill()


def test_nobody_delivers(collector, site, tmp_path):
    logs = tmp_path / "logs"
    EventFile(logs / "events.out.tfevents.1700000000.h.1.0")
    Doctor(collector, "--logdir", logs, "--node", "n1").fails(
        "delivery", "no agent of node n1 is connected", f"tributary-agent --collector {collector} --node n1 --logdir {logs}")
    other = tmp_path / "other"
    other.mkdir()
    site.start_agent("n1", other)
    wait_for(lambda: any(node["name"] == "n1" and node["agents"] for node in site.http.json("/api/v1/cluster")["nodes"]), "the agent is connected")
    Doctor(collector, "--logdir", logs, "--node", "n1").fails("delivery", (f"no agent follows {logs}", str(other)), f"--logdir {logs}")
