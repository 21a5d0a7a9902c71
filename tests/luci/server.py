"""A web server that stands in for uhttpd, rpcd and LuCI's page frame, over the real daemon.

Pages come from the menu file, scripts from the package and from stand_in/; /ubus answers calls as
far as the ACL file allows them: `nfa` by the table in nfa.uc, each call a request to the control
socket; `uci` on a file, whose changes wait until they are applied; `file exec` for the init
script's commands, in the functions that the router's owner gives.
"""

import copy
import json
import re
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from minify import minify
from uci_file import UciFile

HERE = Path(__file__).resolve().parent
APP = HERE.parent.parent / "openwrt" / "luci-app-nfa"
RESOURCES = APP / "htdocs" / "luci-static" / "resources"
OK, INVALID, NOT_FOUND, NO_DATA, DENIED = 0, 2, 4, 5, 6  # ubus' statuses (libubus: ubusmsg.h)
PAGE = """<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>LuCI</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/stand_in/style.css"></head><body>
<header><b>OpenWrt</b><span id="changes" hidden></span></header><nav>{tabs}</nav>
<div id="maincontent"><div id="view"></div></div>
<div id="modal_overlay"><div class="modal"></div></div>
<script>window.session_id = {session}; window.translations = {translations};</script>
<script src="/stand_in/luci.js"></script><script src="/stand_in/ui.js"></script>
<script src="/stand_in/form.js"></script>
<script>L.ui.changes.init(); {start}</script></body></html>"""
BOX = """L.require('view.status.include.75_nfa').then((box) => Promise.resolve(box.load())
.then((loaded) => { L.dom.content(document.getElementById('view'), [E('h3', [box.title]),
box.render(loaded)]); document.body.dataset.ready = '1'; })).catch(L.error);"""


def method_table():
    """The table of nfa.uc, which is JSON but for what stands around it."""
    text = (APP / "root/usr/share/rpcd/ucode/nfa.uc").read_text()
    return json.loads(re.search(r"^const TABLE = (\{.*?^\});$", text, re.S | re.M)[1])


def menu():
    return json.loads((APP / "root/usr/share/luci/menu.d/luci-app-nfa.json").read_text())


def permissions(with_write):
    """What the ACL file grants: scope -> object -> names."""
    (acl,) = json.loads((APP / "root/usr/share/rpcd/acl.d/luci-app-nfa.json").read_text()).values()
    granted = {
        "ubus": {},
        "uci-read": set(acl["read"]["uci"]),
        "uci-write": set(),
        "file": set(acl["read"]["file"]),
    }
    for part in ("read", "write") if with_write else ("read",):
        for name, methods in acl[part]["ubus"].items():
            granted["ubus"].setdefault(name, set()).update(methods)
    if with_write:
        granted["uci-write"] = set(acl["write"]["uci"])
    return granted


