"""Side files through agents: the projector of a remote node, and profiles in the mirror beside their run."""

import os
import random
import threading

import numpy
from event_files import EventFile
from programs import Site, wait_for
from tensorboardX import SummaryWriter

KILLS = int(os.environ.get("TRIBUTARY_ASSET_KILLS", "12"))
SEED = int(os.environ.get("TRIBUTARY_SEED", "20260101"))


def answers(http, view, runs_only=False):
    """What the projector's routes say: {(route, run, tensor): body}."""
    route = view + "/data/plugin/projector/"
    runs = sorted(http.json(route + "runs"))
    said = {("runs",): runs}
    for run in runs:
        info = http.json(route + "info", run=run)
        said["info", run] = info
        for embedding in info["embeddings"]:
            for kind in ("tensor", "metadata", "sprite_image", "bookmarks"):
                status, headers, body = http.request(f"{route}{kind}?run={run.replace('%', '%25')}&name={embedding['tensorName']}")
                said[kind, run, embedding["tensorName"]] = (status, headers["Content-Type"], body if status == 200 else b"")
    return said


def test_projector_of_a_remote_node_is_that_of_its_directory(site, tmp_path):
    logdir = tmp_path / "logs"
    with SummaryWriter(str(logdir / "exp" / "a%b")) as writer:
        writer.add_scalar("loss", 1.0, 1)
        writer.add_embedding(numpy.arange(12, dtype=numpy.float32).reshape(4, 3), metadata=["a", "b", "c", "d"], global_step=2, tag="emb",
                             label_img=numpy.ones((4, 3, 8, 8), dtype=numpy.float32))
    # As Keras: beside the directories with events, in none of them.
    (logdir / "projector_config.pbtxt").write_text('embeddings { tensor_name: "w" tensor_path: "w.tsv" metadata_path: "../outside" }')
    (logdir / "w.tsv").write_text("1\t2\n3\t4\n")
    (tmp_path / "outside").write_text("secret")
    site.start_collector()
    site.once("n1", logdir)
    (tmp_path / "place").mkdir()
    place = Site(tmp_path / "place")
    try:
        place.start_collector("--logdir", logdir, data=False)
        expected = answers(place.http, "")
        assert expected["runs",] == [".", "exp/a%b"]
        assert expected["tensor", ".", "w"][2] == numpy.array([1, 2, 3, 4], dtype=numpy.float32).tobytes()
        assert answers(site.http, "/ns/n1") == expected
    finally:
        place.close()
    assert sorted(site.http.json("/data/plugin/projector/runs")) == ["n1", "n1/exp/a%b"]
    assert not list(site.store.rglob("outside"))
    # What is known is known after a restart too.
    site.collector.kill()
    site.start_collector()
    assert answers(site.http, "/ns/n1") == expected
    # Twice changes nothing, and nothing is sent again.
    site.once("n1", logdir)
    assert "tributary_collector_asset_bytes_total 0" in site.http.request("/metrics")[2].decode()


def test_profiles_stand_in_the_mirror_beside_their_run(site, tmp_path):
    logdir = tmp_path / "logs"
    file = EventFile(logdir / "train" / "events.out.tfevents.1700000000.h.1.0", 1_700_000_000)
    file.scalar("loss", 1, 1.0)
    trace = logdir / "train" / "plugins" / "profile" / "2026_01_01" / "host.xplane.pb"
    trace.parent.mkdir(parents=True)
    trace.write_bytes(os.urandom(3_000_000))
    site.start_collector()
    agent = site.start_agent("n1", logdir)
    mirror = site.store / "logdir" / "n1" / trace.relative_to(logdir)
    wait_for(lambda: mirror.exists() and mirror.read_bytes() == trace.read_bytes(), "the trace is there")
    assert (site.store / "logdir" / "n1" / "train" / file.path.name).read_bytes() == file.path.read_bytes()
    assert list(site.http.json("/data/runs")) == ["n1/train"]
    # Written over in place, then replaced.
    trace.write_bytes(os.urandom(2_000_000))
    wait_for(lambda: mirror.read_bytes() == trace.read_bytes(), "the new trace is there")
    other = trace.with_suffix(".tmp")
    other.write_bytes(os.urandom(1_000_000))
    other.rename(trace)
    wait_for(lambda: mirror.read_bytes() == trace.read_bytes(), "the newest trace is there")
    # Deleted at the source: kept.
    kept = trace.read_bytes()
    trace.unlink()
    wait_for(lambda: site.streams()["n1", str(trace.relative_to(logdir))]["state"] == "source_gone", "that it is gone is known")
    assert mirror.read_bytes() == kept
    assert agent.stop() == 0


def test_kill_at_random_points_leaves_whole_files(site, tmp_path):
    """kill -9 of either side while 50 MB versions are on their way: never a half file, never back to an older version."""
    choose = random.Random(SEED)
    logdir = tmp_path / "logs"
    source = logdir / "plugins" / "profile" / "1" / "host.xplane.pb"
    source.parent.mkdir(parents=True)
    site.start_collector()
    agent = site.start_agent("n1", logdir)
    mirror = site.store / "logdir" / "n1" / source.relative_to(logdir)
    versions, newest, durable = {}, -1, -1
    for number in range(KILLS):
        if number % 3 == 0:
            newest += 1
            head = newest.to_bytes(8, "little")
            versions[newest] = head + random.Random(newest).randbytes(50_000_000 + newest)
            aside = source.with_suffix(".tmp")
            aside.write_bytes(versions[newest])
            aside.rename(source)
        threading.Event().wait(choose.random() * 2.5)
        stream = site.streams().get(("n1", str(source.relative_to(logdir))))
        if stream and stream["durable"] > 0:
            durable = max(durable, stream["durable"] - 50_000_008)
        if number % 2 == 0:
            site.collector.kill()
            site.start_collector()
        else:
            agent.kill()
            agent = site.start_agent("n1", logdir)
        if mirror.exists():
            content = mirror.read_bytes()
            number = int.from_bytes(content[:8], "little")
            assert content == versions[number]
            assert number >= durable
        else:
            assert durable < 0
    wait_for(lambda: mirror.exists() and mirror.read_bytes() == versions[newest], "the newest version is there", 120)
    wait_for(lambda: not list((site.store / "incoming").iterdir()), "nothing is left on its way", 30)
    assert agent.stop() == 0
