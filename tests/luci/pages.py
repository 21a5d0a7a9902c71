"""LuCI's pages of a home's router in a browser: opening them, waiting for what they say, applying."""

import json
import time

import po
from browser import Browser, BrowserError
from home import Home
from server import serve

BASE = "/cgi-bin/luci/admin/services/nfa"


class Pages(Home):
    """A home with a browser at its router. What tests it has STEPS, methods of that name."""

    STEPS = []

    def __init__(self, lab, report, browser_folder, pictures):
        super().__init__(lab)
        self.report, self.pictures_folder = report, pictures
        self.browser_folder = browser_folder

    def steps(self, names):
        self.start()
        self.languages = {language: po.read(language) for language in po.LANGUAGES}
        self.server = serve(self.router, self.languages)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        with Browser(self.browser_folder) as self.browser:
            self.browser.size(1200, 900)
            for name in names or self.STEPS:
                start = time.monotonic()
                getattr(self, name)()
                print(f"      ({name} took {time.monotonic() - start:.1f} s)", flush=True)
        self.server.shutdown()

    def open(self, page):
        self.browser.open(f"{self.url}{BASE}/{page}")

    def text(self):
        return self.browser.evaluate("document.body.innerText")

    def pick(self, text):
        """Clicks the row of a table that has a text, and returns all that it says."""
        row = f"[...document.querySelectorAll('tr.pick')].find((tr) => tr.innerText.includes({json.dumps(text)}))"
        shown = self.browser.wait(f"a row with {text}", f"({row} || {{}}).innerText")
        self.browser.evaluate(f"{row}.click()")
        return shown

    def sees(self, what, text, seconds=10):
        """Some text is on the page within a time."""
        try:
            self.browser.wait(
                text, f"document.body.innerText.includes({json.dumps(text)})", seconds
            )
        except BrowserError as error:
            return self.report.check(what, False, str(error)[:600])
        return self.report.check(what, True)

    def apply_by(self, selector):
        """Clicks what applies, and waits until the page is there again."""
        self.browser.evaluate("window.is_old = true")
        self.browser.click(selector, "Save & Apply")
        self.browser.wait(
            "the page is there again",
            "!window.is_old && document.body && document.body.dataset.ready == '1'",
        )

    def pictures(self):
        """For people to look at: --pictures says where to."""
        folder = self.pictures_folder
        folder.mkdir(parents=True, exist_ok=True)
        for host, family in [("www.youtube.com", "v6"), ("www.instagram.com", "v4")]:
            self.world.quic("client1", host, family, 600)
        for client, host in [("client2", "twitter.com"), ("client1", "www.facebook.com")]:
            self.world.tls(client, host, "v6", 600)
        for client, host, size in [
            ("client2", "www.youtube.com", 3e6),
            ("client1", "www.instagram.com", 1e6),
        ]:
            self.lab.run(
                client, "curl", "-sSk", "-o", "/dev/null", f"https://{host}/blob?bytes={size:.0f}"
            )
        time.sleep(10)  # for the chart
        pages = ("overview", "flows", "rules", "clients", "sets", "log", "apps", "settings", "rule")
        shapes = {
            "desktop": (1200, 900, False, False, pages),
            "dark": (1200, 900, False, True, pages[:4]),
            "phone": (390, 844, True, False, pages),
            "phone-dark": (390, 844, True, True, pages[:2]),
        }
        too_wide, errors = [], []
        for shape, (width, height, mobile, dark, some) in shapes.items():
            self.browser.size(width, height, mobile)
            self.browser.dark(dark)
            for page in some:
                self.open("rules" if page == "rule" else page)
                time.sleep(0.7)
                if page in ("clients", "sets"):
                    self.browser.click("tr.pick")
                    time.sleep(0.3)
                elif page == "rule":
                    self.browser.click(".cbi-button-edit", "Edit")
                    self.browser.type(".modal [data-name=application] input", "tube")
                    self.browser.type(".modal textarea", "protocol == 'qiuc';")
                    time.sleep(0.8)
                if self.browser.evaluate("document.documentElement.scrollWidth - innerWidth") > 0:
                    too_wide.append(f"{page} on {shape}")
                errors += self.browser.evaluate("page_errors")
                self.browser.screenshot(folder / f"{page}-{shape}.png")
        self.browser.size(1200, 900)
        self.browser.dark(False)
        self.report.check(
            "every page fits the screen, on a phone too", not too_wide, ", ".join(too_wide)
        )
        self.report.check("no error in the pages", not errors, str(errors))
