#!/usr/bin/python3
"""LuCI's pages of nfa in headless Chromium, over the real daemon with live traffic.

    browser_test.py [--pictures DIR] [--keep-logs DIR] [STEP...]

The router is a network namespace; the init script runs there under busybox with the stand-ins of
tests/openwrt for procd, the daemon is real. LuCI itself is a stand-in (stand_in/, server.py).
The agent is $NFA, else target/release/nfa, else target/debug/nfa. Ends with status 0 if every line
says OK, 1 if one says FAIL, 77 if not run by root or without chromium.
"""

import argparse
import json
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lab"))

import world  # noqa: E402
from browser import BrowserError  # noqa: E402
from home import hello_to, many_flows  # noqa: E402
from lab import Lab, LabError, wait_for  # noqa: E402
from main_job import Report  # noqa: E402
from pages import Pages  # noqa: E402
from server import APP  # noqa: E402
from world import ROOT  # noqa: E402

HOSTILE = "<img src=x onerror=window.pwned=1>\u202e\x07\"'&amp;"
FLOWS_MANY = 2000
# The bar: script time of one refresh of the page of flows, in milliseconds.
REFRESH_MS_MAX = 50
# What a router is asked for every three seconds while somebody looks: 50 flows.
FIRST_PAGE_BYTES_MAX = 32_000


