"""The stock UI in a real browser: the page opens, the charts are drawn, nothing fails."""

import json
import pathlib
import shutil
import subprocess

import pytest
from event_files import EventFile
from programs import BUILD


def open_page(url, screenshot, *texts, charts=0, seconds=90):
    flags = [part for text in texts for part in ("--wait-text", text)]
    done = subprocess.run(["node", pathlib.Path(__file__).parent / "browser.mjs", url, screenshot, *flags, "--charts", str(charts), "--seconds", str(seconds)],
                          capture_output=True, text=True, timeout=seconds + 60)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def screenshots():
    """Kept as artefacts of the run, to be looked at."""
    directory = BUILD / "results" / "screenshots"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Debian's chromium is not installed")
@pytest.mark.parametrize("prefix", ["", "/deep/er"], ids=["root", "path_prefix"])
def test_three_nodes_are_drawn_without_an_error(site, tmp_path, screenshots, prefix):
    site.start_collector(*(["--path_prefix", prefix] if prefix else []), wait=not prefix)
    if prefix:
        from programs import wait_for
        wait_for((tmp_path / "port").exists, "the collector listens")
        site.port = int((tmp_path / "port").read_text())
    for number in range(3):
        file = EventFile(tmp_path / f"node{number}" / "exp" / "events.out.tfevents.1700000000.h.1.0")
        for step in range(200):
            file.scalar("loss", step, (number + 1) / (step + 1)).scalar("accuracy", step, step / (200 + 50 * number))
        file.close()
        site.once(f"node{number}", tmp_path / f"node{number}")
    name = "three-nodes" + prefix.replace("/", "-")
    page = open_page(f"http://localhost:{site.port}{prefix}/", screenshots / f"{name}.png", "node0/exp", "node1/exp", "node2/exp", "loss", "accuracy", charts=2)
    assert page["errors"] == []
    assert page["charts"] >= 2 and page["charts"] == page["boxes"]
    scalars = open_page(f"http://localhost:{site.port}{prefix}/#scalars", screenshots / f"{name}-scalars.png", "node2/exp", "loss")
    assert scalars["errors"] == []


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Debian's chromium is not installed")
def test_page_without_any_run(site, tmp_path, screenshots):
    (tmp_path / "logs").mkdir()
    site.start_collector("--logdir", tmp_path / "logs", data=False)
    page = open_page(f"http://localhost:{site.port}/", screenshots / "empty.png", "No dashboards are active")
    assert page["errors"] == []


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Debian's chromium is not installed")
def test_local_directories_are_drawn_without_an_error(site, tmp_path, screenshots):
    for number in range(3):
        file = EventFile(tmp_path / "logs" / f"run{number}" / "events.out.tfevents.1700000000.h.1.0")
        for step in range(200):
            file.scalar("loss", step, (number + 1) / (step + 1)).scalar("accuracy", step, step / (200 + 50 * number))
        file.close()
    site.start_collector("--logdir", tmp_path / "logs", data=False)
    page = open_page(f"http://localhost:{site.port}/", screenshots / "local.png", "run0", "run1", "run2", "loss", "accuracy", charts=2, seconds=40)
    assert page["errors"] == []
    assert page["charts"] >= 2 and page["charts"] == page["boxes"]
