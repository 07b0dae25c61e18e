"""Compares what the real TensorBoard and the collector answer on any directory, over HTTP and gRPC, value by value.

usage: oracle.py [--bin DIR] [--most N] DIRECTORY

Starts `tensorboard --load_fast=true` and the collector on DIRECTORY, both with every point kept, asks both every route for everything
in it, and TensorBoard's own data server and the collector every gRPC method; prints each difference. Exits with 0 if there is none.
What is different on purpose is listed in collector/serve/HTTP_API.md and collector/README.md.
"""

import argparse
import contextlib
import pathlib
import re
import sys
import tempfile
import time

import tensorboard_data_server
from comparison import compare, record
from data_provider_oracle import DataProvider, DataServer, compare_providers
from programs import COLLECTOR, Http, Program, WEBFILES, wait_for

# Of every plugin: which points are chosen where there are too many is each server's own.
ALL_POINTS = ",".join(f"{plugin}=1000000" for plugin in ("scalars", "images", "audio", "histograms", "distributions", "text", "pr_curves", "mesh"))
QUIET_SECONDS = 6


class RealTensorBoard:
    """`tensorboard --load_fast=true` on a directory; every point kept unless told otherwise. `source`: flags in place of the directory."""

    def __init__(self, logdir, directory, samples=ALL_POINTS, source=None, env=None, name="tensorboard"):
        command = [pathlib.Path(sys.executable).parent / "tensorboard", *(source or ["--load_fast=true", "--logdir", logdir]), "--port", "0",
                   "--host", "127.0.0.1", "--reload_interval", "1"]
        if samples:
            command += ["--samples_per_plugin", samples]
        self.program = Program(command, pathlib.Path(directory) / f"{name}.log", env)
        try:
            url = wait_for(lambda: re.search(r"http://[^ ]*:(\d+)/", self.program.text()) or self.dead(), "tensorboard tells its URL", 60)
        except Exception:
            self.close()
            raise
        self.http = Http(f"http://127.0.0.1:{url.group(1)}")

    def dead(self):
        if not self.program.running():
            raise RuntimeError(f"tensorboard ended:\n{self.program.text()}")

    def wait_for_runs(self, runs):
        wait_for(lambda: set(self.http.json("/data/runs")) >= set(runs), f"tensorboard lists {sorted(runs)[:5]}...", 60, every=0.3)

    def close(self):
        self.program.stop()


def settled(reference, candidate, quiet_seconds=0):
    """Waits until both have loaded; the reference looks for projections only when asked, and later. While it loads much, it shows what it has
    read every 5 s: only when nothing has been new for longer it has loaded all."""
    reference.wait_for_runs(candidate.json("/data/runs"))
    try:
        wait_for(lambda: enabled(reference.http) == enabled(candidate), "both list the same dashboards", 10, every=0.3)
    except TimeoutError:
        pass  # the comparison tells
    since, before = time.monotonic(), None
    while time.monotonic() - since < quiet_seconds:
        listed = [reference.http.json(f"/data/plugin/{plugin}/tags") for plugin in ("scalars", "images", "histograms", "text")]
        if listed != before:
            since, before = time.monotonic(), listed
        time.sleep(0.5)


def enabled(http):
    return {name: about["enabled"] for name, about in http.json("/data/plugins_listing").items()}


def compare_directory(logdir, binary, most, directory):
    """Both programs on the directory, over HTTP and gRPC."""
    port_file = directory / "port"
    collector = Program([binary, "--logdir", logdir, "--port", "0", "--port-file", port_file, "--webfiles", WEBFILES, "--samples_per_plugin", ALL_POINTS],
                        directory / "collector.log")
    with contextlib.ExitStack() as started:
        started.callback(collector.stop)
        wait_for(port_file.exists, "the collector listens")
        port = int(port_file.read_text())
        candidate = Http(f"http://127.0.0.1:{port}")
        wait_for(candidate.ready, "the collector has loaded everything", 600)
        reference = RealTensorBoard(logdir, directory)
        started.callback(reference.close)
        settled(reference, candidate, QUIET_SECONDS)
        differences, asked = compare(record(reference.http, most=most), candidate)
        server = DataServer(tensorboard_data_server.server_binary(), directory / "data server", f"--logdir={logdir}", samples=ALL_POINTS)
        started.callback(server.close)
        providers = [DataProvider(server.port()), DataProvider(port)]
        wait_for(lambda: len(providers[0].runs()) >= len(reference.http.json("/data/runs")), "the data server lists all runs", 600)
        time.sleep(QUIET_SECONDS)
        found, count = compare_providers(*providers)
        return differences + [f"gRPC {line}" for line in found], asked + count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=pathlib.Path, default=COLLECTOR.parent)
    parser.add_argument("--most", type=int, default=2000, help="questions of each route; more are chosen from evenly (default: %(default)s)")
    parser.add_argument("directory", type=pathlib.Path)
    options = parser.parse_args()
    if not options.directory.is_dir():
        print(f"error: no such directory: {options.directory}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as directory:
        differences, asked = compare_directory(options.directory, options.bin / "tributary-collector", options.most, pathlib.Path(directory))
    for difference in differences:
        print(difference)
    print(f"{asked} answers compared, {len(differences)} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
