"""Very many runs in the store do not hurt a viewer of one job.

Times of a browser on a machine that does nothing else: the full run has it, with TRIBUTARY_RUNS=100000."""

import os
import re
import shutil
import time

import many_runs
import pytest
from chromium import Chromium
from programs import AGENT, BUILD, Site, require
from test_cluster_tab import Tab

RUNS = int(os.environ.get("TRIBUTARY_RUNS", "5000"))
NAMESPACE_SECONDS = 5
MAIN_SECONDS = 10
RUNS_MAX = 2000

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="Debian's chromium is not installed")

# The text of the document through all shadow roots: the stock UI is made of custom elements.
TEXT = """(() => { const walk = (n) => (n.shadowRoot ? walk(n.shadowRoot) : '') + [...n.childNodes].map((c) =>
  c.nodeType === 3 ? c.data : c.nodeType === 1 && !['SCRIPT', 'STYLE'].includes(c.tagName) ? walk(c) : '').join(' '); return walk(document.body); })()"""
# Charts in sight with lines in them: the renderer of the stock UI draws each series as a path of an SVG, or on a canvas.
CHARTS = """[...document.querySelectorAll('line-chart')].filter((e) => { const r = e.getBoundingClientRect();
  return r.width > 20 && r.y < innerHeight - 50; }).length"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A site whose store has the runs, and whose collector was started on them."""
    require(AGENT)
    directory = tmp_path_factory.mktemp("many")
    began = time.monotonic()
    many_runs.main(directory / "store", directory / "scratch", RUNS)
    print(f"\n{RUNS} runs: made in {time.monotonic() - began:.0f} s", end="")
    shutil.rmtree(directory / "scratch")
    site = Site(directory)
    began = time.monotonic()
    site.start_collector()
    print(f", served {time.monotonic() - began:.1f} s after the start, {site.collector.rss_bytes() >> 20} MiB", end="")
    yield site
    print(f", {site.collector.rss_bytes() >> 20} MiB after all")
    site.close()
    shutil.rmtree(directory)


def counted(number):
    """As the Cluster tab writes it."""
    return f"{number:,}".replace(",", "\N{THIN SPACE}")


def drawn(page, colours=30):
    """Whether a chart in sight has coloured pixels: axes and text are grey."""
    box = page.evaluate("""(() => { const r = document.querySelector('line-chart').getBoundingClientRect();
      return {x: r.x, y: r.y, width: r.width, height: r.height}; })()""")
    shot = page.call("Page.captureScreenshot", format="png", clip={**box, "scale": 1})["data"]
    return page.evaluate(f"""(async () => {{ const image = new Image(); image.src = 'data:image/png;base64,{shot}'; await image.decode();
      const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext('2d'); context.drawImage(image, 0, 0);
      const d = context.getImageData(0, 0, image.width, image.height).data; let n = 0;
      for (let i = 0; i < d.length; i += 4) if (Math.max(d[i], d[i+1], d[i+2]) - Math.min(d[i], d[i+1], d[i+2]) > 40) n++; return n; }})()""") > colours


def listed(page, *texts):
    """Whether the list of runs and the cards are there."""
    return page.evaluate(CHARTS) and all(text in page.evaluate(TEXT) for text in texts)


def seconds_until(site, path, ready, limit):
    """How long a viewer waits, from the click on the link in a browser that has cached nothing. The best of up to three: what else runs on
    this machine is not the store's fault."""
    best = float("inf")
    for _ in range(3):
        with Chromium() as page:
            began = time.monotonic()
            page.open(f"http://localhost:{site.port}{path}")
            while not ready(page):
                if time.monotonic() - began > 90:
                    raise TimeoutError(f"{path} is not drawn; errors: {page.errors}")
                page.pause(0.05)
            best = min(best, time.monotonic() - began)
            screenshots = BUILD / "results" / "screenshots"
            screenshots.mkdir(parents=True, exist_ok=True)
            page.screenshot(screenshots / f"many-runs{path.replace('/', '-')}{RUNS}.png")
            assert page.errors == []
        if best < limit:
            break
    print(f", {path} drawn in {best:.1f} s", end="")
    return best


def test_one_job_is_drawn_at_once(store):
    job = f"job{RUNS // many_runs.RUNS_OF_A_JOB // 2:04}"
    assert len(store.http.json(f"/ns/{job}/data/runs")) == many_runs.RUNS_OF_A_JOB
    assert seconds_until(store, f"/ns/{job}/", lambda page: listed(page, "node0/exp0", "loss") and drawn(page), NAMESPACE_SECONDS) < NAMESPACE_SECONDS


def test_the_first_page_is_drawn_and_says_what_it_leaves_out(store):
    newest = f"job{RUNS // many_runs.RUNS_OF_A_JOB - 1:04}"
    first = f"job{(RUNS - RUNS_MAX) // many_runs.RUNS_OF_A_JOB:04}/node0/exp0"
    # Of so many runs the stock UI selects none: its charts are empty until the viewer does.
    assert seconds_until(store, "/", lambda page: listed(page, first, "loss"), MAIN_SECONDS) < MAIN_SECONDS
    shown = store.http.json("/data/runs")
    assert len(shown) == RUNS_MAX and f"{newest}/node9/exp9" in shown
    views = store.http.json("/api/v1/views")
    assert views["runs_total"] == RUNS and views["left_out"] == RUNS - RUNS_MAX
    assert re.search(rf"newest data only runs={RUNS_MAX} of={RUNS} all=/all/", store.collector.text())
    with Tab() as page:
        page.open(f"http://localhost:{store.port}/#cluster")
        page.click("Runs")
        page.wait_text(f"leaves out {counted(RUNS - RUNS_MAX)} of {counted(RUNS)}")


def test_listings_of_a_view_do_not_grow_with_the_store(store):
    """What the page of one job asks again and again."""
    job = f"/ns/job{RUNS // many_runs.RUNS_OF_A_JOB // 2:04}"
    for route in ("/data/environment", "/data/plugins_listing", "/data/runs", "/data/plugin/timeseries/tags", "/data/plugin/scalars/tags", "/api/v1/views"):
        store.http.request(job + route)
        times = []
        for _ in range(5):
            began = time.monotonic()
            assert store.http.request(job + route)[0] == 200
            times.append(time.monotonic() - began)
        assert min(times) < 0.1, (route, times)
