"""The main job: three nodes, live files, one URL."""

import pathlib
import subprocess
import sys

from event_files import EventFile
from programs import AGENT, BUILD, WEBFILES, require, require_store, wait_for

DEMO = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "demo" / "demo.py"


def test_demo_once_serves_every_record_of_every_node(tmp_path):
    require(AGENT)
    require_store()
    demo = subprocess.run([sys.executable, DEMO, "--once", "--bin", BUILD / "bin", "--webfiles", WEBFILES, "--directory", tmp_path],
                          capture_output=True, text=True, timeout=240)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    table = [line.split() for line in demo.stdout.splitlines() if line.startswith("node")]
    assert {row[0] for row in table[1:]} == {"node0", "node1", "node2"}
    assert all(row[-1] == "0" for row in table[1:]), demo.stdout


def test_curves_grow_while_one_looks(site, tmp_path):
    site.start_collector()
    file = EventFile(tmp_path / "node0" / "exp" / "events.out.tfevents.1700000000.h.1.0")
    file.scalar("loss", 0, 1.0)
    site.start_agent("node0", tmp_path / "node0")
    for step in range(1, 30):
        wait_for(lambda: served(site) == step, f"{step} points are served")
        file.scalar("loss", step, 1.0 / step)
    wait_for(lambda: served(site) == 30, "all points are served")


def served(site):
    if "node0/exp" not in site.http.json("/data/runs"):
        return 0
    return len(site.http.json("/data/plugin/scalars/scalars", run="node0/exp", tag="loss"))


def test_mirror_is_byte_equal_and_once_again_changes_nothing(site, tmp_path):
    site.start_collector()
    sources = {}
    for number in range(20):
        path = tmp_path / "node0" / f"run{number % 5}" / f"events.out.tfevents.170000000{number % 10}.h.{number}.0"
        file = EventFile(path)
        for step in range(50):
            file.scalar("loss", step, float(step))
        file.close()
        sources[("node0", str(path.relative_to(tmp_path / "node0")))] = path
    for _ in range(2):
        site.once("node0", tmp_path / "node0")
        for (node, file), path in sources.items():
            assert (site.store / "logdir" / node / file).read_bytes() == path.read_bytes()
        # The picture of the cluster is drawn twice a second; the bytes are there before.
        wait_for(lambda: site.durable(sources), "the cluster's picture shows all as durable")


def test_collector_started_after_the_agent_and_restarted(site, tmp_path):
    site.start_collector()
    site.collector.stop()
    path = tmp_path / "n" / "exp" / "events.out.tfevents.1700000000.h.1.0"
    file = EventFile(path)
    agent = site.start_agent("node0", tmp_path / "n")
    for step in range(10):
        file.scalar("loss", step, float(step))
    assert agent.running()
    for _ in range(2):
        site.start_collector()
        wait_for(lambda: site.durable({("node0", "exp/" + path.name): path}), "all is durable")
        assert site.collector.stop() == 0
        file.scalar("loss", file.records, 1.0)
