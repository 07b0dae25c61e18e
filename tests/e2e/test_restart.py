"""An agent that comes back finds its place free, whatever became of its former self; a second live one is told so."""

import os
import subprocess
import threading

import pytest
from event_files import EventFile
from programs import AGENT, COLLECTOR, require, wait_for

FILE = "events.out.tfevents.1700000000.h.1.0"


def write(path, points):
    file = EventFile(path)
    for step in range(points):
        file.scalar("loss", step, float(step))
    file.close()
    return {("n", f"run/{path.name}"): path}


def test_fault_1_killed_and_restarted_at_once_it_is_never_taken_for_a_second_agent(site, tmp_path):
    """While it sends: what the dead one had on its way must not count as a sign of its life."""
    path = tmp_path / "n" / "run" / FILE
    file = EventFile(path)
    site.start_collector()
    agents = [site.start_agent("n", tmp_path / "n", name="agent-0")]
    for round in range(1, 31):
        for step in range(2000):
            file.scalar("loss", round * 2000 + step, 1.0)
        threading.Event().wait(0.02)
        agents[-1].kill()
        agents.append(site.start_agent("n", tmp_path / "n", name=f"agent-{round}"))
    file.close()
    wait_for(lambda: site.durable({("n", f"run/{FILE}"): path}), "all is durable", 10)
    assert agents[-1].running()
    assert "refused" not in site.collector.text()
    assert (site.store / "logdir" / "n" / "run" / FILE).read_bytes() == path.read_bytes()


def test_a_second_live_agent_says_who_is_there_and_ends(site, tmp_path):
    sources = write(tmp_path / "n" / "run" / FILE, 10)
    site.start_collector()
    first = site.start_agent("n", tmp_path / "n", name="first")
    wait_for(lambda: site.durable(sources), "all is durable")
    second = site.start_agent("n", tmp_path / "n", name="second", flags=("--drain-timeout", "1s"))
    once = site.start_agent("n", tmp_path / "n", name="once", flags=("--once", "--connect-timeout", "2s"))
    command = site.start("command", AGENT, "run", "--collector", f"127.0.0.1:{site.port}", "--node", "n", "--logdir", tmp_path / "n",
                         "--drain-timeout", "1s", "--", "sh", "-c", "sleep 8; exit 5")
    assert once.wait(30) == 1
    assert second.wait(30) == 1
    for program in (second, once):
        assert f"pid {first.pid}" in program.text() and "one agent is enough for it" in program.text(), program.text()
        assert "for the other one to end" in program.text() and "left: " not in program.text(), program.text()
        assert len([line for line in program.text().splitlines() if "will try again" in line]) == 1, program.text()
    assert command.wait(30) == 5
    assert first.running()


def test_a_successor_waits_until_its_predecessor_has_drained(site, tmp_path):
    """As when a service is restarted and the new agent starts before the old one has ended."""
    path = tmp_path / "n" / "run" / FILE
    sources = write(path, 10)
    site.start_collector()
    first = site.start_agent("n", tmp_path / "n", name="first")
    wait_for(lambda: site.durable(sources), "all is durable")
    second = site.start_agent("n", tmp_path / "n", name="second")
    wait_for(lambda: "will try again" in second.text(), "the second one waits")
    assert first.stop() == 0
    sources |= write(tmp_path / "n" / "run" / FILE.replace(".1.0", ".2.0"), 10)
    wait_for(lambda: site.durable(sources), "the second one delivers", 20)
    assert second.running() and second.stop() == 0


def test_fault_14_a_half_open_connection_holds_up_the_restarted_agent_for_seconds_only(site, tmp_path, far_nodes):
    require(COLLECTOR)
    sources = write(tmp_path / "n" / "run" / FILE, 10)
    far_nodes.make("a")
    site.start_collector("--host", "0.0.0.0", "--plaintext", "--no-auth")

    def start(name):
        return site.start(name, *far_nodes.run_in("a"), AGENT, "--collector", f"{far_nodes.gateway('a')}:{site.port}", "--plaintext",
                          "--node", "n", "--logdir", tmp_path / "n")

    dead = start("dead")
    wait_for(lambda: site.durable(sources), "all is durable")
    far_nodes.cut("a")
    dead.kill()
    sources |= write(tmp_path / "n" / "run" / FILE.replace(".1.0", ".2.0"), 10)
    # The node is back, on another way: its old connection is never ended by anybody.
    site.start("restarted", AGENT, "--collector", f"127.0.0.1:{site.port}", "--node", "n", "--logdir", tmp_path / "n")
    wait_for(lambda: site.durable(sources), "the restarted agent delivers", 12)
    assert "no answer to a ping" in site.collector.text()
    assert "refused" not in site.collector.text()


def test_a_restarted_collector_says_what_it_has_and_that_it_came_before(site, tmp_path):
    require(AGENT)
    write(tmp_path / "n" / "run" / FILE, 10)
    site.start_collector()
    site.once("n", tmp_path / "n")
    assert site.collector.stop() == 0
    collector = site.start_collector()
    wait_for(lambda: " loaded streams=1 seconds=" in collector.text(), "the log tells of the store, and of nothing else")
    node, = wait_for(lambda: site.http.json("/api/v1/cluster")["nodes"], "the node is shown")
    assert node["last_record"] is None and node["totals"]["durable"] > 0
    told = subprocess.run([AGENT, "status", "--cluster", "--collector", f"127.0.0.1:{site.port}"], capture_output=True, text=True, timeout=60)
    assert " before restart " in told.stdout and "never" not in told.stdout, told.stdout + told.stderr
