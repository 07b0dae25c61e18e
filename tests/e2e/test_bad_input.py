"""Bad input gets one clear line that names the thing, the value and the bound, the right exit code, and loses nothing."""

import os
import pathlib
import shutil
import socket
import subprocess

import pytest
from event_files import EventFile, record, scalar_event
from programs import AGENT, COLLECTOR, require, require_store, wait_for


def run(*command, timeout=60):
    require(command[0])
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def one_line_with(text, *words):
    lines = [line for line in text.splitlines() if all(word in line for word in words)]
    assert len(lines) == 1, f"wanted one line with {words}, got:\n{text}"
    return lines[0]


@pytest.mark.parametrize("program", [COLLECTOR, AGENT], ids=["collector", "agent"])
def test_unknown_yaml_key_names_file_line_and_nearest_key(tmp_path, program):
    config = tmp_path / "config.yaml"
    config.write_text("# comment\nlogdri: /tmp\n")
    code, text = run(program, "--config", config)
    assert code == 2
    one_line_with(text, str(config), "2", "logdri", "logdir")


@pytest.mark.parametrize("program", [COLLECTOR, AGENT], ids=["collector", "agent"])
def test_unknown_flag(program):
    code, text = run(program, "--no-such-flag")
    assert code == 2 and "no-such-flag" in text


@pytest.mark.parametrize("value", ["70000", "-1", "http"])
def test_bad_port(tmp_path, value):
    code, text = run(COLLECTOR, "--logdir", tmp_path, "--port", value)
    assert code == 2
    assert "port" in text and value in text and ("65535" in text or "number" in text)


