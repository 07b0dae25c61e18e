"""Machines of their own: network namespaces that reach this machine over a cable that can be pulled. Needs root."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest


def ip(*command):
    done = subprocess.run(["ip", *command], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no network namespaces here: ip {' '.join(command)}: {done.stderr.strip()}")


class FarNodes:
    """Nodes whose names of interfaces and addresses are this process's own, so that tests may run beside each other."""

    def __init__(self):
        if os.geteuid() != 0 or shutil.which("ip") is None:
            pytest.skip("network namespaces need root and iproute2")
        self.remove_leftovers()
        self.names = {}
        self.cables = 0
        self.net = f"10.{200 + os.getpid() // 250 % 50}.{os.getpid() % 250}"

    @staticmethod
    def remove_leftovers():
        """Of test runs that were killed."""
        for line in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout.splitlines():
            made = re.match(r"tributary-(\d+)-", line)
            if made and not pathlib.Path("/proc", made[1]).exists():
                subprocess.run(["ip", "netns", "del", line.split()[0]], capture_output=True)

    def make(self, name):
        """The namespace of a new node, which has `address(name)`, and for which this machine is `gateway(name)`."""
        namespace, device = f"tributary-{os.getpid()}-{name}", self.device(name)
        number = 4 * len(self.names)
        self.names[name] = (namespace, number)
        ip("netns", "add", namespace)
        ip("link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        ip("addr", "add", self.gateway(name) + "/30", "dev", device)
        ip("link", "set", device, "up")
        ip("-n", namespace, "addr", "add", self.address(name) + "/30", "dev", "eth0")
        ip("-n", namespace, "link", "set", "eth0", "up")
        ip("-n", namespace, "link", "set", "lo", "up")
        return namespace

    def join(self, first, second):
        """A cable between two nodes; returns the address at which `second` reaches `first`."""
        number = 128 + 4 * self.cables
        self.cables += 1
        ends = [(first, f"{self.net}.{number + 1}"), (second, f"{self.net}.{number + 2}")]
        device = f"c{number}"
        ip("link", "add", device, "netns", self.names[first][0], "type", "veth", "peer", "name", device, "netns", self.names[second][0])
        for name, address in ends:
            ip("-n", self.names[name][0], "addr", "add", address + "/30", "dev", device)
            ip("-n", self.names[name][0], "link", "set", device, "up")
        return ends[0][1]

    @staticmethod
    def device(name):
        """This machine's end of the cable."""
        return f"t{os.getpid()}{name}"

    def address(self, name):
        return f"{self.net}.{self.names[name][1] + 2}"

    def gateway(self, name):
        return f"{self.net}.{self.names[name][1] + 1}"

    def run_in(self, name):
        return ["ip", "netns", "exec", self.names[name][0]]

    def cut(self, name):
        # Its own end: an address of this machine that went too would end the collector's socket.
        subprocess.run(["ip", "-n", self.names[name][0], "link", "set", "eth0", "down"], capture_output=True)

    def close(self):
        for name, (namespace, _) in self.names.items():
            # What a test left running would keep the namespace alive without its name.
            for pid in subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True).stdout.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            # At once: with the namespace alone it would go some time later, and be in the next test's way.
            subprocess.run(["ip", "link", "del", self.device(name)], capture_output=True)
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True)
