"""Nodes with networks of their own: each has a port 6006 of its own, and nothing but the collector can be reached from them."""

import os
import shutil
import subprocess
import sys
import urllib.request

import pytest

from programs import AGENT, require, wait_for
from test_ports import is_live, services

TENSORBOARD = os.path.join(os.path.dirname(sys.executable), "tensorboard")


def run(*words):
    subprocess.run(words, check=True, capture_output=True, text=True)


@pytest.fixture
def nodes(tmp_path):
    """Two network namespaces, each with a way to this machine and to nobody else: {name: (namespace, this machine's address)}."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and iproute2")
    made = {}
    try:
        for number, name in enumerate(("one", "two")):
            space, outside = f"trib{os.getpid()}-{name}", f"tb{os.getpid() % 100000}{number}"
            net = f"10.{201 + number}.{os.getpid() % 250}"
            try:
                run("ip", "netns", "add", space)
            except subprocess.CalledProcessError as error:
                pytest.skip(f"no network namespaces here: {error.stderr.strip()}")
            made[name] = (space, f"{net}.1")
            run("ip", "link", "add", outside, "type", "veth", "peer", "name", "node0", "netns", space)
            run("ip", "addr", "add", f"{net}.1/24", "dev", outside)
            run("ip", "link", "set", outside, "up")
            run("ip", "-n", space, "link", "set", "lo", "up")
            run("ip", "-n", space, "addr", "add", f"{net}.2/24", "dev", "node0")
            run("ip", "-n", space, "link", "set", "node0", "up")
        yield made
    finally:
        for space, _ in made.values():
            subprocess.run(["ip", "netns", "del", space], capture_output=True)


def start_exec(site, nodes, name, *flags, command):
    space, collector = nodes[name]
    return site.start(f"exec-{name}", "ip", "netns", "exec", space, AGENT, "exec", "--collector", f"{collector}:{site.port}", "--plaintext",
                      "--node", name, "--service", "tensorboard", *flags, "--", *command)


def test_both_wish_6006_and_open_at_the_one_url(site, nodes, tmp_path):
    require(AGENT)
    if not os.path.exists(TENSORBOARD):
        pytest.skip("tensorboard is not installed")
    site.start_collector("--host", "0.0.0.0", "--plaintext", "--no-auth")
    (tmp_path / "logs").mkdir()
    command = [TENSORBOARD, "--logdir", str(tmp_path / "logs"), "--host", "127.0.0.1", "--port", "{port}", "--path_prefix", "{prefix}"]
    start_exec(site, nodes, "one", "--port", "6006", command=command)
    wait_for(lambda: is_live(site, "one", "tensorboard"), "TensorBoard listens on node one", seconds=90)
    start_exec(site, nodes, "two", "--port", "6006", command=command)
    wait_for(lambda: is_live(site, "two", "tensorboard"), "TensorBoard listens on node two", seconds=90)

    def check():
        assert {key: one["port"] for key, one in services(site).items()} == {("one", "tensorboard"): 6006, ("two", "tensorboard"): 6007}
        conflict, = [one for one in site.http.json("/api/v1/cluster")["conflicts"] if one["kind"] == "port"]
        assert conflict["wanted"] == "6006" and "two/tensorboard has 6007" in conflict["resolution"]
        for name in nodes:
            url = f"http://127.0.0.1:{site.port}" + services(site)[(name, "tensorboard")]["url"]
            wait_for(lambda: opens(url), f"{url} opens")

    check()
    site.collector.kill()
    site.start_collector("--host", "0.0.0.0", "--plaintext", "--no-auth")
    wait_for(lambda: all(is_live(site, name, "tensorboard") for name in nodes), "both are back", seconds=30)
    check()


def opens(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return b"<tf-tensorboard" in (page := answer.read()) or b"TensorBoard" in page
    except OSError:
        return False
