"""A real browser, driven over the DevTools pipe: no port, no package. Whatever goes wrong in its page is kept."""

import base64
import fcntl
import io
import itertools
import json
import os
import pathlib
import re
import select
import shutil
import subprocess
import tempfile
import time

import numpy
import PIL.Image
import pytest

FLAGS = ["--headless", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-extensions", "--mute-audio", "--force-device-scale-factor=1", "--remote-debugging-pipe",
         # Meshes and projections are drawn with WebGL, here without a graphics card.
         "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
DOMAINS = ("Page", "Runtime", "Network", "Log", "Audits", "Performance")
# The stock page says this of a series with a NaN.
HARMLESS = re.compile(r"computeBoundingSphere\(\): Computed radius is NaN")
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}
needs_browser = pytest.mark.skipif(shutil.which("chromium") is None, reason="Debian's chromium is not installed")


class Chromium:
    """One page with its frames and workers. Use as a context manager.

    `errors`: console errors, exceptions, failed requests, answers >= 400, violations of the content policy, dialogs. `requests`: (method, URL)."""

    def __init__(self, width=1600, height=1000):
        self.errors = []
        self.requests = []
        self.unanswered = {}  # {request: URL}
        self.network_changed = time.monotonic()
        self.profile = tempfile.mkdtemp(prefix="tributary-browser-")
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        # Chromium reads descriptor 3 and writes 4; until it starts, both are out of the way of that.
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (theirs_in, theirs_out)]
        os.close(theirs_in)
        os.close(theirs_out)
        theirs_in, theirs_out = high
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec chromium "$@" 3<&{theirs_in} 4>&{theirs_out}', "bash", *FLAGS, f"--window-size={width},{height}", f"--user-data-dir={self.profile}", "about:blank"],
            pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self.reader, self.writer = ours_in, ours_out
        self.buffered = b""
        self.numbers = itertools.count(1)
        self.session = None
        targets = self.call("Target.getTargets")["targetInfos"]
        target = next(t for t in targets if t["type"] == "page")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.listen(self.session)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session = None
        try:
            self.call("Browser.close")
            self.process.wait(20)
        except (OSError, RuntimeError, TimeoutError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.reader)
        os.close(self.writer)
        shutil.rmtree(self.profile, ignore_errors=True)

    # The pipe.

    def send(self, method, session=None, **params):
        """Without waiting for the answer."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        return number

    def call(self, method, **params):
        number = self.send(method, self.session, **params)
        while True:
            answer = self.receive(60)
            if answer is None:
                raise TimeoutError(f"{method}: no answer")
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def receive(self, seconds):
        """The next message; events are noted on the way. None after `seconds`."""
        deadline = time.monotonic() + seconds
        while b"\0" not in self.buffered:
            if not select.select([self.reader], [], [], max(0, deadline - time.monotonic()))[0]:
                return None
            data = os.read(self.reader, 1 << 20)
            if not data:
                raise RuntimeError("the browser ended")
            self.buffered += data
        message, self.buffered = self.buffered.split(b"\0", 1)
        message = json.loads(message)
        if "method" in message:
            self.note(message["method"], message["params"], message.get("sessionId"))
        return message

    def listen(self, session):
        """To a page, or to a worker or frame of it, which know only some of the domains."""
        for domain in DOMAINS:
            self.send(domain + ".enable", session)
        self.send("Target.setAutoAttach", session, autoAttach=True, waitForDebuggerOnStart=True, flatten=True)
        self.send("Runtime.runIfWaitingForDebugger", session)

    def note(self, method, event, session):
        if method == "Target.attachedToTarget":
            self.listen(event["sessionId"])
        elif method == "Runtime.exceptionThrown":
            details = event["exceptionDetails"]
            self.error("exception: " + details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "assert"):
            self.error("console: " + " ".join(str(a.get("value", a.get("description"))) for a in event["args"]))
        elif method == "Log.entryAdded" and event["entry"]["level"] == "error" and event["entry"]["source"] != "network":
            self.error(f"log: {event['entry']['text']} {event['entry'].get('url', '')}")
        elif method == "Audits.issueAdded" and event["issue"]["code"] == "ContentSecurityPolicyIssue":
            self.error("policy: " + json.dumps(event["issue"]["details"]))
        elif method == "Page.javascriptDialogOpening":
            self.error("dialog: " + event["message"])
            self.send("Page.handleJavaScriptDialog", session, accept=True)
        elif method.startswith("Network."):
            self.note_network(method, event)

    def note_network(self, method, event):
        self.network_changed = time.monotonic()
        key = event.get("requestId")
        if method == "Network.requestWillBeSent" and not event["request"]["url"].startswith(("data:", "blob:")):
            self.requests.append((event["request"]["method"], event["request"]["url"]))
            self.unanswered[key] = event["request"]["url"]
        elif method == "Network.responseReceived":
            self.unanswered.pop(key, None)
            if event["response"]["status"] >= 400:
                self.error(f"{event['response']['status']}: {event['response']['url']}")
        elif method == "Network.loadingFailed":
            url = self.unanswered.pop(key, "")
            # What the content policy forbids is noted as its violation.
            if not event.get("canceled") and event.get("blockedReason") != "csp":
                self.error(f"failed: {event['errorText']} {url}")

    def error(self, text):
        if not HARMLESS.search(text):
            self.errors.append(text)

    # What a person does.

    def open(self, url):
        self.call("Page.navigate", url=url)

    def dark(self, dark):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def click_at(self, x, y):
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def key(self, key, code=None, text=None):
        fields = {"key": key, "code": code or key, "windowsVirtualKeyCode": KEYS.get(key, ord(key[0].upper()))}
        if text is not None:
            fields["text"] = text
        self.call("Input.dispatchKeyEvent", type="keyDown", **fields)
        self.call("Input.dispatchKeyEvent", type="keyUp", **fields)

    # What there is to see.

    def pause(self, seconds):
        """Goes on noting what happens."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.receive(left)

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression[-500:]}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def until(self, condition, what, seconds=60, every=0.1):
        """The first true value of a function."""
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds} s in vain until {what}; errors: {self.errors}")
            self.pause(every)

    def wait(self, expression, what, seconds=60):
        """The first true value of the expression."""
        return self.until(lambda: self.evaluate(expression), what, seconds)

    def quiet(self, seconds=0.4):
        """Nothing is being asked for, and has not been for a while."""
        return not self.unanswered and time.monotonic() - self.network_changed > seconds

    def metric(self, name):
        return next(m["value"] for m in self.call("Performance.getMetrics")["metrics"] if m["name"] == name)

    def screenshot(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def coloured_pixels(self, x, y, width, height):
        """How many pixels of a box have a colour: axes, grids and texts of the stock page are grey."""
        taken = self.call("Page.captureScreenshot", format="png", clip={"x": x, "y": y, "width": width, "height": height, "scale": 1})
        pixels = numpy.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(taken["data"]))).convert("RGB"))
        return int((numpy.ptp(pixels, axis=2) > 24).sum())
