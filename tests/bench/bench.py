"""Ratios against real peers, both sides in one run.

usage: bench.py --build DIR [--repetitions N] [--json FILE] [load] [load-tensors] [long] [ship] [ship-files] [fresh] [memory] [gateway]

Each figure is a ratio of medians of interleaved repetitions with a bootstrap 95 % interval. Page cache warm: every file is read
once before. Our side always verifies both CRCs of every record and keeps every point; the peer's defaults are its own.

  load         process start until everything is listed and served; peer: TensorBoard's data server (PyPI), same threads
  ship         file -> agent -> collector, durable and indexed, 55-byte records, one file of 1 GB; peer: rsyslog (not durable)
  ship-files   the same in 10 000 files of 54 kB, one for each run; CPU seconds of agent and collector for each GB beside the rate
  fresh        write() -> visible over HTTP, one writer; peer: stock `tensorboard`
  memory       resident bytes: agent with 1 000 files, collector for each scalar point
  gateway      a service of a node through the tunnel: MB/s, added latency, small answers beside bulk, ingest beside downloads
"""

import argparse
import json
import os
import pathlib
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from gateway_bench import GatewayBench  # noqa: E402

WORKLOADS = {
    "load": dict(runs=100, tags=100, steps=1000, kind="simple"),
    "load-tensors": dict(runs=100, tags=100, steps=1000, kind="tensor"),
    "long": dict(runs=1, tags=10, steps=1_000_000, kind="simple"),
}


def interval(ours, peers, draws=2000):
    """(ratio of medians peer/ours, low, high) with a bootstrap 95 % interval."""
    choose = random.Random(1)
    ratios = sorted(statistics.median(choose.choices(peers, k=len(peers))) / statistics.median(choose.choices(ours, k=len(ours)))
                    for _ in range(draws))
    return statistics.median(peers) / statistics.median(ours), ratios[int(draws * 0.025)], ratios[int(draws * 0.975)]