class Job(Pages):
    """The test: steps in the order of STEPS, which build on one another."""

    STEPS = (
        "plugin off enable flows make_rule rules criteria refused pause exempt others "
        "box guest hidden translations pictures hostile delete many"
    ).split()

    def plugin(self):
        source = (APP / "root/usr/share/rpcd/ucode/nfa.uc").read_text()
        script = (HERE / "plugin_test.js").read_text()
        wrong = self.browser.evaluate(f"const source = {json.dumps(source)};\n{script}")
        self.report.check(
            "the plugin asks for what it should, and waits for half a second at most",
            wrong == [],
            str(wrong),
        )

    def off(self):
        self.open("overview")
        self.sees("switched off: the page says so and what to do", "nfa is switched off")
        self.open("flows")
        self.sees("other pages too", "Switch nfa on")

    def enable(self):
        # firewall4 declares the sets that procd's service data names.
        for family, kind in (("v4", "ipv4_addr"), ("v6", "ipv6_addr")):
            self.lab.run("router", "nft", "add", "table", "inet", "fw4")
            self.lab.run(
                "router",
                "nft",
                "add",
                "set",
                "inet",
                "fw4",
                f"nfa.films.{family}",
                f"{{ type {kind}; flags timeout; }}",
            )
        self.open("overview")
        self.browser.click(".nfa-enable")
        wait_for("the daemon answers", lambda: self.ask("status"), 20)
        self.pid = self.ask("status")["pid"]
        self.film = self.world.tls("client1", "www.youtube.com", "v4", 600)
        load = "curl -sSk --limit-rate {}k -o /dev/null https://www.youtube.com/blob?bytes=3000000"
        self.world.client(
            "client1",
            "load",
            "bash",
            "-c",
            f"while sleep 1; do {load.format(150)}; {load.format(400)}; done",
        )
        self.page = self.world.http("client2", "www.example.org", "v4", 600)
        self.open("overview")
        self.sees("a minute later at most the film has its name", "youtube", 60)
        self.sees("and its device the name that the router knows", "Tablet")
        self.sees("health is shown, offloading too", "software offloading is on")

    def flows(self):
        self.open("flows")
        self.browser.type("input[name=text]", "youtube")
        rows = "[...document.querySelectorAll('tr.pick')]"
        self.browser.wait(
            "fewer rows", f"{rows}.length && {rows}.every((tr) => tr.innerText.includes('youtube'))"
        )
        row = self.pick("www.youtube.com:443")
        self.report.check(
            "a filter leaves what is of YouTube, with device, host and rule",
            all(text in row for text in ("Tablet", "youtube", "HTTP/S", "Films")),
            repr(row),
        )
        self.sees("a click explains it", "Films: matches")
        self.browser.click(".modal .btn", "Close")

    def make_rule(self):
        self.open("flows")
        self.pick("www.youtube.com:443")
        self.browser.click(".modal .btn", "Make a rule")
        self.browser.type(".modal select[name=deed]", "log")
        self.browser.type(".modal input[name=name]", "Watch YouTube")
        self.apply_by(".modal .btn")
        self.report.eventually(
            "the rule made from it is in force", lambda: self.rule("Watch YouTube"), 15
        )
        self.report.check("by a reload, not by a restart", self.ask("status")["pid"] == self.pid)
        text = self.uci.read_text()
        self.report.check(
            "UCI has the rule as a person would write it",
            "\tlist application 'youtube'\n\toption log '1'"
            in text.replace("option name 'Watch YouTube'\n", ""),
            text[-200:],
        )

    def count_of(self, rule):
        return self.browser.evaluate(
            f"[...document.querySelectorAll('.nfa-count')].find((n) => n.dataset.rule == {json.dumps(rule)}).textContent"
        )

    def rules(self):
        self.open("rules")
        self.sees("the grid names rule, what and deed", "Watch YouTube")
        self.browser.wait(
            "a counter",
            "[...document.querySelectorAll('.nfa-count')].some((n) => /^[1-9]/.test(n.textContent))",
        )
        before = self.rule("Watch YouTube")["matches"]
        for _ in range(3):
            self.world.tls("client2", "www.youtube.com", "v4", 600)
        self.report.eventually(
            "its counter grows before our eyes",
            lambda: int(self.count_of("Watch YouTube").split(",")[0].split()[0]) >= before + 3,
            15,
        )
        self.browser.click(".nfa-bar .btn", "nft")
        self.sees("the text for nft is shown", "table inet nfa")
        self.browser.click(".modal .btn", "Close")

    def criteria(self):
        self.open("rules")
        self.browser.click(".cbi-section-create .btn", "Add a rule")
        self.browser.type(".modal [data-name=name] input", "Own")
        self.browser.type(".modal [data-name=application] input", "netf")
        self.browser.click(".modal .nfa-picks .btn", "Netflix")
        self.browser.wait(
            "the application was taken",
            "[...document.querySelectorAll('.modal .cbi-dynlist .item')].some((n) => n.textContent == 'netflix')",
        )
        self.browser.type(".modal [data-name=category] input", "gmaes")
        self.browser.wait(
            "a name that nobody knows is refused",
            "!!document.querySelector('.modal [data-name=category] .cbi-input-invalid')",
        )
        self.browser.type(".modal [data-name=category] input", "")
        self.browser.type(".modal textarea", "protocl == 'quic';")
        told = self.browser.wait(
            "a message", "(document.querySelector('.modal .nfa-criteria') || {}).textContent"
        )
        lines = self.browser.evaluate(
            "document.querySelector('.modal .nfa-caret').textContent"
        ).splitlines()
        column = lines[-1].find("^")
        self.report.check(
            "criteria are checked while they are typed, with message and caret",
            column >= 0
            and lines[-2][column : column + 7] == "protocl"
            and "did you mean `protocol`" in told,
            told,
        )
        self.browser.click(".modal .cbi-button-positive", "Save")
        time.sleep(1)
        self.report.check(
            "what is wrong is not saved",
            self.browser.evaluate("document.body.classList.contains('modal-overlay-active')")
            and not self.router.staged,
        )
        self.browser.type(".modal textarea", "protocol == 'quic';")
        self.sees("mended, it says how many flows match", "Understood.")
        self.browser.click(".modal .cbi-tabmenu a", "What happens")
        self.browser.type(".modal [data-name=class] select", "bulk")
        self.browser.click(".modal .cbi-button-positive", "Save")
        self.browser.wait(
            "the dialogue is gone", "!document.body.classList.contains('modal-overlay-active')"
        )
        self.apply_by(".cbi-page-actions .btn")
        self.report.eventually("the rule with criteria is in force", lambda: self.rule("Own"), 15)
        self.report.check("still without a restart", self.ask("status")["pid"] == self.pid)

    def refused(self):
        before = self.ask("status")["config"]
        self.open("settings")
        self.browser.type("[data-name=log_limit] input", "soon")
        self.apply_by(".cbi-page-actions .btn")
        self.open("settings")
        self.sees(
            "a refused configuration is shown with its message",
            "option 'log_limit': expected a rate",
        )
        after = self.ask("status")["config"]
        self.report.check(
            "and nothing changed",
            after["actions"] == before["actions"] and self.ask("status")["pid"] == self.pid,
        )
        self.browser.type("[data-name=timeout] input", "5")
        self.browser.click(".cbi-page-actions .btn", "Save & Apply")
        self.sees("what LuCI can check it refuses itself", "value between 30 and 86400")
        self.open("settings")
        self.browser.type("[data-name=log_limit] input", "")
        self.apply_by(".cbi-page-actions .btn")
        self.open("settings")
        time.sleep(1)
        self.report.check("mended, the message is gone", "mistakes" not in self.text())

    def pause(self):
        self.open("flows")
        rows = "document.querySelectorAll('.nfa-list tbody tr').length"
        self.browser.wait("rows", rows)
        self.browser.click(".nfa-pause")
        before = self.browser.evaluate(rows)
        self.world.tls("client2", "www.facebook.com", "v4", 600)
        time.sleep(4.5)
        self.report.check("paused, the page stands still", self.browser.evaluate(rows) == before)
        self.browser.click(".nfa-pause")
        self.sees("and goes on", "facebook")
        self.browser.type("select[name=sort]", "bytes")
        self.browser.type("select[name=rule]", "Watch YouTube")
        self.browser.wait(
            "only those of the rule",
            f"{rows} >= 4 && [...document.querySelectorAll('.nfa-list tbody tr')].every((tr) => tr.innerText.includes('youtube'))",
        )
        volumes = self.browser.evaluate(
            "[...document.querySelectorAll('.nfa-list tbody tr')].map((tr) => tr.row.local_bytes + tr.row.other_bytes)"
        )
        self.report.check(
            "of one rule, largest first", volumes == sorted(volumes, reverse=True), str(volumes)
        )

    def exempt(self):
        mac = self.mac("client2")
        self.open("flows")
        self.pick("www.example.org:80")
        self.browser.click(".modal .btn", "Exempt this device")
        self.sees("it says of whom", "Television")
        self.apply_by(".modal .btn")
        self.report.eventually(
            "an exempted device meets no rule any more",
            lambda: all(not flow["rules"] for flow in self.ask("flows", client=mac)["flows"]),
            15,
        )

    def others(self):
        self.open("clients")
        self.sees("devices are listed by their names", "Tablet")
        self.browser.click(".nfa-list tbody tr")
        self.sees("one of them shows what it does", "Rules that matched lately")
        self.open("sets")
        self.sees("sets are listed", "nfa.films.v4")
        self.browser.click(".nfa-list tbody tr", None)
        self.open("log")
        self.sees("the log tells of matches", "Watch YouTube")
        self.open("apps")
        self.browser.type("input[name=what]", "www.youtube.com")
        self.browser.click(".nfa-look")
        self.sees("a name is looked up", "www.youtube.com belongs to youtube")
        self.browser.type("input[name=text]", "netfl")
        self.sees("the catalogue is searched", "netflix")

    def box(self):
        self.browser.open(f"{self.url}/cgi-bin/luci/admin/status/overview")
        self.sees("the box on the status page names applications", "youtube")

    def guest(self):
        """Who may only read may not change."""
        self.browser.cookie(self.url, "session", "guest")
        self.open("flows")
        self.sees("a guest sees flows", "youtube")
        self.browser.click(".nfa-list tbody tr")
        self.browser.click(".modal .btn", "Exempt this device")
        self.browser.click(".modal .btn", "Save")
        time.sleep(1)
        self.report.check("but changes nothing", not self.router.staged)
        denied = self.router.ubus("guest", "nfa", "reload", {})
        self.report.check("nor reloads", denied == [6], str(denied))
        self.browser.cookie(self.url, "session", "root")

    def hostile(self):
        """Names from the network that look like HTML, and answers that are full of them."""
        hello_to(self.lab, world.v4("plain"), b"<img src=x onerror=window.pwned=1>.example.org")
        honest, hints = self.router.ubus, dict(self.router.hints)

        def poisoned(value, key=None):
            if isinstance(value, dict):
                return {name: poisoned(part, name) for name, part in value.items()}
            if isinstance(value, list):
                return [poisoned(part, key) for part in value]
            names = (
                "host",
                "name",
                "label",
                "category",
                "application",
                "protocol",
                "member",
                "message",
                "hint",
                "rules",
                "rule",
                "words",
                "what",
                "text",
                "errors",
                "trouble",
                "client",
                "home",
            )
            return HOSTILE + value if isinstance(value, str) and key in names else value

        def lies(session, name, method, values):
            answer = honest(session, name, method, values)
            return poisoned(answer) if name in ("nfa", "luci-rpc") else answer

        self.router.ubus = lies
        seen = 0
        for page in ("overview", "flows", "rules", "clients", "sets", "log", "apps", "settings"):
            self.open(page)
            if page not in ("rules", "settings"):
                self.browser.wait(
                    f"{page} shows the text", "document.body.innerText.includes('<img')"
                )
            if self.browser.evaluate("!!document.querySelector('tr.pick')"):
                self.browser.click("tr.pick")
                time.sleep(1)
            if page == "rules":
                self.browser.click(".cbi-section-create .btn", "Add a rule")
                self.browser.type(".modal [data-name=application] input", "x")
                self.browser.type(".modal textarea", "x")
                time.sleep(1)
            seen += self.browser.evaluate(
                "document.querySelectorAll('img, b img').length + (window.pwned || 0)"
            )
        self.router.ubus, self.router.hints = honest, hints
        self.report.check("what the network says is never HTML", seen == 0, str(seen))

    def hidden(self):
        self.open("overview")
        self.browser.evaluate(
            "Object.defineProperty(document, 'hidden', { value: true, configurable: true }), document.dispatchEvent(new Event('visibilitychange')), 1"
        )
        time.sleep(1)
        before = len(self.router.calls)
        time.sleep(7)
        asked = len(self.router.calls) - before
        self.report.check("nobody looks: nothing is asked", asked == 0, str(asked))
        self.browser.evaluate(
            "Object.defineProperty(document, 'hidden', { value: false, configurable: true }), document.dispatchEvent(new Event('visibilitychange')), 1"
        )
        time.sleep(1)
        self.report.check("somebody looks again: at once", len(self.router.calls) > before)

    def many(self):
        """2,000 flows, 500 of them on the page."""
        many_flows(self.lab, world.v4("plain"), FLOWS_MANY)
        there = lambda: self.ask("status")["flows"]["live"] >= FLOWS_MANY  # noqa: E731
        wait_for("all flows are there", there, 20)
        self.open("flows")
        rows = "document.querySelectorAll('.nfa-list tbody tr').length"
        self.browser.wait("50 rows", f"{rows} == 50")
        self.report.check(
            "the first page is a small answer",
            self.router.largest["flows"] <= FIRST_PAGE_BYTES_MAX,
            f"{self.router.largest['flows']} bytes",
        )
        for count in (200, 350, 500):
            self.browser.click(".nfa-empty .btn", "Show more")
            self.browser.wait(f"{count} rows", f"{rows} == {count}")
        before, calls = self.browser.seconds(), len(self.router.calls)
        time.sleep(16)
        turns = sum(1 for _, method, _ in self.router.calls[calls:] if method == "flows")
        took = [after - was for was, after in zip(before, self.browser.seconds(), strict=True)]
        script, layout, task = [1000 * seconds / max(turns, 1) for seconds in took]
        self.report.check(
            f"500 rows of {FLOWS_MANY} flows: a refresh takes {REFRESH_MS_MAX} ms of script at most",
            turns >= 4 and script <= REFRESH_MS_MAX,
            f"{script:.1f} ms; layout {layout:.1f} ms, all of the page {task:.1f} ms; {turns} times",
        )
        # Every row is another one: what the worst refresh costs.
        (before, *_) = self.browser.seconds()
        self.browser.type("select[name=sort]", "seen")
        time.sleep(2.5)
        (after, *_) = self.browser.seconds()
        print(f"      another order takes {(after - before) * 1000:.1f} ms of script")

    def translations(self):
        """Every text that the pages ask for is in the catalogue. The scripts come minified."""
        self.router.minified = True
        for language, texts in self.languages.items():
            self.browser.cookie(self.url, "language", language)
            missing = set()
            for page in (
                "overview",
                "flows",
                "rules",
                "clients",
                "sets",
                "log",
                "apps",
                "settings",
            ):
                self.open(page)
                time.sleep(0.5)
                missing |= {
                    text for text in self.browser.evaluate("[...asked_texts]") if text not in texts
                }
                missing |= set(self.browser.evaluate("page_errors"))
            self.report.check(
                f"{language}: every text that is shown is translated", not missing, str(missing)
            )
        self.browser.cookie(self.url, "language", "en")
        self.router.minified = False

    def delete(self):
        self.open("rules")
        self.sees("before", "Watch YouTube")
        row = "[...document.querySelectorAll('.cbi-section-table-row')].find((tr) => tr.innerText.includes('Watch YouTube'))"
        self.browser.evaluate(f"{row}.querySelector('.cbi-button-remove').click()")
        self.browser.wait("the row is gone", f"!{row}")
        self.apply_by(".cbi-page-actions .btn")
        self.report.eventually(
            "a deleted rule is no longer in force", lambda: not self.rule("Watch YouTube"), 15
        )
        self.report.check(
            "all that on one and the same process", self.ask("status")["pid"] == self.pid
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--pictures",
        metavar="DIR",
        type=Path,
        default=ROOT / "target/luci",
        help="screenshots go here",
    )
    parser.add_argument("--keep-logs", metavar="DIR", type=Path, help="save programs' output here")
    parser.add_argument("steps", metavar="STEP", nargs="*", help=" ".join(Job.STEPS))
    options = parser.parse_args()
    world.need_root()
    if not shutil.which("chromium"):
        print("skipped: needs chromium: LuCI's pages in a browser")
        return 77
    report = Report()
    with Lab(options.keep_logs, "nfaluci") as lab, tempfile.TemporaryDirectory() as folder:
        job = Job(lab, report, folder, options.pictures)
        print("agent:", job.nfa, flush=True)
        try:
            job.steps(options.steps)
        except (LabError, BrowserError, socket.timeout) as error:
            report.check("the laboratory works", False, str(error))
        if report.failed() and job.agent:
            print("\nlast lines of the agent:", *job.agent.output().splitlines()[-20:], sep="\n")
        if job.agent:
            report.check("nothing panicked", "panicked" not in job.agent.output())
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