def test_taken_port_names_port_and_holder(tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        code, text = run(COLLECTOR, "--logdir", tmp_path, "--port", port)
        assert code == 1
        one_line_with(text, str(port), "python")


def test_nothing_to_serve():
    require_store()
    code, text = run(COLLECTOR)
    assert code == 2
    assert "--logdir" in text and "--data" in text


def test_off_loopback_needs_to_be_asked_for(tmp_path):
    code, text = run(COLLECTOR, "--logdir", tmp_path, "--bind_all", "--port", "0")
    assert code == 2
    one_line_with(text, "--plaintext", "--no-auth")
    code, text = run(AGENT, "--collector", "192.0.2.1:6006", "--logdir", tmp_path, "--once")
    assert code == 2
    one_line_with(text, "--plaintext", "192.0.2.1")


@pytest.mark.parametrize("command", [["--once"], ["plan"], ["check"]], ids=["once", "plan", "check"])
def test_missing_logdir(tmp_path, command):
    subcommand = command if command[0] != "--once" else []
    flags = command if command[0] == "--once" else []
    code, text = run(AGENT, *subcommand, "--collector", "127.0.0.1:1", "--logdir", tmp_path / "absent", *flags)
    assert code == 2
    one_line_with(text, str(tmp_path / "absent"))


def test_two_logdirs_of_one_name(tmp_path):
    code, text = run(AGENT, "check", "--logdir", tmp_path, "--logdir", tmp_path / "..", "--collector", "127.0.0.1:1")
    assert code == 2
    assert "NAME=" in text


def test_missing_template_value(tmp_path):
    EventFile(tmp_path / "events.out.tfevents.1700000000.h.1.0").close()
    code, text = run(AGENT, "plan", "--logdir", tmp_path, "--namespace", "{job}/{node}")
    assert code == 2
    one_line_with(text, "job")


def test_unreachable_collector(tmp_path):
    EventFile(tmp_path / "events.out.tfevents.1700000000.h.1.0").close()
    code, text = run(AGENT, "--collector", "127.0.0.1:1", "--logdir", tmp_path, "--once", "--connect-timeout", "2s")
    assert code == 1
    assert "127.0.0.1:1" in text


def test_command_runs_and_keeps_its_exit_code_without_a_collector(tmp_path):
    code, text = run(AGENT, "run", "--collector", "127.0.0.1:1", "--logdir", tmp_path, "--drain-timeout", "1s", "--", "sh", "-c", "exit 7")
    assert code == 7, text
    code, text = run(AGENT, "run", "--collector", "127.0.0.1:1", "--logdir", tmp_path, "--drain-timeout", "1s", "--", "sh", "-c", "kill -9 $$")
    assert code == 128 + 9, text


def test_second_collector_on_one_store(site, tmp_path):
    site.start_collector()
    code, text = run(COLLECTOR, "--data", site.store, "--port", "0")
    assert code == 1
    one_line_with(text, str(site.store))


@pytest.mark.parametrize("through", ["logdir", "agent"])
def test_damaged_record_is_skipped_alone_and_told(site, tmp_path, through):
    path = tmp_path / "logs" / "run" / "events.out.tfevents.1700000000.h.1.0"
    file = EventFile(path)
    for step in range(10):
        file.scalar("loss", step, float(step))
    broken = bytearray(record(scalar_event(1.0, 10, "loss", 10.0)))
    broken[20] ^= 1
    offset = path.stat().st_size
    file.raw(bytes(broken))
    length_broken = bytearray(record(scalar_event(1.0, 11, "loss", 11.0)))
    length_broken[0] ^= 1
    file.raw(bytes(length_broken))
    for step in range(12, 20):
        file.scalar("loss", step, float(step))
    file.close()
    expected = [*range(10), *range(12, 20)]
    if through == "logdir":
        site.start_collector("--logdir", tmp_path / "logs", data=False)
        run_name = "run"
        one_line_with(site.collector.text(), "warn", str(path), f"offset={offset}", f"length={len(broken)}", "data_crc", "damaged_places=2")
        metrics = site.http.request("/metrics")[2].decode()
        assert "\ntributary_collector_logdir_damaged_places_total 2\n" in metrics
        assert f"\ntributary_collector_logdir_damaged_bytes_total {len(broken) + len(length_broken)}\n" in metrics
    else:
        site.start_collector()
        site.once("n", tmp_path / "logs")
        run_name = "n/run"
        assert (site.store / "logdir" / "n" / "run" / path.name).read_bytes() == path.read_bytes()
        # The view of the cluster is renewed once a second.
        stream = wait_for(lambda: site.streams().get(("n", f"run/{path.name}")), "the file is shown")
        assert [(hole["offset"], hole["length"]) for hole in stream["holes"]] == [
            (offset, len(broken)), (offset + len(broken), len(length_broken))]
    assert [point[1] for point in site.http.json("/data/plugin/scalars/scalars", run=run_name, tag="loss")] == expected
    code, text = run(COLLECTOR, "inspect", "--logdir", tmp_path / "logs", "--json")
    assert code == 3
    assert '"offset":%d' % offset in text.replace(" ", "")


def test_a_directory_that_may_not_be_listed_is_named_and_counts_as_left(site):
    if os.geteuid() != 0:
        pytest.skip("another user is tried, which needs root")
    require(AGENT)
    # Where another user may go.
    base = pathlib.Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    try:
        base.chmod(0o755)
        agent = shutil.copy(AGENT, base / "tributary-agent")
        logs, closed = base / "logs", base / "logs" / "closed"
        for run_directory in (logs / "open", closed):
            EventFile(run_directory / "events.out.tfevents.1700000000.h.1.0").close()
        (logs / "lost+found").mkdir()
        (logs / "lost+found").chmod(0o700)
        closed.chmod(0o700)
        site.start_collector("--logdir", logs)
        reason = f"{closed}: Permission denied"

        def as_nobody(*command, node="n"):
            return [shutil.which("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", agent, *command, "--collector", f"127.0.0.1:{site.port}",
                    "--logdir", logs, "--node", node]

        code, text = run(*as_nobody("run", "--once"))
        assert code == 1 and "1 file, " in text, text
        one_line_with(text, "left: ", reason)
        one_line_with(text, "warn", reason)
        code, text = run(*as_nobody("run", "--find-tensorboards", "off"), "--", "true")
        assert code == 0, text
        one_line_with(text, "left: ", reason)
        code, text = run(*as_nobody("check"))
        assert code == 0 and "The configuration is good.\n" not in text, text
        one_line_with(text, reason)
        assert "lost+found" not in text
        following = site.start("following", *as_nobody("run", "--find-tensorboards", "off"))
        wait_for(lambda: reason in following.text(), "the agent names it")
        closed.chmod(0o755)
        wait_for(lambda: ("n", "closed/events.out.tfevents.1700000000.h.1.0") in site.streams(), "it is tried again", seconds=90)
    finally:
        shutil.rmtree(base)


def test_zeros_that_are_filled_later_are_no_damage(site, tmp_path):
    """As a network file system shows a file whose blocks came out of order."""
    path = tmp_path / "logs" / "run" / "events.out.tfevents.1700000000.h.1.0"
    file = EventFile(path)
    file.scalar("loss", 0, 0.0)
    hole = record(scalar_event(1_700_000_001.0, 1, "loss", 1.0))
    offset = path.stat().st_size
    file.raw(b"\0" * len(hole))
    file.scalar("loss", 2, 2.0)
    site.start_collector()
    site.start_agent("n", tmp_path / "logs")
    wait_for(lambda: "n/run" in site.http.json("/data/runs"), "the run is served")
    with open(path, "r+b") as filled:
        filled.seek(offset)
        filled.write(hole)
    wait_for(lambda: [p[1] for p in site.http.json("/data/plugin/scalars/scalars", run="n/run", tag="loss")] == [0, 1, 2], "all three are served")
    wait_for(lambda: site.streams().get(("n", f"run/{path.name}"), {}).get("holes") == [], "no hole is shown")


@pytest.mark.parametrize("query", ["scalars?run=a", "scalars?tag=a", "scalars?run=%ff&tag=%00", "scalars_multirun", "tags?x=%"])
def test_bad_queries_are_answered_with_4xx_or_200_and_never_end_the_server(site, tmp_path, query):
    site.start_collector("--logdir", tmp_path, data=False)
    status, _, _ = site.http.request("/data/plugin/scalars/" + query)
    assert status == 200 or 400 <= status < 500
    assert site.http.ready()