class Bench:
    def __init__(self, options):
        self.options = options
        self.build = options.build.resolve()
        self.data = self.build / "bench-data"
        self.data.mkdir(exist_ok=True)
        self.results = []

    def report(self, name, **figures):
        self.results.append({"name": name, **figures})
        print(f"{name:14} " + "  ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in figures.items()), flush=True)

    def generate(self, name, runs, tags, steps, kind, files_per_run=1):
        target = self.data / name
        if not (target / ".complete").exists():
            print(f"generating {target} ...", file=sys.stderr, flush=True)
            shutil.rmtree(target, ignore_errors=True)
            subprocess.run([self.build / "bin" / "generate_event_files", "--out", target, "--runs", str(runs), "--tags", str(tags), "--steps", str(steps),
                            "--kind", kind], check=True)
            (target / ".complete").touch()
        size = 0
        for path in target.rglob("*tfevents*"):
            size += path.stat().st_size
            with open(path, "rb") as file:
                while file.read(1 << 20):
                    pass
        return target, size

    # --- load

    def load_ours(self, logdir, points):
        from programs import Http

        with tempfile.TemporaryDirectory() as directory:
            port_file = pathlib.Path(directory) / "port"
            start = time.monotonic()
            process = subprocess.Popen([self.build / "bin" / "tributary-collector", "--logdir", logdir, "--port", "0", "--port-file", port_file],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            try:
                # Both sides say when all is loaded; asking meanwhile would slow them down.
                for line in process.stderr:
                    if " loaded " in line:
                        break
                http = Http(f"http://127.0.0.1:{port_file.read_text().strip()}")
                tags = http.json("/data/plugin/scalars/tags")
                seconds = time.monotonic() - start
                rss = rss_bytes(process.pid)
                run = sorted(tags)[0]
                tag = sorted(tags[run])[0]
                total = http.json("/api/v1/series", run=run, tag=tag, points=2)["total"] * sum(len(series) for series in tags.values())
                if total != points:
                    raise RuntimeError(f"{total} points served of {points}")
                return seconds, rss
            finally:
                stop(process)

    def load_peer(self, logdir, series, checksum=False):
        """The data server, from its start until its series are all listed with their last step."""
        import grpc
        import tensorboard_data_server
        from tensorboard.data.proto import data_provider_pb2, data_provider_pb2_grpc

        with tempfile.TemporaryDirectory() as directory:
            port_file = pathlib.Path(directory) / "port"
            start = time.monotonic()
            process = subprocess.Popen([tensorboard_data_server.server_binary(), "--logdir", logdir, "--port", "0", "--port-file", port_file, "--reload", "once",
                                        *(["--checksum"] if checksum else []), "-v"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            try:
                for line in process.stderr:
                    if "Finished load cycle" in line:
                        break
                port = port_file.read_text().strip()
                stub = data_provider_pb2_grpc.TensorBoardDataProviderStub(
                    grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.max_receive_message_length", 1 << 30)]))
                request = data_provider_pb2.ListScalarsRequest(experiment_id="", plugin_filter=data_provider_pb2.PluginFilter(plugin_name="scalars"))
                listed = sum(len(run.tags) for run in stub.ListScalars(request).runs)
                seconds = time.monotonic() - start
                if listed != series:
                    raise RuntimeError(f"the data server lists {listed} series of {series}")
                return seconds, rss_bytes(process.pid)
            finally:
                stop(process)

    def load(self, name):
        workload = WORKLOADS[name]
        logdir, size = self.generate(name, **workload)
        series = workload["runs"] * workload["tags"]
        points = series * workload["steps"]
        ours, peers, checked, memory, peer_memory = [], [], [], [], []
        for _ in range(self.options.repetitions):
            seconds, rss = self.load_ours(logdir, points)
            ours.append(seconds)
            memory.append(rss)
            seconds, rss = self.load_peer(logdir, series)
            peers.append(seconds)
            peer_memory.append(rss)
            checked.append(self.load_peer(logdir, series, checksum=True)[0])
        ratio, low, high = interval(ours, peers)
        ratio_checked, low_checked, high_checked = interval(ours, checked)
        self.report(name, ratio=ratio, low=low, high=high, ratio_checksum=ratio_checked, low_checksum=low_checked, high_checksum=high_checked,
                    ours_mb_s=size / statistics.median(ours) / 1e6, peer_mb_s=size / statistics.median(peers) / 1e6,
                    bytes_per_point=statistics.median(memory) / points, rss_mb=statistics.median(memory) / 1e6, peer_rss_mb=statistics.median(peer_memory) / 1e6)

    # --- ship

    def ship_once(self, logdir, directory):
        """(seconds, CPU seconds of the agent, of the collector), the collector's from its start."""
        from programs import Site

        directory.mkdir()
        site = Site(directory)
        try:
            site.start_collector()
            before = children_cpu_seconds()
            start = time.monotonic()
            site.once("n", logdir, seconds=600)
            seconds = time.monotonic() - start
            return seconds, children_cpu_seconds() - before, cpu_seconds(site.collector.pid)
        finally:
            site.close()
            os.sync()
            drop_pages(directory)

    def ship(self, name):
        if name == "ship":
            logdir, size = self.generate("ship", runs=1, tags=10, steps=1_800_000, kind="simple")
        else:
            logdir, size = self.generate("ship-files", runs=10_000, tags=10, steps=100, kind="simple")
        ours, agent_cpu, collector_cpu, peers = [], [], [], []
        rsyslogd = self.rsyslogd()
        lines = self.lines_file() if rsyslogd else None
        # The stores stay until the end: ext4 takes no inode that was freed within the last minutes, and looks for another one by one. But
        # their pages are given back: else each repetition writes to memory that a virtual machine must first get from its host.
        with tempfile.TemporaryDirectory(dir=self.data) as directory:
            for number in range(self.options.repetitions):
                os.sync()
                for values, value in zip((ours, agent_cpu, collector_cpu), self.ship_once(logdir, pathlib.Path(directory) / str(number))):
                    values.append(value)
                if lines:
                    os.sync()
                    peers.append(self.rsyslog_once(rsyslogd, lines))
        figures = dict(ours_mb_s=size / statistics.median(ours) / 1e6, low=size / max(ours) / 1e6, high=size / min(ours) / 1e6,
                       agent_cpu_s_gb=statistics.median(agent_cpu) / size * 1e9, collector_cpu_s_gb=statistics.median(collector_cpu) / size * 1e9)
        if peers:
            per_byte = [seconds / lines.stat().st_size for seconds in peers]
            ratio, low, high = interval([seconds / size for seconds in ours], per_byte)
            figures.update(ratio=ratio, ratio_low=low, ratio_high=high, rsyslog_mb_s=1 / statistics.median(per_byte) / 1e6)
        else:
            figures["ratio"] = "no comparator: rsyslogd is not there"
        self.report(name, **figures)

    def rsyslogd(self):
        """The command of the rsyslogd that `./dev setup bench` unpacked, or of the system's; None if there is neither."""
        peers = self.build / "peers"
        for modules in peers.glob("usr/lib/*/rsyslog"):
            return ["env", f"LD_LIBRARY_PATH={modules.parent}", peers / "usr" / "sbin" / "rsyslogd", "-M", modules]
        return ["rsyslogd"] if shutil.which("rsyslogd") else None

    def lines_file(self):
        path = self.data / "lines.log"
        if not path.exists():
            with open(path, "w") as file:
                for number in range(1_000_000):
                    file.write(f"{number:010d} " + "x" * 43 + "\n")
        return path

    def rsyslog_once(self, rsyslogd, lines):
        """Two rsyslogd: file -> TCP -> file, until every line has arrived."""
        with tempfile.TemporaryDirectory(dir=self.data) as directory:
            directory = pathlib.Path(directory)
            port = free_port()
            out = directory / "out.log"
            (directory / "receiver.conf").write_text(
                f'module(load="imtcp")\ninput(type="imtcp" address="127.0.0.1" port="{port}" ruleset="r")\ntemplate(name="t" type="string" string="%msg%\\n")\n'
                f'ruleset(name="r") {{ action(type="omfile" file="{out}" template="t") }}\n')
            (directory / "sender.conf").write_text(
                f'global(workDirectory="{directory}")\nmodule(load="imfile")\ninput(type="imfile" file="{lines}" tag="x" ruleset="s")\n'
                f'ruleset(name="s") {{ action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp") }}\n')
            receiver = subprocess.Popen([*rsyslogd, "-n", "-f", directory / "receiver.conf", "-i", directory / "r.pid"], stderr=subprocess.DEVNULL)
            wait_until(lambda: listening(port), 20)
            start = time.monotonic()
            sender = subprocess.Popen([*rsyslogd, "-n", "-f", directory / "sender.conf", "-i", directory / "s.pid"], stderr=subprocess.DEVNULL)
            try:
                wait_until(lambda: out.exists() and out.stat().st_size >= lines.stat().st_size, 300)
                return time.monotonic() - start
            finally:
                stop(sender)
                stop(receiver)

    # --- fresh

    def fresh(self, name):
        from event_files import EventFile
        from oracle import RealTensorBoard
        from programs import Site, wait_for

        with tempfile.TemporaryDirectory(dir=self.data) as directory:
            directory = pathlib.Path(directory)
            site = Site(directory)
            file = EventFile(directory / "logs" / "exp" / "events.out.tfevents.1700000000.h.1.0")
            file.scalar("loss", 0, 0.0)
            try:
                site.start_collector()
                site.start_agent("n", directory / "logs")
                wait_for(lambda: "n/exp" in site.http.json("/data/plugin/scalars/tags"), "the first point is served")
                ours = freshness(site.http, "n/exp", file, 400)
            finally:
                site.close()
            peer = RealTensorBoard(directory / "logs", directory, samples=None)
            try:
                peer.wait_for_runs(["exp"])
                peers = freshness(peer.http, "exp", file, 12)
            finally:
                peer.close()
        ratio, low, high = interval(ours, peers)
        self.report(name, ratio=ratio, low=low, high=high, ours_p50_ms=statistics.median(ours) * 1e3, ours_p99_ms=sorted(ours)[int(len(ours) * 0.99)] * 1e3,
                    peer_p50_ms=statistics.median(peers) * 1e3)

    # --- memory

    def memory(self, name):
        from programs import Site, wait_for

        logdir, _ = self.generate("memory-agent", runs=1000, tags=10, steps=10, kind="simple")
        points_dir, _ = self.generate("load", **WORKLOADS["load"])
        points = 100 * 100 * 1000
        with tempfile.TemporaryDirectory(dir=self.data) as directory:
            site = Site(directory)
            try:
                site.start_collector()
                agent = site.start_agent("n", logdir)
                sources = {("n", str(path.relative_to(logdir))): path for path in logdir.rglob("*tfevents*")}
                wait_for(lambda: site.durable(sources), "1 000 files are durable", 60)
                agent_rss = agent.rss_bytes()
                idle_rss = site.collector.rss_bytes()
                site.once("big", points_dir)
                collector_rss = site.collector.rss_bytes()
            finally:
                site.close()
        _, peer_rss = self.load_peer(points_dir, 100 * 100)
        self.report(name, agent_mb_1000_files=agent_rss / 1e6, collector_bytes_per_point=(collector_rss - idle_rss) / points,
                    collector_bytes_per_point_with_everything=collector_rss / points, peer_bytes_per_kept_point=peer_rss / points)


def freshness(http, run, file, count):
    """Seconds from write() to the first answer that has the point."""
    times = []
    step = file.points["loss"][-1][1]
    for _ in range(count):
        step += 1
        start = time.monotonic()
        file.scalar("loss", step, float(step))
        while http.json("/data/plugin/scalars/scalars", run=run, tag="loss")[-1][1] != step:
            if time.monotonic() - start > 60:
                raise RuntimeError(f"step {step} of {run} was not served within 60 s")
        times.append(time.monotonic() - start)
    return times


def rss_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the process ended")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children_cpu_seconds():
    """Of the children that have ended and were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def drop_pages(directory):
    """Takes the files below the directory, which are on disk, out of the page cache."""
    for path in directory.rglob("*tfevents*"):
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def stop(process):
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listening(port):
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("a peer did not finish in time")
        time.sleep(0.01)


RUN = {"load": Bench.load, "load-tensors": Bench.load, "long": Bench.load, "ship": Bench.ship, "ship-files": Bench.ship, "fresh": Bench.fresh,
       "memory": Bench.memory, "gateway": lambda bench, name: GatewayBench(bench).run(name)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("names", nargs="*", choices=[[], *RUN], default=[])
    options = parser.parse_args()
    os.environ["TRIBUTARY_BUILD"] = str(options.build.resolve())
    bench = Bench(options)
    for name in options.names or RUN:
        RUN[name](bench, name)
    text = json.dumps(bench.results, indent=1)
    (options.json or bench.build / "bench.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
