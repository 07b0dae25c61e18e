"""Asks two servers of tensorboard.data.TensorBoardDataProvider the same things, method by method, and compares the answers.

Which points of a series come where there are more than asked for is each server's own choice: those answers are held against the
whole series. Keys of blobs are opaque: the bytes they lead to are compared.
"""

import itertools
import pathlib
import subprocess

import grpc
from programs import wait_for
from tensorboard.data.proto import data_provider_pb2 as pb
from tensorboard.data.proto import data_provider_pb2_grpc

KINDS = ("Scalars", "Tensors", "BlobSequences")
ALL = 2**63 - 1
SOME_POINTS = (0, 1, 3, 10)


class DataServer:
    """A program that is started as `tensorboard` starts its data server."""

    def __init__(self, program, directory, *flags, samples=""):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port_file, self.error_file = self.directory / "port", self.directory / "error"
        command = [program, "--reload=1", f"--samples-per-plugin={samples}", "--port=0", f"--port-file={self.port_file}", "--die-after-stdin", *flags]
        with open(self.directory / "log", "wb") as log:
            self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=log, stderr=log)

    def port(self):
        wait_for(lambda: self.process.poll() is not None or (self.port_file.exists() and self.port_file.read_text().endswith("\n")), "the port is known", 10)
        assert self.process.poll() is None, (self.directory / "log").read_text()
        return int(self.port_file.read_text())

    def end_input(self):
        """The exit code after standard input ended."""
        self.process.stdin.close()
        return self.process.wait(timeout=10)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if not self.process.stdin.closed:
            self.process.stdin.close()


