"""The stock page in a real browser: opens its tabs, and tells what each of them shows."""

import dataclasses
import json
import pathlib

from chromium import Chromium

IN_PAGE = (pathlib.Path(__file__).parent / "in_page.js").read_text()
DRAWN_MIN = 12  # coloured pixels


@dataclasses.dataclass
class Tab:
    """What a tab has: charts, images, clips, ...; those of them that show nothing; all that it says."""
    items: int
    empty: list
    words: str
    errors: list


class Page(Chromium):
    # At most two wide: the bar of tabs hides those that have no room.
    def __init__(self, patience=30):
        super().__init__(2000, 1200)
        self.patience = patience

    def ask(self, question, *values):
        return self.evaluate(f"({IN_PAGE})().{question}({','.join(map(json.dumps, values))})")

    def within_patience(self, condition):
        try:
            self.until(condition, "", self.patience)
        except TimeoutError:
            pass  # what is not there then is told

    def settle(self):
        self.within_patience(self.quiet)

    def tabs(self):
        """The tabs in the bar, by the name of their plugin: where they are."""
        self.wait("document.querySelector('plugins-component, plugins') !== null", "the page is there")
        self.until(self.quiet, "its first requests are answered")
        return {tab["id"]: (tab["x"], tab["y"]) for tab in self.ask("tabs")}

    def shows(self, number):
        item = self.ask("look", number)
        box = item["box"]
        return not item["waits"] and (item["shows"] or item["kind"] == "ink" and min(box["width"], box["height"]) > 0 and self.coloured_pixels(**box) >= DRAWN_MIN)

    def look(self):
        """All that the open tab has, unfolded and brought into view one by one."""
        before = len(self.errors)
        self.settle()
        if self.ask("unfold"):
            self.pause(0.3)
            self.settle()
        self.within_patience(lambda: self.ask("count") + self.ask("cards"))
        for card in range(self.ask("cards")):
            self.ask("reveal", card)
            self.pause(0.1)
        self.settle()
        count = self.ask("count")
        missing = list(range(count))

        def complete():
            missing[:] = [number for number in missing if not self.shows(number)]
            return not missing

        self.within_patience(complete)
        return Tab(count, [f"{self.ask('look', number)['name']} {number}" for number in missing], self.ask("shown"), self.errors[before:])

    def go_to(self, name):
        """A tab by its address: also one that is not in the bar."""
        self.evaluate(f"void (location.hash = {json.dumps(name)})")
        self.pause(0.5)

    def walk(self, directory=None, prefix=""):
        """Every tab of the bar, by the name of its plugin. Screenshots go to the directory."""
        seen = {}
        for name, (x, y) in self.tabs().items():
            before = len(self.errors)
            self.click_at(x, y)
            self.until(lambda: self.ask("open") == name, f"{name} opens", self.patience)
            seen[name] = self.look()
            # What went wrong before the first tab was there counts too.
            seen[name].errors = self.errors[before if len(seen) > 1 else 0:]
            if directory:
                self.ask("top")
                self.screenshot(directory / f"{prefix}-{name}.png")
        return seen
