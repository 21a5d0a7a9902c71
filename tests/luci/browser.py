"""Chromium without a window, driven over the DevTools protocol's pipe: no other package needed.

https://chromedevtools.github.io/devtools-protocol/ ; `--remote-debugging-pipe` reads messages from
descriptor 3 and writes them to 4, each JSON with a zero byte behind it.
"""

import base64
import json
import os
import select
import subprocess
import time

SWITCHES = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-features=HttpsUpgrades,OptimizationHints,Translate",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
    "about:blank",
]


class BrowserError(Exception):
    """The browser did not do as it was told, or a page waited in vain."""


class Browser:
    """One page. Use it in a `with` statement."""

    def __init__(self, profile):
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()

        def descriptors():
            os.dup2(theirs_in, 10)
            os.dup2(theirs_out, 11)
            os.dup2(10, 3)
            os.dup2(11, 4)

        self.process = subprocess.Popen(
            ["chromium", f"--user-data-dir={profile}", *SWITCHES],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,
            preexec_fn=descriptors,
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self.input, self.output = ours_in, ours_out
        self.heard, self.number, self.events, self.session = b"", 0, [], None
        (target,) = [
            one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page"
        ][:1]
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Performance", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close")
        except (BrowserError, OSError):
            pass
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        os.close(self.input)
        os.close(self.output)

    def call(self, method, **params):
        """Sends a command and waits for its answer."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            reply = self.message(deadline)
            if reply.get("id") == self.number:
                if "error" in reply:
                    raise BrowserError(f"{method}: {reply['error']['message']}")
                return reply["result"]
            self.events.append(reply)
        raise BrowserError(f"{method}: no answer")

    def message(self, deadline):
        while b"\0" not in self.heard:
            if not select.select([self.input], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise BrowserError("the browser is silent")
            chunk = os.read(self.input, 1 << 16)
            if not chunk:
                raise BrowserError("the browser has gone")
            self.heard += chunk
        text, self.heard = self.heard.split(b"\0", 1)
        return json.loads(text)

    # -- pages ----------------------------------------------------------------------------------

    def evaluate(self, script):
        """The value of an expression; promises are waited for."""
        told = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in told:
            details = told["exceptionDetails"]
            text = details.get("exception", {}).get("description", details["text"])
            if "navigat" in text or "context" in text:
                return None
            raise BrowserError(f"{script}: {text}")
        return told["result"].get("value")

    def wait(self, what, script, seconds=20.0):
        """Polls until the expression is true and returns its value."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                value = self.evaluate(script)
            except BrowserError as error:
                # The page may be on its way to another.
                value = None
                if time.monotonic() > deadline:
                    raise error
            if value:
                return value
            if time.monotonic() > deadline:
                shown = self.evaluate("document.body.innerText")
                raise BrowserError(f"waited {seconds:g} s in vain: {what}\n{shown}")
            time.sleep(0.1)

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait(
            f"{url} is there",
            f"location.href == {json.dumps(url)} && document.body && document.body.dataset.ready == '1'",
        )

    def click(self, selector, text=None):
        """Clicks the first element of that kind (and text) that is shown."""
        self.wait(
            f"something to click: {selector} {text or ''}",
            f"""(() => {{
            const all = [...document.querySelectorAll({json.dumps(selector)})];
            const text = {json.dumps(text)};
            const one = all.find((node) => node.offsetParent && (text === null || node.textContent.trim() === text));
            if (!one) return false;
            one.click();
            return true; }})()""",
        )

    def type(self, selector, text):
        """Puts a text into a field, as somebody types it."""
        self.wait(
            f"a field: {selector}",
            f"""(() => {{
            const one = [...document.querySelectorAll({json.dumps(selector)})].find((node) => node.offsetParent);
            if (!one) return false;
            one.focus();
            one.value = {json.dumps(text)};
            for (const kind of ['input', 'keyup', 'change', 'blur'])
                one.dispatchEvent(new Event(kind, {{ bubbles: true }}));
            return true; }})()""",
        )

    def size(self, width, height, mobile=False):
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    def dark(self, on):
        feature = {"name": "prefers-color-scheme", "value": "dark" if on else "light"}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def cookie(self, url, name, value):
        self.call("Network.setCookie", url=url, name=name, value=value)

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))

    def seconds(self):
        """What the page has taken so far: scripts, layout, all of its main thread."""
        metrics = {
            one["name"]: one["value"] for one in self.call("Performance.getMetrics")["metrics"]
        }
        return [metrics[f"{part}Duration"] for part in ("Script", "Layout", "Task")]
