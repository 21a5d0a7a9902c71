#!/usr/bin/python3
"""The LuCI package holds together: menu, permissions, plugin, scripts, translations and size."""

import gzip
import json
import re
import sys
import unittest

sys.dont_write_bytecode = True
import po  # noqa: E402
from minify import minify  # noqa: E402
from server import APP, RESOURCES, method_table  # noqa: E402

ROOT = APP.parent.parent
# The bar: what the package takes on a router, without translations (packages of their own).
BYTES_MAX = 60_000


def scripts():
    return {
        path.relative_to(RESOURCES).as_posix(): path.read_text() for path in RESOURCES.rglob("*.js")
    }


def arguments(text, at):
    """The arguments of the call whose bracket is at `at`, as texts."""
    depth, quote, parts, start = 0, None, [], at + 1
    while True:
        c = text[at]
        if quote:
            if c == "\\":
                at += 1
            elif c == quote:
                quote = None
        elif c in "'\"`":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth == 0:
                return [part.strip() for part in [*parts, text[start:at]] if part.strip()]
        elif c == "," and depth == 1:
            parts.append(text[start:at])
            start = at + 1
        at += 1


class Package(unittest.TestCase):
    def test_menu_names_views_and_permissions_that_there_are(self):
        nodes = json.loads((APP / "root/usr/share/luci/menu.d/luci-app-nfa.json").read_text())
        (group,) = json.loads((APP / "root/usr/share/rpcd/acl.d/luci-app-nfa.json").read_text())
        views = {
            node["action"]["path"] for node in nodes.values() if node["action"]["type"] == "view"
        }
        there = {
            path.removeprefix("view/").removesuffix(".js")
            for path in scripts()
            if path.startswith("view/nfa/")
        }
        self.assertEqual(views, there)
        top = nodes["admin/services/nfa"]
        self.assertEqual(top["depends"], {"acl": [group], "uci": {"nfa": True}})
        for path, node in nodes.items():
            self.assertTrue(
                path == "admin/services/nfa" or path.startswith("admin/services/nfa/"), path
            )
            self.assertIn("title", node)
            self.assertIsInstance(node["order"], int)

    def test_permissions_are_split_and_complete(self):
        (acl,) = json.loads(
            (APP / "root/usr/share/rpcd/acl.d/luci-app-nfa.json").read_text()
        ).values()
        read, write = set(acl["read"]["ubus"]["nfa"]), set(acl["write"]["ubus"]["nfa"])
        self.assertEqual(read | write, set(method_table()))
        self.assertEqual(read & write, set())
        changing = re.findall(
            r'name: "(\w+)",(?:(?!name: ").)*?changes: true',
            (ROOT / "src/control/request.rs").read_text(),
            re.S,
        )
        self.assertEqual(write, set(changing))
        self.assertEqual(acl["write"]["uci"], ["nfa"])
        # What may be run changes nothing, whatever is put behind it: no patterns.
        for command, rights in acl["read"]["file"].items():
            self.assertEqual(rights, ["exec"])
            self.assertRegex(
                command, r"^/etc/init\.d/nfa (check|rules( --format (iptables|ip6tables))?)$"
            )

    def test_the_plugin_is_the_table_of_the_control_socket(self):
        text = (ROOT / "docs/control.md").read_text()
        sections = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^### |\Z)", text, re.S | re.M))
        table = method_table()
        self.assertEqual(set(table), set(sections))
        for method, args in table.items():
            for key in args:
                self.assertIn(f"`{key}`", sections[method], method)

    def test_pages_ask_only_what_there_is(self):
        source = scripts()["nfa.js"]
        params = dict(
            re.findall(
                r"^\t(\w+): \[(.*?)\]",
                re.search(r"const PARAMS = \{(.*?)^\};", source, re.S | re.M)[1],
                re.M,
            )
        )
        table = method_table()
        for method, keys in params.items():
            self.assertEqual(set(re.findall(r"'(\w+)'", keys)), set(table[method]), method)
        (acl,) = json.loads(
            (APP / "root/usr/share/rpcd/acl.d/luci-app-nfa.json").read_text()
        ).values()
        asked = set()
        for path, text in scripts().items():
            for method, rest in re.findall(r"nfa\.ask\('(\w+)'(?:, \{([^}]*)\})?", text):
                asked.add(method)
                self.assertIn(method, params, path)
                self.assertIn(method, acl["read"]["ubus"]["nfa"])
                for key in re.findall(r"(\w+):", rest):
                    self.assertIn(key, table[method], f"{path}: {method}")
            for thing, method in re.findall(r"object: '([\w-]+)', method: '(\w+)'", text):
                self.assertIn(method, acl["read"]["ubus"][thing], path)
        self.assertEqual(asked, set(params))

    def test_scripts_are_plain(self):
        for path, text in scripts().items():
            head = [line for line in text.splitlines()[:12] if line and not line.startswith("//")]
            self.assertEqual(head[0], "'use strict';", path)
            self.assertTrue(head[1].startswith("'require "), path)
            modules = re.findall(r"^'require ([\w.]+)", text, re.M)
            self.assertEqual(modules, sorted(modules), path)
            for word in (
                "import ",
                "export ",
                "innerHTML",
                "insertAdjacentHTML",
                "eval(",
                "document.write",
            ):
                self.assertNotIn(word, text, path)
            # An unused module is a request more.
            for module in modules:
                self.assertRegex(
                    text.split("'require", 1)[1].split("\n\n", 1)[1],
                    rf"\b{module}\b",
                    f"{path}: {module}",
                )

    def test_nodes_get_lists_not_html(self):
        """LuCI takes a plain text for HTML; a list of texts is text."""
        calls = 0
        for path, text in scripts().items():
            for found in re.finditer(r"(?<![\w.])E\(", text):
                parts = arguments(text, found.end() - 1)
                calls += 1
                for part in parts[1:]:
                    plain = part.startswith(("[", "{")) or re.match(r"^\w+(\.\w+)*\.map\(", part)
                    self.assertTrue(plain, f"{path}: E({', '.join(parts)})"[:300])
        self.assertGreater(calls, 100)

    def test_translations_are_complete(self):
        self.assertEqual(list(po.problems()), [])

    def test_size(self):
        files = {path: minify(text).encode() for path, text in scripts().items()}
        files |= {
            path.as_posix(): path.read_bytes()
            for path in (APP / "root").rglob("*")
            if path.is_file()
        }
        installed = sum(map(len, files.values()))
        everything = b"".join(
            path.read_bytes() for path in sorted(APP.rglob("*")) if path.is_file()
        )
        packed = len(gzip.compress(everything, 9))
        print(f"installed: {installed} bytes; all of it packed, with translations: {packed} bytes")
        self.assertLessEqual(installed, BYTES_MAX)
        self.assertLessEqual(packed, BYTES_MAX)

    def test_minify(self):
        text = "// x\nconst a = 'b  //c' + 1; /* d */\n\tif (a)\n\t\ta\n\t+= 2;\nreturn a.replace(/[/']+ /g, `x  y`);\n"
        self.assertEqual(
            minify(text), "const a='b  //c'+1;if(a)\na\n+=2;return a.replace(/[/']+ /g,`x  y`);"
        )


if __name__ == "__main__":
    unittest.main()