class DataProvider:
    """A client of one server."""

    def __init__(self, port):
        options = [("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0)]
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options)
        self.stub = data_provider_pb2_grpc.TensorBoardDataProviderStub(self.channel)

    def ask(self, method, timeout=60, **fields):
        """(code, message), or (code, None) for an error; of ReadBlob the list of parts."""
        try:
            answer = getattr(self.stub, method)(getattr(pb, method + "Request")(**fields), timeout=timeout)
            return grpc.StatusCode.OK, [part.data for part in answer] if method == "ReadBlob" else answer
        except grpc.RpcError as error:
            return error.code(), None

    def get(self, method, **fields):
        code, answer = self.ask(method, **fields)
        if code != grpc.StatusCode.OK:
            raise RuntimeError(f"{method} {fields}: {code}")
        return answer

    def plugins(self):
        return sorted(plugin.name for plugin in self.get("ListPlugins").plugins)

    def runs(self):
        return [(run.name, run.start_time) for run in self.get("ListRuns").runs]

    def close(self):
        self.channel.close()


def entries(response):
    """{(run, tag): metadata or data}; fails on one that comes twice."""
    found = {}
    for run in response.runs:
        for tag in run.tags:
            key = run.run_name, tag.tag_name
            if key in found:
                raise RuntimeError(f"{key} comes twice")
            found[key] = tag.metadata if hasattr(tag, "metadata") else tag.data
    return found


def points(data):
    """[(step, wall time, value)], the value as something that can be compared; of blobs, their number."""
    values = getattr(data, "values", None)
    column = [len(sequence.blob_refs) for sequence in values] if values is not None else list(map(repr, data.value))
    if not len(data.step) == len(data.wall_time) == len(column):
        raise RuntimeError("columns of different lengths")
    return list(zip(data.step, data.wall_time, column))


def filters(keys):
    """Which runs and tags to ask for."""
    yield None
    yield {}
    yield {"runs": {}}
    yield {"tags": {}}
    yield {"runs": {"names": ["no such run"]}}
    for run, tag in keys[:1] + keys[len(keys) // 2:][:1] + keys[-1:]:
        yield {"runs": {"names": [run]}}
        yield {"tags": {"names": [tag, tag, "no such tag"]}}
        yield {"runs": {"names": [run, "no such run"]}, "tags": {"names": [tag]}}


class Comparison:
    def __init__(self, reference, candidate):
        self.reference, self.candidate = reference, candidate
        self.differences, self.asked = [], 0

    def differ(self, *words):
        self.differences.append(" ".join(map(str, words))[:500])

    def both(self, method, **fields):
        """Both answers, or None if there is nothing to compare: an error of the same kind, or a difference that was noted."""
        self.asked += 1
        (expected_code, expected), (code, answer) = self.reference.ask(method, **fields), self.candidate.ask(method, **fields)
        if expected_code != code:
            self.differ(method, fields, ":", expected_code, "expected,", code, "answered")
            return None
        return (expected, answer) if code == grpc.StatusCode.OK else None

    def compare(self):
        if self.reference.plugins() != self.candidate.plugins():
            self.differ("ListPlugins", self.reference.plugins(), self.candidate.plugins())
        expected, answered = self.reference.runs(), self.candidate.runs()
        if sorted(expected) != sorted(answered) or [start for _, start in answered] != sorted(start for _, start in answered):
            self.differ("ListRuns", expected, answered)
        for kind, plugin in itertools.product(KINDS, self.reference.plugins() + ["no such plugin"]):
            self.compare_plugin(kind, {"plugin_name": plugin})
        for kind in KINDS:
            self.compare_errors(kind)
        for key in ("", "!", "a", "====", "W10", "WyIiLCJhIl0"):
            self.both("ReadBlob", blob_key=key)

    def compare_errors(self, kind):
        for wanted in ({}, {"plugin_filter": {}}, {"plugin_filter": {}, "downsample": {"num_points": 1}}):
            self.both("List" + kind, **{name: value for name, value in wanted.items() if name != "downsample"})
            self.both("Read" + kind, **wanted)
        for downsample in (None, {}, {"num_points": -1}):
            self.both("Read" + kind, plugin_filter={"plugin_name": "scalars"}, downsample=downsample)

    def compare_plugin(self, kind, plugin):
        whole = self.both("Read" + kind, plugin_filter=plugin, downsample={"num_points": ALL})
        if whole is None:
            return
        expected, answered = map(entries, whole)
        if kind == "BlobSequences":
            self.compare_blobs(expected, answered)
        for wanted in filters(sorted(expected)):
            listed = self.both("List" + kind, plugin_filter=plugin, run_tag_filter=wanted)
            if listed is not None:
                self.compare_entries("List" + kind, (plugin, wanted), *map(entries, listed), lambda data: data)
            for limit in (ALL, *SOME_POINTS):
                read = self.both("Read" + kind, plugin_filter=plugin, run_tag_filter=wanted, downsample={"num_points": limit})
                if read is None:
                    continue
                if limit == ALL:
                    self.compare_entries("Read" + kind, (plugin, wanted), *map(entries, read), points)
                else:
                    self.check_sampled((kind, plugin, wanted, limit), *map(entries, read), expected)

    def compare_entries(self, method, question, expected, answered, form):
        for key in sorted(expected.keys() | answered.keys()):
            if key not in expected or key not in answered:
                self.differ(method, question, key, "only in the", "reference" if key in expected else "candidate")
            elif form(expected[key]) != form(answered[key]):
                self.differ(method, question, key, form(expected[key]), "expected,", form(answered[key]), "answered")

    def check_sampled(self, question, expected, answered, whole):
        if expected.keys() != answered.keys():
            self.differ(question, sorted(expected.keys() ^ answered.keys()), "are not in both")
            return
        for key, data in answered.items():
            made, truth = points(data), points(whole[key])
            right = min(question[-1], len(truth))
            is_subset = set(made) <= set(truth) and made == sorted(made, key=lambda point: point[0])
            if len(made) > right or (right == len(truth) and len(made) < right) or not is_subset or (right > 0 and made[-1] != truth[-1]):
                self.differ(question, key, made, "is no choice of", question[-1], "out of", truth)

    def compare_blobs(self, expected, answered):
        for key in sorted(expected.keys() & answered.keys()):
            for left, right in zip(expected[key].values, answered[key].values):
                for number, (ours, theirs) in enumerate(zip(left.blob_refs, right.blob_refs)):
                    self.asked += 1
                    want, got = self.reference.ask("ReadBlob", blob_key=ours.blob_key), self.candidate.ask("ReadBlob", blob_key=theirs.blob_key)
                    # Parts too: front ends depend on their size.
                    if want != got:
                        self.differ("ReadBlob", key, number, want[0], got[0])


def compare_providers(reference, candidate):
    """The differences, one line each, and how many requests there were."""
    comparison = Comparison(reference, candidate)
    comparison.compare()
    return comparison.differences, comparison.asked
