"""`./dev bench gateway`: what the way through the tunnel costs. Everything, clients and services too, shares this machine."""

import http.client
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

BLOCK = b"x" * (1 << 20)


class Service:
    """Answers "GET …/<n>" with n bytes, one request for each connection."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    part = connection.recv(65536)
                    if not part:
                        return
                    head += part
                count = int(head.split(b" ")[1].rpartition(b"/")[2])
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % count + BLOCK[:min(count, 1000)])
                left = count - min(count, 1000)
                while left > 0:
                    connection.sendall(BLOCK[:min(left, len(BLOCK))])
                    left -= min(left, len(BLOCK))
        except OSError:
            pass


def main():
    """A process of its own, so that the service shares no interpreter with the clients."""
    service = Service()
    pathlib.Path(sys.argv[1] + ".new").write_text(str(service.port))
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    threading.Event().wait()


def download(port, path, count, rate=None, stop=None):
    """Bytes received; at no more than `rate` bytes per second, until `stop` is set."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET {path}/{count} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        buffer, received, started = bytearray(1 << 18), 0, time.monotonic()
        while received < count and not (stop and stop.is_set()):
            got = connection.recv_into(buffer)
            if not got:
                break
            received += got
            if rate:
                time.sleep(max(0.0, received / rate - (time.monotonic() - started)))
        return received


def latencies(port, path, count, seconds):
    """Of small answers on one connection that is kept where the server keeps it, each in seconds."""
    times, deadline = [], time.monotonic() + seconds
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while time.monotonic() < deadline and len(times) < count:
        start = time.monotonic()
        connection.request("GET", f"{path}/200")
        answer = connection.getresponse()
        assert answer.status == 200, answer.status
        answer.read()
        times.append(time.monotonic() - start)
        if answer.will_close or path == "":
            connection.close()
    return sorted(times)


def quantile(times, part):
    return times[min(len(times) - 1, int(len(times) * part))] * 1e3


