"""Ports of the cluster with the real programs: wishes and conflicts, restarts, kills, exit codes. The nodes share this machine's
ports, so numbers that another program has are free nowhere."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from event_files import EventFile
from programs import AGENT, require, wait_for

SERVER = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "{port}"]


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def start_exec(site, node, *flags, command=None, service="web", wrapper=()):
    require(AGENT)
    return site.start(f"exec-{node}", *wrapper, AGENT, "exec", "--collector", f"127.0.0.1:{site.port}", "--node", node, "--service", service, *flags,
                      "--", *(command or SERVER))


def services(site):
    return {(node["name"], one["service"]): one for node in site.http.json("/api/v1/cluster", streams=0)["nodes"] for one in node["services"]}


def is_live(site, node, service="web"):
    one = services(site).get((node, service))
    return one if one and one["state"] == "live" else None


def server_on(port):
    return [part.replace("{port}", str(port)) for part in SERVER]


def start_server(site, port):
    """One that belongs to nobody's exec."""
    server = site.start("server", *server_on(port))
    wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the server listens")
    return server


def opens(site, service):
    status, _, body = site.http.request(service["url"])
    return status == 200 and b"Directory listing" in body


def answers(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        return answer.status == 200


def test_two_nodes_wish_one_number_and_a_restart_changes_nothing(site):
    site.start_collector()
    wish = free_port()
    start_exec(site, "one", "--port", str(wish))
    first = wait_for(lambda: is_live(site, "one"), "the first service is live")
    assert first["port"] == wish and answers(wish)
    start_exec(site, "two", "--port", str(wish))
    second = wait_for(lambda: is_live(site, "two"), "the second service is live")
    assert second["port"] != wish and answers(second["port"])
    conflict, = [one for one in site.http.json("/api/v1/cluster")["conflicts"] if one["kind"] == "port"]
    assert conflict["wanted"] == str(wish)
    assert "one/web" in conflict["holders"][0] and "two/web" in conflict["holders"][1]
    before = {key: (one["port"], one["url"]) for key, one in services(site).items()}

    site.collector.kill()
    site.start_collector()
    wait_for(lambda: is_live(site, "one") and is_live(site, "two"), "both are back", seconds=30)
    assert {key: (one["port"], one["url"]) for key, one in services(site).items()} == before


def test_a_killed_exec_leaves_a_stale_service_and_its_command_alone(site, tmp_path):
    site.start_collector()
    pid_file = tmp_path / "pid"
    command = ["sh", "-c", f"echo $$ > {pid_file}; exec {sys.executable} -m http.server --bind 127.0.0.1 $0", "{port}"]
    killed = start_exec(site, "one", command=command)
    port = wait_for(lambda: is_live(site, "one"), "the service is live")["port"]
    killed.kill()
    try:
        wait_for(lambda: services(site)[("one", "web")]["state"] == "stale", "the service is stale")
        assert answers(port)
    finally:
        subprocess.run(["kill", pid_file.read_text().strip()], check=True)
    # Started again, it is the same service.
    again = start_exec(site, "one")
    wait_for(lambda: is_live(site, "one"), "the service is live again")
    assert list(services(site)) == [("one", "web")]
    # Its end frees the number.
    assert again.stop() == 128 + 15
    wait_for(lambda: not services(site), "the number is free")


def test_the_commands_exit_code_its_environment_and_a_fixed_number(site):
    site.start_collector()
    code = start_exec(site, "one", command=["sh", "-c", "test $PORT = $0 && exit 7", "{port}"])
    assert code.wait() == 7
    wish = free_port()
    start_exec(site, "two", "--port", str(wish))
    wait_for(lambda: is_live(site, "two"), "the holder is live")
    fixed = start_exec(site, "three", "--port", str(wish), "--fixed", command=["touch", str(site.directory / "started")])
    assert fixed.wait() == 1
    assert "two/web" in fixed.text()
    assert not (site.directory / "started").exists()


def test_without_a_collector_the_command_starts_and_is_registered_later(site):
    site.port = free_port()
    early = start_exec(site, "one")
    wait_for(lambda: "Serving HTTP" in early.text() or "does not answer" in early.text(), "the wait is over", seconds=20)
    site.start_collector()
    one = wait_for(lambda: is_live(site, "one"), "it is registered", seconds=30)
    assert answers(one["port"])


def test_register_holds_what_runs_already(site):
    site.start_collector()
    port = free_port()
    start_server(site, port)
    held = site.start("register", AGENT, "register", "--collector", f"127.0.0.1:{site.port}", "--node", "one", "--service", "pages",
                      "--port", str(port), "--mode", "strip")
    one = wait_for(lambda: is_live(site, "one", "pages"), "it is live")
    assert one["port"] == port and one["url"] == "/node/one/pages/" and one["mode"] == "strip"
    assert held.stop() == 0
    wait_for(lambda: not services(site), "it is gone")


def test_register_ends_when_the_collector_refuses_it(site, tmp_path):
    def register(name, *flags):
        return site.start(name, AGENT, "register", "--collector", f"127.0.0.1:{site.port}", "--service", "pages", "--port", "8888", *flags)
    site.start_collector()
    other = register("other", "--store", "0123456789abcdef")
    assert other.wait() == 1
    assert "0123456789abcdef" in other.text()
    site.collector.stop()
    site.start_collector("--logdir", tmp_path, data=False)
    without = register("without")
    assert without.wait() == 1
    assert "--data" in without.text()


def test_a_command_that_listens_on_another_number_opens_all_the_same(site):
    site.start_collector()
    port = free_port()
    wish = free_port()
    wrong = start_exec(site, "one", "--port", str(wish), "--mode", "strip", command=server_on(port))
    one = wait_for(lambda: is_live(site, "one"), "the service is live")
    assert one["port"] == port and opens(site, one)
    # Its own number is free.
    start_exec(site, "two", "--port", str(wish), "--fixed")
    wait_for(lambda: is_live(site, "two"), "another one has it")
    assert f"the command listens on {port}: that opens instead" in wrong.text()
    assert f"web of one listens on port {port} and opens at " in wrong.text()
    # That is what it has from now on.
    site.collector.kill()
    site.start_collector()
    one = wait_for(lambda: is_live(site, "one"), "it is back", seconds=30)
    assert one["port"] == port and opens(site, one)
    assert wrong.text().count("opens instead") == 1
    assert wrong.stop() == 128 + 15


def test_a_tensorboard_that_is_not_told_its_number_opens_all_the_same(site, tmp_path):
    tensorboard = pathlib.Path(sys.executable).parent / "tensorboard"
    if not tensorboard.exists():
        pytest.skip("tensorboard is not installed")
    site.start_collector()
    port = free_port()
    # It starts a data server, too, which listens as well.
    EventFile(tmp_path / "logs" / "events.out.tfevents.1").scalar("loss", 1, 0.5)
    start_exec(site, "one", "--mode", "strip", command=[tensorboard, "--logdir", tmp_path / "logs", "--port", str(port)])
    one = wait_for(lambda: is_live(site, "one"), "the service is live", seconds=60)
    assert one["port"] == port
    status, _, body = site.http.request(one["url"] + "data/runs")
    assert (status, json.loads(body)) == (200, ["."])


def test_a_number_that_another_process_has_is_said(site):
    site.start_collector()
    wish = free_port()
    idle = start_exec(site, "one", "--port", str(wish), command=["sleep", "300"])
    wait_for(lambda: services(site), "it has its number")
    server = start_server(site, wish)
    wait_for(lambda: "is no process of the command" in idle.text(), "it is said", seconds=20)
    assert f"port {wish} is held by {pathlib.Path(sys.executable).name} (pid {server.pid})" in idle.text()
    assert not is_live(site, "one")


def test_a_signal_before_the_start_keeps_the_command_from_it(site):
    site.port = free_port()
    early = start_exec(site, "one", command=["touch", str(site.directory / "started")])
    wait_for(lambda: "not connected" in early.text(), "it asks the collector")
    assert early.stop() == 128 + 15
    assert not (site.directory / "started").exists()


def test_without_a_collector_its_number_is_left_to_it_and_a_fixed_ones_holder_is_named(site):
    site.port = free_port()
    wish = free_port()
    server = start_server(site, wish)
    start_exec(site, "one", "--port", str(site.port))
    fixed = start_exec(site, "two", "--port", str(wish), "--fixed")
    assert fixed.wait() == 1
    assert f"port {wish} is held by {pathlib.Path(sys.executable).name} (pid {server.pid})" in fixed.text()
    site.start_collector()
    one = wait_for(lambda: is_live(site, "one"), "it is registered", seconds=30)
    assert one["port"] != site.port and answers(one["port"])


def test_a_range_without_a_free_number_is_said(site):
    site.start_collector()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        start = start_exec(site, "one", "--range", f"{port}-{port}")
        one = wait_for(lambda: is_live(site, "one"), "it is live")
    assert one["port"] != port and answers(one["port"])
    assert f"no port of {port}-{port} is left in the cluster; the command gets {one['port']}" in start.text()


def test_a_prefix_that_turns_out_to_be_another_one_is_said(site):
    site.port = free_port()
    early = start_exec(site, "one", command=[*SERVER, "--directory", "{prefix}"])
    wait_for(lambda: "does not answer" in early.text(), "the wait is over", seconds=20)
    site.start_collector("--path_prefix", "/tb")
    wait_for(lambda: "opens at http" in early.text(), "it is registered", seconds=30)
    assert "started with {prefix} /node/one/web, but it opens at /tb/node/one/web: start it again" in early.text()


def test_in_a_container_where_it_is_the_first_process(site):
    wrapper = ["unshare", "--pid", "--fork", "--mount-proc"]
    if os.geteuid() != 0:
        wrapper[1:1] = ["--user", "--map-root-user"]
    tried = shutil.which("unshare") and subprocess.run([*wrapper, "true"], capture_output=True, text=True)
    if not tried or tried.returncode != 0:
        pytest.skip(f"no namespaces of processes here: {tried.stderr.strip() if tried else 'no unshare'}")
    site.start_collector()
    # The server is a grandchild, beside an orphan that exec inherits.
    command = ["sh", "-c", f"(sleep 0.2 &); {sys.executable} -m http.server --bind 127.0.0.1 $0; exit 7", "{port}"]
    container = start_exec(site, "one", "--mode", "strip", command=command, wrapper=wrapper)
    one = wait_for(lambda: is_live(site, "one"), "the service is live")
    assert opens(site, one)
    inside, = pathlib.Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split()
    assert "NSpid:\t" + inside + "\t1\n" in pathlib.Path(f"/proc/{inside}/status").read_text()
    os.kill(int(inside), signal.SIGTERM)
    assert container.wait() == 128 + 15
    wait_for(lambda: not services(site), "the number is free")
