"""Texts and names of somebody who wishes the viewer ill, in a real browser: they are shown, and do nothing."""

import http.server
import json
import threading

import pytest
from chromium import needs_browser
from dashboards import Page
from writers.hostile import VECTORS, filled, hostile

pytestmark = needs_browser
TABS = ("timeseries", "scalars", "custom_scalars", "text", "hparams", "projector", "cluster")


class Outside:
    """A server that nobody must ask."""

    def __init__(self):
        self.asked = asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def outside():
    made = Outside()
    yield made
    made.close()


# Without its content policy the page shows whether the texts themselves are harmless: the policy is the second line.
@pytest.mark.parametrize("policy", [True, False], ids=["as served", "without the content policy"])
def test_they_are_shown_and_do_nothing(site, tmp_path, screenshots, outside, policy):
    hostile(tmp_path / "logs", outside.address)
    site.start_collector("--samples_per_plugin", "text=1000")
    site.once("<img src=x onerror=top.acted=1>", tmp_path / "logs", flags=("--namespace", ""))
    with Page() as page:
        page.call("Page.setBypassCSP", enabled=not policy)
        page.open(f"http://localhost:{site.port}/")
        page.tabs()
        for name in TABS:
            page.go_to(name)
            page.within_patience(lambda: page.quiet() and page.ask("count") > 0)
            if name == "text":
                page.ask("unfold")
                page.settle()
                page.pause(1)
            page.screenshot(screenshots / f"hostile-{name}.png")
            assert page.ask("acting") == [], name
        assert "top.acted=1" in page.ask("shown")
        assert not [error for error in page.errors if error.startswith("dialog")]
    # Pictures of other sites are part of Markdown; the policy forbids them.
    assert {path for path in outside.asked} <= (set() if policy else {"/image.png"})


def test_they_would_act_if_they_were_put_into_the_page_as_they_are(site, tmp_path, outside):
    (tmp_path / "logs").mkdir()
    site.start_collector("--logdir", tmp_path / "logs", data=False)
    with Page() as page:
        page.call("Page.setBypassCSP", enabled=True)
        page.open(f"http://localhost:{site.port}/")
        page.tabs()
        assert page.ask("acting") == []
        found = 0
        for vector in VECTORS:
            page.evaluate(f"""(() => {{ document.querySelector('#put')?.remove(); delete window.acted; const put = document.createElement('tf-markdown-view'); put.id = 'put';
                           put.innerHTML = {json.dumps(filled(vector, outside.address))}; document.body.append(put); }})()""")
            found += bool(page.ask("acting"))
        page.pause(1)
        assert found >= 60 and outside.asked
        page.evaluate("document.querySelector('#put').remove()")
        page.evaluate("document.body.append(Object.assign(document.createElement('img'), {src: 'x', onerror: () => { window.acted = 1; }}))")
        page.wait("window.acted === 1", "a script has run")
        assert page.ask("acting") == ["a script ran"]
        page.evaluate("void setTimeout(() => alert(1))")
        page.until(lambda: [error for error in page.errors if error.startswith("dialog")], "the dialog is seen")