class GatewayBench:
    def __init__(self, bench):
        self.bench = bench

    def run(self, name):
        from programs import AGENT, Site, wait_for

        with tempfile.TemporaryDirectory(dir=self.bench.data) as directory:
            directory = pathlib.Path(directory)
            site = Site(directory)
            try:
                site.start_collector()
                site.start("service", sys.executable, __file__, directory / "service.port")
                wait_for((directory / "service.port").exists, "the service listens")
                service = int((directory / "service.port").read_text())
                site.start("register", AGENT, "register", "--collector", f"127.0.0.1:{site.port}", "--node", "n1", "--service", "board", "--port", service, "--mode", "strip")
                wait_for(lambda: site.http.request("/node/n1/board/5")[0] == 200, "the service opens")
                self.alone(name, site.port, service)
                self.beside(name, site.port)
                self.ingest(name, site, directory)
            finally:
                site.close()

    def alone(self, name, port, service):
        path, size = "/node/n1/board", 1 << 30
        rates = []
        for _ in range(5):
            start = time.monotonic()
            assert download(port, path, size) >= size
            rates.append(size / (time.monotonic() - start) / 1e6)
        latencies(port, path, 200, 5)
        direct, through = latencies(service, "", 2000, 20), latencies(port, path, 2000, 20)
        self.bench.report(name, mb_s=statistics.median(rates), low=min(rates), high=max(rates), direct_p50_ms=quantile(direct, 0.5),
                          through_p50_ms=quantile(through, 0.5), added_p50_ms=quantile(through, 0.5) - quantile(direct, 0.5),
                          through_p99_ms=quantile(through, 0.99))

    def bulk(self, port, count, rate=None):
        """Downloads under way, and what ends them."""
        stop = threading.Event()
        script = (f"import sys; sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r}); import gateway_bench as b\n"
                  f"b.download({port}, '/node/n1/board', 1 << 50, {rate})")
        processes = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(count)]

        def end():
            stop.set()
            for process in processes:
                process.kill()
                process.wait()
        return end

    def beside(self, name, port):
        end = self.bulk(port, 2)
        try:
            time.sleep(1)
            times = latencies(port, "/node/n1/board", 2000, 20)
        finally:
            end()
        self.bench.report(f"{name}-beside-2-bulk", count=len(times), p50_ms=quantile(times, 0.5), p99_ms=quantile(times, 0.99))

    def ingest(self, name, site, directory):
        """20 MB/s of records from a node, and how soon a point is seen, with and without downloads held at 50 MB/s."""
        from event_files import EventFile
        from programs import wait_for

        probe = EventFile(directory / "probe" / "p" / "events.out.tfevents.1700000000.h.1.0")
        probe.scalar("loss", 0, 0.0)
        site.start_agent("probe", directory / "probe")
        site.start_agent("bulk", directory / "bulk")
        (directory / "bulk").mkdir()
        wait_for(lambda: "probe/p" in site.http.json("/data/plugin/scalars/tags"), "the first point is served")
        found = {"without": [], "with": []}
        for turn in range(5):  # a p99 of one run says little
            for kind in found:
                found[kind].append(self.ingest_once(site, directory, probe, f"{kind}{turn}", kind == "with"))
        for kind, runs in found.items():
            median = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
            p99s = sorted(run["p99_ms"] for run in runs)
            self.bench.report(f"{name}-ingest-{kind}", **median, p99_low_ms=p99s[0], p99_high_ms=p99s[-1])

    def ingest_once(self, site, directory, probe, label, held):
        writer = RateWriter(directory / "bulk" / label / "events.out.tfevents.1700000000.h.1.0", 20e6)
        end = self.bulk(site.port, 2, 25e6) if held else (lambda: None)
        try:
            time.sleep(2)
            first, start = received_of(site, label), time.monotonic()
            times = self.freshness(site.http, probe, 15)
            rate = (received_of(site, label) - first) / (time.monotonic() - start) / 1e6
        finally:
            end()
            written = writer.stop()
        return {"ingest_mb_s": rate, "written_mb_s": written, "p50_ms": quantile(times, 0.5), "p99_ms": quantile(times, 0.99)}

    def freshness(self, http_, probe, seconds):
        times, step, deadline = [], probe.points["loss"][-1][1], time.monotonic() + seconds
        while time.monotonic() < deadline:
            step += 1
            start = time.monotonic()
            probe.scalar("loss", step, float(step))
            while http_.json("/data/plugin/scalars/scalars", run="probe/p", tag="loss")[-1][1] != step:
                pass
            times.append(time.monotonic() - start)
            time.sleep(0.02)
        return sorted(times)


def received_of(site, label):
    return sum(stream["received"] for (node, file), stream in site.streams().items() if node == "bulk" and file.startswith(label + "/"))


class RateWriter:
    """Records at a fixed rate, by a process of its own: 4 000 of them again and again, which is a restart each time."""

    def __init__(self, path, rate):
        self.path, self.start = path, time.monotonic()
        script = (f"import sys, time; sys.path.insert(0, {str(pathlib.Path(__file__).resolve().parents[1] / 'e2e')!r})\n"
                  "import pathlib, event_files\n"
                  f"path = pathlib.Path({str(path)!r}); file = event_files.EventFile(path)\n"
                  "for step in range(4000): file.scalar('loss', step, float(step))\n"
                  "file.close(); block = path.read_bytes()\n"
                  "size, out, start, sent = len(block), open(path, 'ab', 0), time.monotonic(), 0\n"
                  f"while True:\n    out.write(block); sent += size; time.sleep(max(0.0, sent / {rate} - (time.monotonic() - start)))\n")
        self.process = subprocess.Popen([sys.executable, "-c", script])

    def stop(self):
        seconds = time.monotonic() - self.start
        self.process.kill()
        self.process.wait()
        return self.path.stat().st_size / seconds / 1e6


if __name__ == "__main__":
    main()
