"""The main job on one machine: a collector, and three training nodes with an agent each.

usage: demo.py --bin DIR --webfiles DIR [--once] [--directory DIR]

A "node" is a directory, a node name and an agent process; its files are written live by a real writer. Without --once
it prints the URL and stays until Ctrl-C. With --once the trainings end by themselves; then every record of every file
on every node is looked for in what the collector serves, a table is printed, and the exit code is 0 only if all are there.
"""

import argparse
import importlib.util
import json
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

NODES = [("node0", "regression"), ("node1", "classifier"), ("node2", "autoencoder")]
DEADLINE_S = 60


def writers():
    """The writer of each node: what is installed of what people use."""
    third = "tensorflow" if importlib.util.find_spec("tensorflow") else "tensorboardX"
    return ["tensorboardX", "tensorboard", third]


class Demo:
    def __init__(self, options):
        self.options = options
        self.here = pathlib.Path(__file__).resolve().parent
        self.directory = pathlib.Path(options.directory or tempfile.mkdtemp(prefix="tributary-demo-"))
        self.processes = []
        self.url = None

    def start(self, name, *command):
        log = open(self.directory / f"{name}.log", "wb")
        process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.processes.append((name, process))
        return process

    def start_collector(self):
        port_file = self.directory / "port"
        port = ["--port", "0"] if self.options.once else []
        collector = self.start("collector", self.options.bin / "tributary-collector", "--data", self.directory / "store",
                               "--port-file", port_file, "--webfiles", self.options.webfiles, *port)
        wait_for(lambda: port_file.exists() or collector.poll() is not None, "the collector listens")
        if not port_file.exists():
            raise RuntimeError(f"the collector ended:\n{(self.directory / 'collector.log').read_text()}")
        self.port = int(port_file.read_text())
        self.url = f"http://localhost:{self.port}/"

    def start_node(self, node, model, writer, seed):
        logdir = self.directory / node / "logs"
        logdir.mkdir(parents=True, exist_ok=True)
        steps = ["--steps", "120", "--interval", "0.02"] if self.options.once else ["--interval", "0.2"]
        trainer = self.start(f"{node}-train", sys.executable, self.here / "train.py", "--logdir", logdir / model, "--model", model,
                             "--writer", writer, "--seed", seed, *steps)
        self.start(f"{node}-agent", self.options.bin / "tributary-agent", "--collector", f"127.0.0.1:{self.port}", "--node", node,
                   "--logdir", logdir, "--find-tensorboards", "off")
        return trainer

    def stop(self):
        for _, process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for name, process in reversed(self.processes):
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                print(f"{name} did not end within 30 s of SIGTERM; it is killed", file=sys.stderr)
                process.kill()

    def get(self, path, **query):
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
            return json.load(answer)

    def event_files(self):
        """(node, run, path) of every event file."""
        for node, _ in NODES:
            logdir = self.directory / node / "logs"
            for path in sorted(logdir.rglob("*tfevents*")):
                yield node, f"{node}/{path.parent.relative_to(logdir)}", path

    def streams(self):
        return {(node["name"], stream["file"]): stream for node in self.get("api/v1/cluster")["nodes"] for stream in node["streams"]}

    def all_durable(self):
        streams = self.streams()
        for node, _, path in self.event_files():
            stream = streams.get((node, str(path.relative_to(self.directory / node / "logs"))))
            if stream is None or stream["durable"] != path.stat().st_size:
                return False
        return True

    def check(self):
        """Compares every record of every file with what is served. Returns the problems."""
        problems, rows = [], []
        streams = self.streams()
        for node, run, path in self.event_files():
            stream = streams[(node, str(path.relative_to(self.directory / node / "logs")))]
            records, points = read_event_file(path)
            if stream["records"] != records:
                problems.append(f"{path}: {records} records written, {stream['records']} served")
            for tag, written in points.items():
                served = self.get("api/v1/series", run=run, tag=tag, points=len(written) + 1)["points"]
                if [tuple(point) for point in served] != written:
                    problems.append(f"{run} {tag}: {len(written)} points written, {len(served)} served, or other values")
            rows.append((node, run, records, stream["received"], stream["durable"], path.stat().st_size - stream["durable"]))
        print_table(("node", "run", "records", "received", "durable", "lag"), rows)
        return problems


def read_event_file(path):
    """(records, {tag: [(wall time, step, value)]}) by a reader of its own, which shares no code with the programs."""
    from tensorboardX.proto.event_pb2 import Event

    data, offset, records, points = path.read_bytes(), 0, 0, {}
    while offset < len(data):
        (length,) = struct.unpack_from("<Q", data, offset)
        event = Event.FromString(data[offset + 12 : offset + 12 + length])
        offset += 16 + length
        records += 1
        for value in event.summary.value:
            if value.WhichOneof("value") == "simple_value":
                points.setdefault(value.tag, []).append((event.wall_time, event.step, value.simple_value))
            elif value.WhichOneof("value") == "tensor":
                content = value.tensor.tensor_content or struct.pack("<f", value.tensor.float_val[0])
                points.setdefault(value.tag, []).append((event.wall_time, event.step, struct.unpack("<f", content)[0]))
    return records, points


def print_table(header, rows):
    texts = [header] + [tuple(str(cell) for cell in row) for row in rows]
    widths = [max(len(row[column]) for row in texts) for column in range(len(header))]
    for row in texts:
        print("  ".join(cell.ljust(width) if column < 2 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths))))


def wait_for(condition, what):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {DEADLINE_S} s in vain until {what}")
        time.sleep(0.1)


def run(demo):
    demo.start_collector()
    trainers = [demo.start_node(node, model, writer, seed) for seed, ((node, model), writer) in enumerate(zip(NODES, writers()), 1)]
    if not demo.options.once:
        print(f"\nThree nodes are training. Open  {demo.url}\nLogs and event files: {demo.directory}\nCtrl-C ends the demo.", flush=True)
        while all(process.poll() is None for _, process in demo.processes):
            time.sleep(0.5)
        ended = next(name for name, process in demo.processes if process.poll() is not None)
        raise RuntimeError(f"{ended} ended by itself:\n{(demo.directory / (ended + '.log')).read_text()}")
    for (node, _), trainer in zip(NODES, trainers):
        if trainer.wait(timeout=DEADLINE_S) != 0:
            raise RuntimeError(f"the training of {node} failed:\n{(demo.directory / (node + '-train.log')).read_text()}")
    wait_for(demo.all_durable, "every byte of every node is durable at the collector")
    problems = demo.check()
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    print(f"every record of {len(list(demo.event_files()))} files on {len(NODES)} nodes is served at one URL" if not problems else
          f"{len(problems)} differences")
    return 1 if problems else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--webfiles", type=pathlib.Path, required=True)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--directory", help="where files and logs go; default: a new temporary directory")
    demo = Demo(parser.parse_args())
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves it
            signal.signal(number, signal.default_int_handler)  # ends it as Ctrl-C does
    status = 1
    try:
        status = run(demo)
    except KeyboardInterrupt:
        status = 0
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
    finally:
        demo.stop()
    if status == 0 and demo.options.directory is None:
        shutil.rmtree(demo.directory)
    elif status != 0:
        print(f"logs: {demo.directory}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
