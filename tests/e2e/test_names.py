"""`plan` before == what is served after; names never depend on how many nodes there are."""

import json
import re
import subprocess

import pytest
from event_files import EventFile
from programs import AGENT, require, wait_for

SLURM = {"SLURM_JOB_ID": "4711", "SLURM_JOB_NODELIST": "node[07-08]", "SLURMD_NODENAME": "node08", "SLURM_JOB_NAME": "bert"}


def write_runs(logdir, *runs):
    for number, run in enumerate(runs):
        file = EventFile(logdir / run / f"events.out.tfevents.170000000{number}.h.{number}.0", 1_700_000_000 + number)
        file.scalar("loss", 1, 1.0).close()


def plan(*flags, env=None):
    require(AGENT)
    done = subprocess.run([AGENT, "plan", "--json", *map(str, flags)], capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return {entry["run"] for entry in json.loads(done.stdout)["files"]}


@pytest.mark.parametrize("flags, env, expected", [
    (["--node", "n1"], {}, {"n1/exp/train", "n1/exp/eval", "n1"}),
    (["--node", "n1", "--namespace", ""], {}, {"exp/train", "exp/eval", "."}),
    (["--node", "n1", "--namespace", "team/{node}"], {}, {"team/n1/exp/train", "team/n1/exp/eval", "team/n1"}),
    ([], SLURM, {"4711/node1/exp/train", "4711/node1/exp/eval", "4711/node1"}),
    ([], {**SLURM, "SLURM_ARRAY_JOB_ID": "4700", "SLURM_ARRAY_TASK_ID": "3"},
     {"4700_3/node1/exp/train", "4700_3/node1/exp/eval", "4700_3/node1"}),
    (["--label", "team=nlp", "--namespace", "{team}/{job_name}"], SLURM, {"nlp/bert/exp/train", "nlp/bert/exp/eval", "nlp/bert"}),
], ids=["by hand", "empty namespace", "template", "slurm", "slurm array", "label"])
def test_plan_is_what_is_served(site, tmp_path, flags, env, expected):
    logdir = tmp_path / "logs"
    write_runs(logdir, "exp/train", "exp/eval", ".")
    import os
    environment = {**os.environ, **env}
    planned = plan("--logdir", logdir, *flags, env=environment)
    assert planned == expected
    site.start_collector()
    agent = site.start("agent", AGENT, "--collector", f"127.0.0.1:{site.port}", "--logdir", logdir, "--once", *flags, env=env)
    assert agent.wait() == 0, agent.text()
    assert set(site.http.json("/data/runs")) == planned


def test_a_second_node_renames_nothing(site, tmp_path):
    site.start_collector()
    write_runs(tmp_path / "a", "exp")
    site.once("n1", tmp_path / "a")
    assert site.http.json("/data/runs") == ["n1/exp"]
    write_runs(tmp_path / "b", "exp")
    site.once("n2", tmp_path / "b")
    assert sorted(site.http.json("/data/runs")) == ["n1/exp", "n2/exp"]


def test_kept_name_wins_over_a_new_template_and_plan_says_so(site, tmp_path):
    site.start_collector()
    write_runs(tmp_path / "a", "exp")
    site.once("n1", tmp_path / "a")
    write_runs(tmp_path / "a", "exp", "exp2")
    flags = ("--collector", f"127.0.0.1:{site.port}", "--node", "n1", "--logdir", tmp_path / "a", "--namespace", "new/{node}")
    assert plan(*flags) == {"n1/exp", "new/n1/exp2"}
    site.once("n1", tmp_path / "a", flags=("--namespace", "new/{node}"))
    assert sorted(site.http.json("/data/runs")) == ["n1/exp", "new/n1/exp2"]


def test_named_logdirs(site, tmp_path):
    write_runs(tmp_path / "a", "exp")
    write_runs(tmp_path / "b", "exp")
    flags = ("--logdir", f"first={tmp_path / 'a'}", "--logdir", f"second={tmp_path / 'b'}", "--node", "n")
    assert plan(*flags) == {"n/first/exp", "n/second/exp"}
    site.start_collector()
    site.once("n", f"first={tmp_path / 'a'}", f"second={tmp_path / 'b'}")
    assert sorted(site.http.json("/data/runs")) == ["n/first/exp", "n/second/exp"]


def taken_bytes(site):
    """What the collector took of its agents since it started."""
    text = site.http.request("/metrics")[2].decode()
    return int(re.search(r"^tributary_collector_accepted_bytes_total (\d+)$", text, re.MULTILINE).group(1))


def test_a_logdir_that_moved_goes_on_where_it_was(site, tmp_path):
    site.start_collector()
    write_runs(tmp_path / "a", "exp")
    site.once("n1", f"old={tmp_path / 'a'}")
    taken = taken_bytes(site)
    assert taken > 0
    (tmp_path / "a").rename(tmp_path / "b")
    EventFile(next((tmp_path / "b" / "exp").iterdir())).scalar("more", 1, 1.0).close()
    added = sum(path.stat().st_size for path in (tmp_path / "b" / "exp").iterdir()) - taken
    site.once("n1", f"old={tmp_path / 'b'}")
    assert site.http.json("/data/runs") == ["n1/old/exp"]
    assert taken_bytes(site) == taken + added


def test_a_node_from_the_path_changes_names_and_not_whose_the_file_is(site, tmp_path):
    site.start_collector()
    write_runs(tmp_path / "host7" / "logs", "exp")
    site.once("n1", tmp_path / "{node}" / "logs")
    assert site.http.json("/data/runs") == ["host7/exp"]
    taken = taken_bytes(site)
    assert {node for node, _ in wait_for(site.streams, "the cluster shows the stream")} == {"n1"}
    site.once("n1", tmp_path / "{node}" / "logs")
    assert taken_bytes(site) == taken


def test_mark_file_gives_a_daemons_stream_its_job(site, tmp_path):
    import os
    logdir = tmp_path / "logs"
    write_runs(logdir, "exp")
    require(AGENT)
    marked = subprocess.run([AGENT, "mark", logdir], env={**os.environ, **SLURM}, capture_output=True, text=True)
    assert marked.returncode == 0, marked.stderr
    assert plan("--logdir", logdir, "--node", "node08") == {"4711/node1/exp"}


def decide(site, status=200, headers=None, **decision):
    got, _, body = site.http.request("/api/v1/runs", json.dumps(decision).encode(), headers or {"Content-Type": "application/json"})
    assert got == status, body
    return json.loads(body) if got == 200 else body.decode()


def test_a_rename_outlives_a_restart_moves_no_file_and_later_files_follow(site, tmp_path):
    site.start_collector()
    write_runs(tmp_path / "a", "exp")
    site.once("n1", tmp_path / "a")
    mirrors = sorted(path.relative_to(site.store) for path in (site.store / "logdir").rglob("*tfevents*"))
    assert decide(site, run="n1/exp", action="rename", to="bert/first") == {"run": "bert/first", "changed": True}
    for _ in range(2):
        assert site.http.json("/data/runs") == ["bert/first"]
        for name in ("n1/exp", "bert/first"):
            assert len(site.http.json("/data/plugin/scalars/scalars", run=name, tag="loss")) == 1, name
        assert sorted(path.relative_to(site.store) for path in (site.store / "logdir").rglob("*tfevents*")) == mirrors
        # The picture of the cluster is drawn after the start.
        assert {stream["run"] for stream in wait_for(site.streams, "the cluster is drawn").values()} == {"bert/first"}
        site.collector.stop()
        site.start_collector()
    # A new file of the old name, in plan as in what comes to be.
    EventFile(tmp_path / "a" / "exp" / "events.out.tfevents.1800000000.h.9.0", 1_800_000_000).scalar("loss", 2, 1.0).close()
    assert plan("--collector", f"127.0.0.1:{site.port}", "--node", "n1", "--logdir", tmp_path / "a") == {"bert/first"}
    site.once("n1", tmp_path / "a")
    assert site.http.json("/data/runs") == ["bert/first"]
    assert len(site.http.json("/data/plugin/scalars/scalars", run="bert/first", tag="loss")) == 2
    # Undone by giving the old name back.
    decide(site, run="bert/first", action="rename", to="n1/exp")
    assert site.http.json("/data/runs") == ["n1/exp"]
    audit = site.http.json("/api/v1/runs")["audit"]
    assert [(entry["action"], entry["from"], entry["to"]) for entry in audit] == [
        ("rename", "bert/first", "n1/exp"), ("rename", "n1/exp", "bert/first")]
    assert audit[0]["who"] == "127.0.0.1" and audit[0]["at"] > 1_700_000_000


def test_hide_and_merge_are_decisions_that_can_be_undone(site, tmp_path):
    site.start_collector()
    for host in ("a", "b"):
        file = EventFile(tmp_path / "l" / "exp" / f"events.out.tfevents.1700000000.{host}.1.0", 1_700_000_000)
        file.scalar("loss", 1 if host == "a" else 2, 1.0, 1_700_000_100).close()
    site.once("n", tmp_path / "l")
    assert sorted(site.http.json("/data/runs")) == ["n/exp", "n/exp@b.1"]
    decide(site, run="n/exp", action="merge")
    assert site.http.json("/data/runs") == ["n/exp"]
    assert len(site.http.json("/data/plugin/scalars/scalars", run="n/exp", tag="loss")) == 2
    decide(site, run="n/exp", action="split")
    assert sorted(site.http.json("/data/runs")) == ["n/exp", "n/exp@b.1"]
    decide(site, run="n/exp", action="hide")
    assert site.http.json("/data/runs") == []
    assert len(site.http.json("/data/plugin/scalars/scalars", run="n/exp", tag="loss")) == 1
    decide(site, run="n/exp", action="show")
    assert len(site.http.json("/data/runs")) == 2


def test_runs_of_a_local_logdir_are_renamed_where_there_is_a_store(site, tmp_path):
    write_runs(tmp_path / "local", "exp")
    site.start_collector("--logdir", tmp_path / "local")
    decide(site, run="exp", action="rename", to="mine")
    assert site.http.json("/data/runs") == ["mine"]
    site.collector.stop()
    site.start_collector("--logdir", tmp_path / "local")
    assert site.http.json("/data/runs") == ["mine"]
    assert "'/' at its start" in decide(site, 400, run="mine", action="rename", to="/exp")


def test_without_a_store_and_from_foreign_pages_nothing_is_decided(site, tmp_path):
    write_runs(tmp_path / "local", "exp")
    site.start_collector("--logdir", tmp_path / "local", data=False)
    assert "--data DIR" in decide(site, 409, run="exp", action="hide")
    decide(site, 415, {"Content-Type": "text/plain"}, run="exp", action="hide")
    decide(site, 403, {"Content-Type": "application/json", "Origin": "http://evil.example"}, run="exp", action="hide")
    decide(site, 421, {"Content-Type": "application/json", "Host": "evil.example"}, run="exp", action="hide")
