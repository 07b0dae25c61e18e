"""Starts the real programs for a test, finds out what they say, and ends them.

Everything listens on 127.0.0.1 with a port of the system's choice. Every process is in a test's own directory and is ended by
its pid. Logs are shown only if the test fails.
"""

import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

BUILD = pathlib.Path(os.environ.get("TRIBUTARY_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
COLLECTOR = BUILD / "bin" / "tributary-collector"
AGENT = BUILD / "bin" / "tributary-agent"
WEBFILES = BUILD / "webfiles"


def require(program):
    """Skips the test while the tree does not build the program: the closing count shows it."""
    if not pathlib.Path(program).exists():
        pytest.skip(f"this tree does not build {pathlib.Path(program).name} yet")


def require_store():
    require(COLLECTOR)
    if "--data" not in subprocess.run([COLLECTOR, "--help"], capture_output=True, text=True).stdout:
        pytest.skip("this tree's tributary-collector has no --data yet")


def wait_for(condition, what, seconds=30.0, every=0.02):
    """The first true value of `condition`, or an error that says what did not happen."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s in vain until {what}")
        time.sleep(every)


class Program:
    """One process with its log."""

    def __init__(self, command, log, env=None, cwd=None):
        self.command = [str(part) for part in command]
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(self.command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                            env={**os.environ, **(env or {})}, cwd=cwd)

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def kill(self):
        """As a power switch would: no handler runs."""
        if self.running():
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def freeze(self):
        """SIGSTOP, and every thread stands still: the system stops them one after the other."""
        self.process.send_signal(signal.SIGSTOP)
        tasks = pathlib.Path(f"/proc/{self.pid}/task")
        wait_for(lambda: all((task / "stat").read_text().rsplit(")", 1)[1].split()[0] == "T" for task in tasks.iterdir()), "all threads stand still")

    def stop(self, seconds=40):
        """SIGTERM, and the exit code."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds=60):
        return self.process.wait(timeout=seconds)

    def text(self):
        return self.log.read_text(errors="replace")

    def rss_bytes(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"{self.command[0]} has no VmRSS: it ended")


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """An answer that leads elsewhere is an answer too."""

    def redirect_request(self, *_):
        return None


class Http:
    """GET and POST against one server; answers are (status, headers, body)."""

    def __init__(self, base):
        self.base = base.rstrip("/")
        self.opener = urllib.request.build_opener(NoRedirects, urllib.request.ProxyHandler({}))

    def request(self, path, body=None, headers=None, timeout=30, method=None):
        request = urllib.request.Request(self.base + path, data=body, headers=headers or {}, method=method)
        try:
            with self.opener.open(request, timeout=timeout) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    def json(self, path, **query):
        if query:
            path += "?" + urllib.parse.urlencode(query, doseq=True)
        status, _, body = self.request(path)
        if status != 200:
            raise RuntimeError(f"{path}: {status} {body[:200]!r}")
        return json.loads(body)

    def post_json(self, path, fields):
        status, _, body = self.request(path, urllib.parse.urlencode(fields, doseq=True).encode())
        if status != 200:
            raise RuntimeError(f"{path}: {status} {body[:200]!r}")
        return json.loads(body)

    def ready(self):
        try:
            return self.request("/readyz", timeout=5)[0] == 200
        except OSError:
            return False


class Site:
    """A collector and its agents, in one directory."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.store = self.directory / "store"
        self.programs = []
        self.collector = None
        self.port = None

    def start(self, name, *command, env=None):
        program = Program(command, self.directory / f"{name}.log", env)
        self.programs.append(program)
        return program

    def start_collector(self, *flags, data=True, port=None, wait=True):
        require(COLLECTOR)
        if data:
            require_store()
        port_file = self.directory / "port"
        port_file.unlink(missing_ok=True)
        store = ["--data", self.store] if data else []
        self.collector = self.start("collector", COLLECTOR, *store, "--port", port or self.port or 0, "--port-file", port_file,
                                    "--webfiles", WEBFILES, *flags)
        if wait:
            wait_for(lambda: port_file.exists() or not self.collector.running(), "the collector listens")
            if not port_file.exists():
                raise RuntimeError(f"the collector ended with {self.collector.process.returncode}:\n{self.collector.text()}")
            self.port = int(port_file.read_text())
            wait_for(self.http.ready, "the collector is ready")
        return self.collector

    def start_agent(self, node, *logdirs, flags=(), name=None, env=None):
        require(AGENT)
        logdir_flags = [part for logdir in logdirs for part in ("--logdir", logdir)]
        if "--find-tensorboards" not in flags:
            flags = (*flags, "--find-tensorboards", "off")  # whatever else runs on this machine is no part of the test
        return self.start(name or f"agent-{node}", AGENT, "--collector", f"127.0.0.1:{self.port}", "--node", node, *logdir_flags, *flags, env=env)

    def once(self, node, *logdirs, flags=(), seconds=120):
        agent = self.start_agent(node, *logdirs, flags=("--once", *flags), name=f"once-{node}")
        status = agent.wait(seconds)
        assert status == 0, f"--once ended with {status}:\n{agent.text()}"

    @property
    def http(self):
        return Http(f"http://127.0.0.1:{self.port}")

    def streams(self):
        """{(node, file): stream} of /api/v1/cluster."""
        return {(node["name"], stream["file"]): stream for node in self.http.json("/api/v1/cluster")["nodes"] for stream in node["streams"]}

    def durable(self, sources):
        """True if every source {(node, file): path} is durable to its last byte."""
        streams = self.streams()
        return all(key in streams and streams[key]["durable"] == path.stat().st_size for key, path in sources.items())

    def close(self):
        """The collector ends last: agents deliver to it what they hold back, and without it wait for it."""
        served = self.collector is not None and self.collector.running()
        others = [program for program in reversed(self.programs) if program is not self.collector]
        for programs in (others, [self.collector] if served else []):
            for program in programs:
                if program.running():
                    program.process.send_signal(signal.SIGTERM if served else signal.SIGKILL)
            for program in programs:
                try:
                    program.wait(40)
                except subprocess.TimeoutExpired:
                    program.kill()

    def logs(self):
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-6000:]}" for path in sorted(self.directory.glob("*.log")))
