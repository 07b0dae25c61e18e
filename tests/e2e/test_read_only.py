"""The collector's disk turns read-only: what is there is served, agents keep what they have, nothing is lost."""

import time

from programs import wait_for
from test_limits import disk, run, write_file  # noqa: F401

FILE = "events.out.tfevents.1700000000.h.1.0"


def test_fault_11_a_disk_that_turns_read_only(site, disk, tmp_path):  # noqa: F811
    site.store = disk.mount / "store"
    site.start_collector("--data-free-min", "0")
    path = tmp_path / "n" / "run" / FILE
    write_file(path, 1000)
    sources = {("n", f"run/{FILE}"): path}
    agent = site.start_agent("n", tmp_path / "n")
    wait_for(lambda: site.durable(sources), "all is durable")
    # As the kernel does after an error of the disk.
    run("mount", "-o", "remount,abort", disk.mount)
    write_file(path, 3000)
    # A new stream needs the registry too.
    later = tmp_path / "n" / "late" / FILE
    write_file(later, 100)
    sources[("n", f"late/{FILE}")] = later
    end = time.monotonic() + 8
    while time.monotonic() < end:
        assert site.collector.running() and agent.running()
        assert site.http.json("/data/runs") == ["n/run"]
        assert len(site.http.json("/api/v1/series", run="n/run", tag="loss", points=0)["points"]) > 0
        time.sleep(0.2)
    text = site.collector.text()
    assert text.count("read-only; agents wait") == 1, text
    # An aborted ext4 must be mounted anew, and nothing may have it open then.
    site.collector.kill()
    run("umount", disk.mount)
    run("mount", "-o", "loop", disk.image, disk.mount)
    site.start_collector("--data-free-min", "0")
    wait_for(lambda: site.durable(sources), "everything is durable after the disk is back", 60)
    assert agent.running()
    for (node, name), source in sources.items():
        assert (site.store / "logdir" / node / name).read_bytes() == source.read_bytes()
