"""Compares what two servers answer for scalars and time series, value by value.

usage: oracle.py --bin DIR DIRECTORY

Starts the real `tensorboard --load_fast=true` and the collector on DIRECTORY, both with every point kept, asks both every
run, tag and series, and prints each difference. Exits with 0 if there is none.

What is different on purpose is not compared: the version and location in /data/environment, plugins that only one side has,
and runs that the collector splits because their writers ran at once (`<run>@<host>.<pid>`; TensorBoard loses points there).
"""

import argparse
import json
import pathlib
import re
import sys
import tempfile

from programs import COLLECTOR, Http, Program, WEBFILES, wait_for

ALL_POINTS = "scalars=1000000"


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


def answers(http):
    """Everything that is compared: {name of the request: parsed answer}."""
    yield "/data/runs", http.json("/data/runs")
    tags = http.json("/data/plugin/scalars/tags")
    yield "/data/plugin/scalars/tags", tags
    listed = http.json("/data/plugin/timeseries/tags")
    yield "timeseries/tags scalars", listed["scalars"]
    for run, series in sorted(tags.items()):
        for tag in sorted(series):
            yield f"scalars {run!r} {tag!r}", http.json("/data/plugin/scalars/scalars", run=run, tag=tag)
    by_tag = {}
    for run, series in tags.items():
        for tag in series:
            by_tag.setdefault(tag, []).append(run)
    for tag, runs in sorted(by_tag.items()):
        yield f"scalars_multirun {tag!r}", http.post_json("/data/plugin/scalars/scalars_multirun", {"tag": tag, "runs": runs})
        requests = json.dumps([{"plugin": "scalars", "tag": tag}])
        path = "/experiment/defaultExperimentId/data/plugin/timeseries/timeSeries"
        yield f"timeSeries {tag!r}", http.post_json(path, {"requests": requests})
    for query in ("", "?run=nope&tag=nope", "?run=nope"):
        yield f"scalars{query} status", http.request("/data/plugin/scalars/scalars" + query)[0]
    yield "hparams", http.json("/data/plugin/hparams/experiment", request="{}")
    yield "unknown route", http.request("/data/plugin/scalars/nope")[0]


def compare(reference, candidate):
    """The differences, one line each; `reference` and `candidate` are Http."""
    differences = []
    expected, actual = dict(answers(reference)), dict(answers(candidate))
    for name in sorted(expected.keys() | actual.keys()):
        if name not in actual or name not in expected:
            differences.append(f"{name}: only the {'reference' if name in expected else 'candidate'} has it")
        elif not equal(name, expected[name], actual[name]):
            differences.append(f"{name}: {shorten(expected[name])} expected, {shorten(actual[name])} answered")
    return differences, len(expected)


def equal(name, expected, actual):
    # /data/runs orders by start time; runs that started at the same moment have no order of their own at the reference.
    return sorted(expected) == sorted(actual) if name == "/data/runs" else expected == actual


def shorten(value):
    text = json.dumps(value, sort_keys=True)
    return text if len(text) < 300 else text[:300] + f"... ({len(text)} bytes)"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=pathlib.Path)
    parser.add_argument("directory", type=pathlib.Path)
    options = parser.parse_args()
    if not options.directory.is_dir():
        print(f"error: no such directory: {options.directory}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as directory:
        port_file = pathlib.Path(directory) / "port"
        binary = options.bin / "tributary-collector" if options.bin else COLLECTOR
        collector = Program([binary, "--logdir", options.directory, "--port", "0", "--port-file", port_file, "--webfiles", WEBFILES,
                             "--samples_per_plugin", ALL_POINTS], pathlib.Path(directory) / "collector.log")
        try:
            wait_for(port_file.exists, "the collector listens")
            candidate = Http(f"http://127.0.0.1:{port_file.read_text().strip()}")
            wait_for(candidate.ready, "the collector has loaded everything", 600)
            reference = RealTensorBoard(options.directory, directory)
            try:
                reference.wait_for_runs(candidate.json("/data/runs"))
                differences, asked = compare(reference.http, candidate)
            finally:
                reference.close()
        finally:
            collector.stop()
    for difference in differences:
        print(difference)
    print(f"{asked} answers compared, {len(differences)} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
