"""The stock UI in a real browser: every tab shows what there is, and nothing fails."""

import shutil

import pytest
from chromium import needs_browser
from dashboards import Page
from programs import wait_for
from writers.showcase import showcase

pytestmark = needs_browser

# What each tab has to show of the showcase: how many charts, images, ..., and some of its words.
TABS = {
    "timeseries": (13, ("loss", "accuracy", "pictures", "weights", "third/of three")),
    "scalars": (4, ("loss_high", "top 1", "third/of three")),
    "custom_scalars": (2, ("losses", "band", "Matches (3)")),
    "images": (6, ("pictures", "sample: 2 of 2")),
    "audio": (3, ("tone",)),
    "graphs": (1, ("scope_0", "scope_1", "scope_2", "body")),
    "distributions": (3, ("weights",)),
    "histograms": (3, ("weights",)),
    "text": (3, ("notes", "Heading", "deeper")),
    "pr_curves": (1, ("reds", "second is at")),
    "hparams": (1, ("Trial ID", "optimizer", "0.33333")),
    "mesh": (2, ("cube",)),
    "projector": (1, ("Points: 40", "Dimension: 3", "names.tsv")),
}
# Where the contents come from; not the lists of what there is.
CONTENTS = ("timeSeries", "imageData", "scalars_multirun", "custom_scalars/scalars", "individualImage", "individualAudio", "graphs/graph", "distributions/distributions",
            "histograms/histograms", "text/text", "pr_curves/pr_curves", "session_groups", "mesh/data", "projector/tensor")
# Plugins that are not installed: their pages say so.
NOT_INSTALLED = {"debugger-v2": "Debugger V2", "profile_redirect": "profile plugin has moved"}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("showcase") / "logs"
    showcase(logdir)
    return logdir


def check(seen, tabs=TABS):
    assert list(seen) == list(tabs)
    wrong = [f"{name}: {tab.errors} {tab.empty} {tab.items} items, {[text for text in tabs[name][1] if text not in tab.words]} not said" for name, tab in seen.items()
             if tab.errors or tab.empty or tab.items != tabs[name][0] or any(text not in tab.words for text in tabs[name][1])]
    assert not wrong, "\n".join(wrong)


def test_every_tab_of_a_directory(site, shown, screenshots):
    site.start_collector("--logdir", shown, data=False)
    with Page() as page:
        page.open(f"http://localhost:{site.port}/")
        check(page.walk(screenshots, "local"))


def test_every_tab_of_a_node_below_a_prefix(site, shown, tmp_path, screenshots):
    site.start_collector("--path_prefix", "/deep/er", wait=False)
    wait_for((tmp_path / "port").exists, "the collector listens")
    site.port = int((tmp_path / "port").read_text())
    site.once("node", shown, flags=("--namespace", ""))
    with Page() as page:
        page.open(f"http://localhost:{site.port}/deep/er/")
        seen = page.walk(screenshots, "node")
        check(seen, TABS | {"cluster": (1, ("node", "away"))})
        assert {url.split("/")[3] for _, url in page.requests if url.startswith("http")} == {"deep"}


def test_tabs_without_data_are_found_empty(site, tmp_path, screenshots):
    (tmp_path / "logs").mkdir()
    site.start_collector("--logdir", tmp_path / "logs", data=False)
    with Page(patience=1) as page:
        page.open(f"http://localhost:{site.port}/")
        page.wait("document.body?.innerText.includes('No dashboards are active')", "the page says so")
        page.screenshot(screenshots / "nothing.png")
        assert page.tabs() == {}
        for name, (_, words) in TABS.items():
            page.go_to(name)
            tab = page.look()
            assert tab.items == len(tab.empty) and not all(text in tab.words for text in words), f"{name}: {tab}"
        assert page.errors == []


def test_tabs_whose_contents_do_not_arrive_are_found_empty(site, shown):
    site.start_collector("--logdir", shown, data=False)
    with Page(patience=1.5) as page:
        page.call("Network.setBlockedURLs", urls=[f"*/{part}*" for part in CONTENTS])
        page.open(f"http://localhost:{site.port}/")
        for name, tab in page.walk().items():
            assert tab.items == len(tab.empty), f"{name}: {tab}"
            assert tab.errors, name


def test_pages_of_plugins_that_are_not_installed(site, shown, screenshots):
    site.start_collector("--logdir", shown, data=False)
    with Page() as page:
        page.open(f"http://localhost:{site.port}/")
        page.tabs()
        for name, says in NOT_INSTALLED.items():
            page.go_to(name)
            page.settle()
            page.screenshot(screenshots / f"{name}.png")
            assert says in page.ask("shown"), f"{name}: {page.ask('shown')}"
        assert page.errors == []