def ask_daemon(path, request):
    """One request to the control socket, as nfa.uc makes it."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(0.5)
        try:
            client.connect(str(path))
        except OSError:
            return {"error": {"at": "", "message": "nfa does not run", "what": "off"}}
        try:
            client.sendall(json.dumps(request).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                chunk = client.recv(65536)
                if not chunk:
                    break
                answer += chunk
            return json.loads(answer)
        except (OSError, ValueError):
            return {"error": {"at": "", "message": "nfa did not answer in time", "what": "slow"}}


class Router:
    """What is behind the pages."""

    def __init__(self, control, files, apply, execute, hints):
        self.control, self.files = control, files  # socket; config name -> path
        self.on_apply, self.execute, self.hints = apply, execute, hints
        self.table = method_table()
        self.granted = {"root": permissions(True), "guest": permissions(False)}
        self.lock = threading.Lock()
        self.calls = []
        self.largest = {}  # method -> bytes of the last page's largest answer
        self.minified = False  # scripts are served as LuCI's build leaves them
        self.staged = {}  # config -> (UciFile, [changes])

    def config(self, name):
        if name in self.staged:
            return self.staged[name][0]
        return UciFile(self.files[name].read_text())

    def ubus(self, session, name, method, values):
        """The status and the answer of a call."""
        with self.lock:
            self.calls.append((name, method, values))
        granted = self.granted.get(session)
        if granted is None:
            return [DENIED]
        if name == "uci":
            return self.uci(granted, method, values)
        if name == "file":
            command = " ".join([values["command"], *values.get("params", [])])
            return self.run(command) if command in granted["file"] else [DENIED]
        if method not in granted["ubus"].get(name, ()):
            return [DENIED]
        if name == "luci-rpc":
            return [OK, self.hints]
        args = self.table[method]
        for key, value in values.items():
            if key not in args or type(value) is not type(args[key]):
                return [INVALID]
        return [OK, ask_daemon(self.control, {"method": method, **values})]

    def run(self, command):
        code, out, err = self.execute(command)
        return [OK, {"code": code, "stdout": out, "stderr": err}]

    def uci(self, granted, method, values):
        config = values.get("config")
        if method == "changes":
            return [OK, {"changes": {name: log for name, (_, log) in self.staged.items()}}]
        if method in ("apply", "confirm"):
            return self.apply() if method == "apply" and granted["uci-write"] else [OK]
        needed = granted["uci-read" if method == "get" else "uci-write"]
        if config not in needed:
            return [DENIED]
        if method == "get":
            return [OK, {"values": self.config(config).values()}]
        if method == "revert":
            self.staged.pop(config, None)
            return [OK]
        file, log = self.staged.get(config) or (copy.deepcopy(self.config(config)), [])
        self.staged[config] = (file, log)
        log.append([method, values.get("section") or values.get("name") or ""])
        match method:
            case "add":
                return [
                    OK,
                    {"section": file.add(values["type"], values.get("name"), values["values"])},
                ]
            case "set":
                file.set(values["section"], values["values"])
            case "delete":
                file.delete(values["section"], values.get("options"))
            case "order":
                file.order(values["sections"])
            case _:
                return [NOT_FOUND]
        return [OK]

    def apply(self):
        if not self.staged:
            return [NO_DATA]
        for name, (file, _) in self.staged.items():
            self.files[name].write_text(file.text())
        self.staged.clear()
        self.on_apply()
        return [OK]

    # -- pages ----------------------------------------------------------------------------------

    def page(self, path, session, language, translations):
        place = path.removeprefix("/cgi-bin/luci/")
        nodes = menu()
        tabs = []
        for where, node in nodes.items():
            if node["action"]["type"] == "view":
                kind = "active" if where == place else ""
                title = translations.get(node["title"], node["title"])
                tabs.append(f'<a class="{kind}" href="/cgi-bin/luci/{where}">{title}</a>')
        if place == "admin/status/overview":
            start = BOX
        elif place in nodes:
            view = "view." + nodes[place]["action"]["path"].replace("/", ".")
            start = f"L.require({json.dumps(view)}).catch(L.error);"
        else:
            return None
        return PAGE.format(
            language=language,
            tabs="".join(tabs),
            session=json.dumps(session),
            translations=json.dumps(translations),
            start=start,
        )


def serve(router, translations):
    """Starts the server on a port of its own; returns it. `translations`: language -> texts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def answer(self, body, kind, status=200):
            body = body.encode() if isinstance(body, str) else body
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            session, name, method, values = call["params"]
            result = router.ubus(session, name, method, values)
            reply = json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": result})
            router.largest[method] = max(router.largest.get(method, 0), len(reply))
            self.answer(reply, "application/json")

        def do_GET(self):
            path = urlsplit(self.path).path
            for prefix, folder in [
                ("/stand_in/", HERE / "stand_in"),
                ("/luci-static/resources/", RESOURCES),
            ]:
                file = (folder / path.removeprefix(prefix)).resolve()
                if path.startswith(prefix) and file.is_relative_to(folder) and file.is_file():
                    kind = "text/css" if file.suffix == ".css" else "text/javascript"
                    body = file.read_bytes()
                    if router.minified and folder == RESOURCES:
                        body = minify(body.decode())
                    return self.answer(body, f"{kind}; charset=utf-8")
            language = next(
                (
                    word
                    for word in self.headers.get("Cookie", "").split("; ")
                    if word.startswith("language=")
                ),
                "language=en",
            )[9:]
            session = "guest" if "session=guest" in self.headers.get("Cookie", "") else "root"
            page = router.page(path, session, language, translations.get(language, {}))
            router.largest.clear()
            self.answer(page or "no such page", "text/html; charset=utf-8", 200 if page else 404)

    class Server(ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            print("a page went before its answer came:", sys.exc_info()[1], flush=True)

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
