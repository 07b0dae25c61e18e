"""Memory, descriptors and disks at their bounds."""

import concurrent.futures
import os
import pathlib
import re
import struct
import subprocess

import pytest
from event_files import EventFile, continue_crc, giant_event, header, masked, record, scalar_event, version_event
from programs import wait_for
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.util import tensor_util

INGEST_MEMORY = 64 << 20
FILE = "events.out.tfevents.1700000000.h.1.0"


def write_file(path, records, tag="loss"):
    path.parent.mkdir(parents=True, exist_ok=True)
    block = b"".join(record(scalar_event(1_700_000_000.0 + step, step, tag, float(step))) for step in range(100))
    with open(path, "wb") as file:
        file.write(record(version_event(1_700_000_000.0)))
        for _ in range(records // 100):
            file.write(block)


class LoopDisk:
    """An ext4 of its own on a loop device, so that it can be frozen without freezing the machine."""

    def __init__(self, directory, size):
        self.image = directory / "disk.img"
        self.mount = directory / "disk"
        self.mount.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(size)
        run("mkfs.ext4", "-q", "-F", self.image)
        made = subprocess.run(["mount", "-o", "loop", self.image, self.mount], capture_output=True, text=True)
        if made.returncode != 0:
            pytest.skip(f"no loop devices here: {made.stderr.strip()}")
        self.frozen = False

    def freeze(self):
        run("fsfreeze", "-f", self.mount)
        self.frozen = True

    def thaw(self):
        if self.frozen:
            run("fsfreeze", "-u", self.mount)
            self.frozen = False

    def close(self):
        self.thaw()
        run("umount", "-l", self.mount)


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"


@pytest.fixture
def disk(tmp_path, request):
    if os.geteuid() != 0:
        pytest.skip("mounting a loop device needs root")
    made = LoopDisk(tmp_path, 2 << 30)
    request.addfinalizer(made.close)
    return made


def test_fault_12_a_hundred_agents_and_a_frozen_disk(site, disk, tmp_path):
    site.store = disk.mount / "store"
    site.start_collector("--ingest-memory", "64MiB", "--data-free-min", "0")
    agents = [site.start_agent(f"n{number}", tmp_path / f"n{number}") for number in range(100)]
    wait_for(lambda: connected(site) == 100, "100 agents are connected", 60, every=0.5)
    disk.freeze()
    try:
        for number in range(100):
            write_file(tmp_path / f"n{number}" / "run" / FILE, 40_000)
        # It has no name yet, and gets none while nothing can be written.
        late = site.start_agent("late", tmp_path / "n0")
        peak = 0
        for _ in range(250):
            peak = max(peak, site.collector.rss_bytes())
            subprocess.run(["sleep", "0.1"], check=True)
        assert all(agent.running() for agent in [*agents, late])
        assert connected(site) == 100, "agents were lost within 25 s on a frozen disk"
        assert not [agent.log for agent in [*agents, late] if "will try again" in agent.text()], "agents had to connect again"
        assert peak < INGEST_MEMORY + (100 << 20), f"{peak / 1e6:.0f} MB resident"
    finally:
        disk.thaw()
    sources = {(f"n{number}", f"run/{FILE}"): tmp_path / f"n{number}" / "run" / FILE for number in range(100)}
    sources[("late", f"run/{FILE}")] = tmp_path / "n0" / "run" / FILE
    wait_for(lambda: site.durable(sources), "everything is durable after the thaw", 120, every=0.5)


def connected(site):
    return sum(node["state"] == "connected" for node in site.http.json("/api/v1/cluster")["nodes"])


def test_fault_10_a_full_disk_then_space_again(site, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    mount = tmp_path / "small"
    mount.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", mount)
    try:
        site.store = mount / "store"
        site.start_collector("--data-free-min", "0")
        ballast = mount / "ballast"
        ballast.write_bytes(b"\0" * (18 << 20))
        path = tmp_path / "n" / "run" / "events.out.tfevents.1700000000.h.1.0"
        write_file(path, 240_000)
        site.start_agent("n", tmp_path / "n")
        key = ("n", "run/" + path.name)
        wait_for(lambda: site.streams().get(key, {}).get("received", 0) > 0, "some bytes arrive")
        subprocess.run(["sleep", "3"], check=True)
        assert site.streams()[key]["durable"] < path.stat().st_size
        assert site.http.ready()
        assert site.http.json("/data/runs") == ["n/run"]
        ballast.unlink()
        wait_for(lambda: site.durable({key: path}), "ingest goes on by itself once there is space", 60)
        assert (site.store / "logdir" / "n" / "run" / path.name).read_bytes() == path.read_bytes()
        assert site.collector.stop() == 0
    finally:
        site.close()
        run("umount", "-l", mount)


def test_agent_with_a_thousand_files_stays_below_32_mb(site, tmp_path):
    sources = {}
    for number in range(1000):
        path = tmp_path / "n" / f"run{number}" / "events.out.tfevents.1700000000.h.1.0"
        write_file(path, 100)
        sources[("n", f"run{number}/{path.name}")] = path
    site.start_collector()
    agent = site.start_agent("n", tmp_path / "n")
    wait_for(lambda: site.durable(sources), "all is durable", 60)
    assert agent.rss_bytes() <= 32 << 20, f"{agent.rss_bytes() / 1e6:.1f} MB resident"


def test_fault_28_many_files_with_few_descriptors(site, tmp_path):
    sources = {}
    for number in range(2000):
        path = tmp_path / "n" / f"run{number}" / "events.out.tfevents.1700000000.h.1.0"
        EventFile(path).scalar("loss", 1, 1.0).close()
        sources[("n", f"run{number}/{path.name}")] = path
    site.start_collector()
    site.start("agent", "sh", "-c", 'ulimit -n 64 && exec "$0" "$@"', agent_binary(), "--collector", f"127.0.0.1:{site.port}", "--node", "n",
               "--logdir", tmp_path / "n")
    wait_for(lambda: site.durable(sources), "all is durable", 90, every=0.5)


def agent_binary():
    from programs import AGENT

    return AGENT


def test_fault_32_a_giant_record_among_scalars(site, tmp_path):
    """200 MB in one record: streamed in parts, the scalars of another file are not held up."""
    big = tmp_path / "n" / "big" / "events.out.tfevents.1700000000.h.1.0"
    file = EventFile(big)
    giant_event(file, 200 << 20)
    file.scalar("after", 1, 1.0)
    file.close()
    site.start_collector()
    agent = site.start_agent("n", tmp_path / "n")
    small = EventFile(tmp_path / "n" / "small" / "events.out.tfevents.1700000000.h.1.0")
    for step in range(20):
        small.scalar("loss", step, 1.0)
        wait_for(lambda: points(site, "n/small", "loss") == step + 1, f"{step + 1} points beside the giant record", 20)
    wait_for(lambda: site.durable({("n", "big/" + big.name): big}), "the giant record is durable", 60)
    assert points(site, "n/big", "after") == 1
    assert agent.rss_bytes() < 100 << 20


def points(site, run_name, tag):
    status, _, body = site.http.request(f"/data/plugin/scalars/scalars?run={run_name}&tag={tag}")
    return 0 if status != 200 else body.count(b"[") - 1


IMAGE_BYTES = 500_000
IMAGES = 1000


def write_images(logdir, runs):
    """500 MB of images. The fields of an event may come in any order: what differs comes last, so that the checksum need not begin anew."""
    value = Summary.Value(tag="picture", tensor=tensor_util.make_tensor_proto([b"1", b"1", bytes(range(256)) * (IMAGE_BYTES // 256)]))
    value.metadata.plugin_data.plugin_name = "images"
    head = Event(summary=Summary(value=[value])).SerializeToString()
    crc = continue_crc(0xFFFFFFFF, head)
    for run_number in range(runs):
        file = EventFile(logdir / f"run{run_number}" / FILE)
        for step in range(IMAGES // runs):
            tail = Event(wall_time=1_700_000_000.0 + step, step=step).SerializeToString()
            file.raw(header(len(head) + len(tail)) + head + tail + struct.pack("<I", masked(continue_crc(crc, tail))))
        file.close()
    return value.tensor.string_val[2]


def fetch_images(http):
    """Every image of every run, by several clients at once; how many there were, and their bytes."""
    queries = []
    for run_name in http.json("/data/plugin/images/tags"):
        queries += [point["query"] for point in http.json("/data/plugin/images/images", run=run_name, tag="picture")]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        sizes = list(pool.map(lambda query: len(http.request("/data/plugin/images/individualImage?" + query)[2]), queries))
    return len(sizes), sum(sizes)


class PeakMemory:
    """The most resident memory of a process while the block runs, above what it had before it."""

    def __init__(self, program):
        self.program = program

    def __enter__(self):
        pathlib.Path(f"/proc/{self.program.pid}/clear_refs").write_text("5")  # forgets the peak so far
        self.before = self.program.rss_bytes()
        return self

    def __exit__(self, *_):
        status = pathlib.Path(f"/proc/{self.program.pid}/status").read_text()
        self.growth = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024 - self.before


@pytest.mark.parametrize("through", ["logdir", "agent"])
def test_half_a_gigabyte_of_images_costs_little_memory(site, tmp_path, record_property, through):
    image = write_images(tmp_path / "logs", 10)
    flags = ["--samples_per_plugin", "images=0"]
    if through == "logdir":
        site.start_collector("--logdir", tmp_path / "logs", *flags, data=False)
    else:
        site.start_collector(*flags)
        site.once("n", tmp_path / "logs", flags=("--namespace", ""))
        wait_for(lambda: site.http.json("/data/plugin/images/tags").keys() == {f"run{number}" for number in range(10)}, "all runs are served")
    with PeakMemory(site.collector) as memory:
        assert fetch_images(site.http) == (IMAGES, IMAGES * len(image))
    record_property("growth_mb", round(memory.growth / 1e6, 1))
    print(f"memory grew by {memory.growth / 1e6:.1f} MB")
    assert memory.growth < 64 << 20, f"grew by {memory.growth / 1e6:.1f} MB"


def test_a_record_of_a_gigabyte_does_no_harm(site, tmp_path, record_property):
    """Among the scalars of its own file; whatever its event says cannot be kept, what comes after it is."""
    big = EventFile(tmp_path / "logs" / "big" / FILE)
    big.scalar("before", 1, 1.0)
    giant_event(big, 1 << 30, Event(summary=Summary(value=[Summary.Value(tag="lost", simple_value=1.0)])).SerializeToString())
    big.scalar("after", 2, 2.0)
    big.close()
    EventFile(tmp_path / "logs" / "small" / FILE).scalar("loss", 1, 1.0).close()
    site.start_collector("--logdir", tmp_path / "logs", data=False)
    assert site.http.json("/data/plugin/scalars/tags").keys() == {"big", "small"}
    assert set(site.http.json("/data/plugin/scalars/tags")["big"]) == {"before", "after"}
    assert points(site, "small", "loss") == points(site, "big", "after") == 1
    peak = int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{site.collector.pid}/status").read_text())[1]) * 1024
    record_property("peak_mb", round(peak / 1e6, 1))
    print(f"at most {peak / 1e6:.1f} MB resident")
    assert peak < 256 << 20, f"{peak / 1e6:.1f} MB resident"
