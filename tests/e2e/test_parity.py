"""The same bytes, the real TensorBoard beside the collector: every answer of every route is equal, or different on purpose."""

import pathlib
import re
import struct

import pytest
from comparison import compare, record
from event_files import EventFile
from on_purpose import DIFFERENCES
from oracle import ALL_POINTS, settled
from programs import Http, wait_for
from questions import QUESTIONS
from writers import hparams
from writers.basics import START, no_hparams
from writers.scalars import file_name, odd_values, plain_runs, requeue
from writers.showcase import showcase

HTTP_API = pathlib.Path(__file__).parents[2] / "collector" / "serve" / "HTTP_API.md"
FEW = 40  # questions of each route, where a whole comparison is made elsewhere


def check(expected, candidate, at_least):
    differences, asked = compare(expected, candidate)
    assert not differences, f"{len(differences)} of {asked} answers differ:\n" + "\n".join(differences[:40])
    assert asked >= at_least


def compare_in_place(site, reference, logdir, samples=None, plugins=QUESTIONS, most=1 << 30, at_least=100):
    site.start_collector("--logdir", logdir, *(["--samples_per_plugin", samples] if samples else []), data=False)
    server = reference(logdir, samples)
    settled(server, site.http)
    check(record(server.http, plugins, most), site.http, at_least)


def test_everything_in_place(site, whole):
    site.start_collector("--logdir", whole.logdir, "--samples_per_plugin", ALL_POINTS, data=False)
    check(whole.answers(site.http), site.http, 6500)


def test_everything_through_an_agent(site, whole):
    """With an empty name space, runs have the same names as in place. The projector's side files come along; of links within the logdir, what
    they lead to."""
    site.start_collector("--samples_per_plugin", ALL_POINTS)
    site.once("node", whole.logdir, flags=("--namespace", ""))
    check([answer for answer in whole.answers(site.http) if answer.question.query.get("name") != "outside"], site.http, 6500)


def test_everything_with_default_samples(site, reference, whole):
    compare_in_place(site, reference, whole.logdir, most=FEW, at_least=1000)


@pytest.mark.parametrize("below", ["/deep/er", "/deep/er/experiment/an-id"], ids=["prefix", "experiment"])
def test_a_sample_of_each_route_below_a_prefix(site, reference, tmp_path, below):
    logdir = tmp_path / "logs"
    showcase(logdir)
    site.start_collector("--logdir", logdir, "--path_prefix", "/deep/er", data=False)
    server = reference(logdir, source=["--load_fast=true", "--logdir", logdir, "--path_prefix", "/deep/er"])
    server.http, candidate = Http(server.http.base + below), Http(site.http.base + below)
    settled(server, candidate)
    # The addresses of old pages lead the reference out of its prefix; it has no experiment below an experiment.
    elsewhere = re.compile(r"^/(experiment|audio|events|graphs|histograms|images)\b")
    check([answer for answer in record(server.http, most=2) if not elsewhere.search(answer.question.path)], candidate, 300)


def nothing(logdir):
    logdir.mkdir()


@pytest.mark.parametrize("write", [hparams.session_without_a_number, hparams.session_in_the_root, hparams.described_experiment, hparams.keras_callbacks,
                                   hparams.tensorboardx_hparams])
def test_hparams(site, reference, tmp_path, write):
    """All sessions below one directory are one experiment: each kind has one of its own."""
    write(tmp_path / "logs")
    compare_in_place(site, reference, tmp_path / "logs", plugins=["hparams"])


@pytest.mark.parametrize("write", [nothing, no_hparams])
def test_dashboards_without_data(site, reference, tmp_path, write):
    write(tmp_path / "logs")
    compare_in_place(site, reference, tmp_path / "logs")


def test_long_series_with_all_points(site, reference, tmp_path):
    file = EventFile(tmp_path / "logs" / "long" / file_name(START), START)
    for step in range(3000):
        file.scalar("loss", step, float((step * 7919) % 1000))
    file.close()
    compare_in_place(site, reference, tmp_path / "logs", ALL_POINTS, ["scalars", "timeseries", "custom_scalars"], at_least=50)


def test_very_many_tags(site, reference, tmp_path):
    file = EventFile(tmp_path / "logs" / "many" / file_name(START), START)
    for number in range(12_345):
        file.scalar(f"group {number % 100}/tag {number}", 1, float(number))
    file.close()
    compare_in_place(site, reference, tmp_path / "logs", plugins=["scalars", "timeseries"], most=10, at_least=50)


def test_three_nodes_through_agents(site, reference, tmp_path):
    """The reference serves the union of the nodes' directories, each below its node's name."""
    union = tmp_path / "union"
    for node, write in (("node0", plain_runs), ("node1", requeue), ("node2", odd_values)):
        write(union / node)
    site.start_collector("--samples_per_plugin", ALL_POINTS)
    for node in ("node0", "node1", "node2"):
        site.once(node, union / node)
    server = reference(union, ALL_POINTS)
    server.wait_for_runs(wait_for(lambda: site.http.json("/data/runs"), "the collector lists runs"))
    check(record(server.http, ["core", "scalars", "timeseries"]), site.http, 100)


def test_every_difference_on_purpose_has_its_row_in_the_table():
    rows = {line.split("|")[1].strip() for line in HTTP_API.read_text().splitlines() if line.startswith("| ")}
    assert {row for row, _, _ in DIFFERENCES} <= rows


def test_two_live_writers_in_one_directory_lose_no_point_and_add_none(site, tmp_path):
    """Real TensorBoard loses points here, so the truth is what was written."""
    logdir = tmp_path / "logs" / "run"
    writers = [EventFile(logdir / file_name(START + number, f"h{number}", 10 + number), START + number) for number in range(2)]
    for step in range(100):
        for number, file in enumerate(writers):
            file.scalar("loss", step, step + number / 2, START + 2 + step)
    for file in writers:
        file.close()
    site.start_collector("--logdir", tmp_path / "logs", "--samples_per_plugin", ALL_POINTS, data=False)
    tags = site.http.json("/data/plugin/scalars/tags")
    assert sorted(tags) == ["run", "run@h1.11"]
    for run, file in (("run", writers[0]), ("run@h1.11", writers[1])):
        served = site.http.json("/data/plugin/scalars/scalars", run=run, tag="loss")
        assert [tuple(point) for point in served] == file.points["loss"]


def test_requeue_through_agents_of_three_hosts_is_one_run(site, tmp_path):
    site.start_collector("--samples_per_plugin", ALL_POINTS)
    written = {}
    for number in range(3):
        second = START + 1000 * number
        file = EventFile(tmp_path / f"host{number}" / "exp" / file_name(second, f"host{number}", 5), second)
        for step in range(number * 90, number * 90 + 100):
            file.scalar("loss", step, step + number / 10, second + step)
            written[step] = (second + step, step, struct.unpack("<f", struct.pack("<f", step + number / 10))[0])
        file.close()
        site.once(f"host{number}", tmp_path / f"host{number}", flags=("--namespace", "job1"))
    assert site.http.json("/data/runs") == ["job1/exp"]
    served = site.http.json("/data/plugin/scalars/scalars", run="job1/exp", tag="loss")
    assert [tuple(point) for point in served] == [written[step] for step in sorted(written)]
