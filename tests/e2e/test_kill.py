"""kill -9 at random points: afterwards every mirror is byte-equal to its source, and every point is served once."""

import os
import random
import threading

import pytest
from event_files import EventFile
from programs import wait_for

# 50 each in the short run; TRIBUTARY_KILLS=500 for the long one.
KILLS = int(os.environ.get("TRIBUTARY_KILLS", "50"))
SEED = int(os.environ.get("TRIBUTARY_SEED", "20260101"))


class LiveWriter(threading.Thread):
    """Appends to a few files until told to stop, in bursts, as training jobs do."""

    def __init__(self, logdir, files, seed):
        super().__init__(daemon=True)
        self.random = random.Random(seed)
        self.files = [EventFile(logdir / f"run{number}" / f"events.out.tfevents.170000000{number}.h.{number}.0", 1_700_000_000 + number)
                      for number in range(files)]
        self.done = threading.Event()
        self.steps = [0] * files

    def run(self):
        while not self.done.wait(0.002):
            number = self.random.randrange(len(self.files))
            for _ in range(self.random.choice((1, 1, 5, 200))):
                self.files[number].scalar("loss", self.steps[number], self.random.random())
                self.steps[number] += 1

    def sources(self, node, logdir):
        return {(node, str(file.path.relative_to(logdir))): file.path for file in self.files}


def check_everything(site, logdir, writer):
    sources = writer.sources("node0", logdir)
    wait_for(lambda: site.durable(sources), "all is durable", 60)
    for (node, name), path in sources.items():
        assert (site.store / "logdir" / node / name).read_bytes() == path.read_bytes(), name
    streams = site.streams()
    for number, file in enumerate(writer.files):
        assert streams[("node0", str(file.path.relative_to(logdir)))]["records"] == file.records
        if "loss" not in file.points:
            continue
        series = site.http.json("/api/v1/series", run=f"node0/run{number}", tag="loss", points=1_000_000)
        assert [tuple(point) for point in series["points"]] == file.points["loss"]


@pytest.mark.parametrize("victims", [("agent",), ("collector",), ("agent", "collector")], ids=["agent", "collector", "both"])
def test_kill_at_random_points(site, tmp_path, victims):
    print(f"seed {SEED}")
    choose = random.Random(SEED)
    logdir = tmp_path / "node0"
    writer = LiveWriter(logdir, 5, SEED)
    site.start_collector()
    agent = site.start_agent("node0", logdir)
    writer.start()
    durable_before = {}
    for _ in range(KILLS if len(victims) == 1 else KILLS // 2):
        threading.Event().wait(choose.random() * 0.25)
        if "collector" in victims:
            # What was durable before the kill must be durable after it.
            durable_before.update({key: stream["durable"] for key, stream in site.streams().items()})
            site.collector.kill()
        if "agent" in victims:
            agent.kill()
        if "collector" in victims:
            site.start_collector()
            after = site.streams()
            for key, durable in durable_before.items():
                assert after[key]["durable"] >= durable, key
        if "agent" in victims:
            agent = site.start_agent("node0", logdir)
    writer.done.set()
    writer.join()
    check_everything(site, logdir, writer)
    # Nothing depends on what was in memory: once more, from disk alone.
    site.collector.kill()
    site.start_collector()
    check_everything(site, logdir, writer)
