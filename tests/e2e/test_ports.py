"""Ports of the cluster with the real programs: wishes and conflicts, restarts, kills, exit codes. The nodes share this machine's
ports, so numbers that another program has are free nowhere."""

import socket
import subprocess
import sys
import urllib.request

from programs import AGENT, require, wait_for

SERVER = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "{port}"]


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def start_exec(site, node, *flags, command=None, service="web"):
    require(AGENT)
    return site.start(f"exec-{node}", AGENT, "exec", "--collector", f"127.0.0.1:{site.port}", "--node", node, "--service", service, *flags,
                      "--", *(command or SERVER))


def services(site):
    return {(node["name"], one["service"]): one for node in site.http.json("/api/v1/cluster", streams=0)["nodes"] for one in node["services"]
            if one["service"] != "collector"}


def is_live(site, node, service="web"):
    one = services(site).get((node, service))
    return one if one and one["state"] == "live" else None


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
    site.start("server", sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port))
    wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the server listens")
    held = site.start("register", AGENT, "register", "--collector", f"127.0.0.1:{site.port}", "--node", "one", "--service", "pages",
                      "--port", str(port), "--mode", "strip")
    one = wait_for(lambda: is_live(site, "one", "pages"), "it is live")
    assert one["port"] == port and one["url"] == "/node/one/pages/" and one["mode"] == "strip"
    assert held.stop() == 0
    wait_for(lambda: not services(site), "it is gone")
