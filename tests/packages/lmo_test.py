#!/usr/bin/python3
"""Translations are packed as LuCI reads them: by a reader of .lmo that shares nothing with the writer."""

import io
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "openwrt"))
sys.dont_write_bytecode = True

import adb  # noqa: E402
import apk_dump  # noqa: E402
import ipk  # noqa: E402
import lmo  # noqa: E402
import tree  # noqa: E402

PO = r'''
# a comment
msgid ""
msgstr ""
"Language: de\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

#: htdocs/x.js:1
msgid "Flows"
msgstr "Verbindungen"

msgid "not yet"
msgstr ""

msgid "nfa"
msgstr "nfa"

msgctxt "set"
msgid "Flows"
msgstr "Gemerkte Verbindungen"

msgid "A long "
"text with \"quotes\""
msgstr ""
"Ein langer "
"Text mit \"Zeichen\" und ü"

msgid "%d rule"
msgid_plural "%d rules"
msgstr[0] "%d Regel"
msgstr[1] "%d Regeln"
'''


class Refused(Exception):
    """LuCI could not read it."""


def hashed(text):
    """What LuCI's pages reckon of a text (luci.js, `sfh`): SuperFastHash over UTF-8."""
    data = [byte if byte < 128 else byte - 256 for byte in text.encode()]
    if not data:
        return 0
    h, at = len(data), 0
    pair = lambda i: (data[i] & 255) | (data[i + 1] & 255) << 8  # noqa: E731
    while len(data) - at >= 4:
        h = h + pair(at) & 0xFFFFFFFF
        h = (h << 16 ^ (pair(at + 2) << 11 ^ h)) & 0xFFFFFFFF
        h = h + (h >> 11) & 0xFFFFFFFF
        at += 4
    match len(data) - at:
        case 3:
            h = h + pair(at) & 0xFFFFFFFF
            h = (h ^ h << 16) & 0xFFFFFFFF
            h = (h ^ data[at + 2] << 18) & 0xFFFFFFFF
            h = h + (h >> 11) & 0xFFFFFFFF
        case 2:
            h = h + pair(at) & 0xFFFFFFFF
            h = (h ^ h << 11) & 0xFFFFFFFF
            h = h + (h >> 17) & 0xFFFFFFFF
        case 1:
            h = h + data[at] & 0xFFFFFFFF
            h = (h ^ h << 10) & 0xFFFFFFFF
            h = h + (h >> 1) & 0xFFFFFFFF
    h = (h ^ h << 3) & 0xFFFFFFFF
    h = h + (h >> 5) & 0xFFFFFFFF
    h = (h ^ h << 4) & 0xFFFFFFFF
    h = h + (h >> 17) & 0xFFFFFFFF
    h = (h ^ h << 25) & 0xFFFFFFFF
    return h + (h >> 6) & 0xFFFFFFFF


class Catalog:
    """An .lmo file as lmo.c opens and searches it; strict where that trusts."""

    def __init__(self, content):
        if len(content) < 4 or len(content) % 4:
            raise Refused("size")
        index = int.from_bytes(content[-4:], "big")
        if index >= len(content) or (len(content) - 4 - index) % 16 or index % 4:
            raise Refused("where the index begins")
        self.content = content
        self.entries = []
        end = 0
        for at in range(index, len(content) - 4, 16):
            key, forms, start, size = (int.from_bytes(content[at + n : at + n + 4], "big") for n in (0, 4, 8, 12))
            if start % 4 or start + size > index or any(content[start + size : start + size + -size % 4]):
                raise Refused("an entry's place")
            if self.entries and key <= self.entries[-1][0]:
                raise Refused("keys out of order")
            end += size + -size % 4
            self.entries.append((key, forms, content[start : start + size].decode()))
        if end != index:
            raise Refused("texts that no entry has")

    def find(self, key):
        """By halving, as LuCI does: an index out of order loses entries."""
        low, high = 0, len(self.entries)
        while low < high:
            middle = (low + high) // 2
            if self.entries[middle][0] == key:
                return self.entries[middle]
            low, high = (low, middle) if self.entries[middle][0] > key else (middle + 1, high)
        return None

    def text(self, original):
        entry = self.find(hashed(original))
        return entry and entry[2]


class Translations(unittest.TestCase):
    def test_what_is_written_is_found(self):
        catalog = Catalog(lmo.make(PO))
        for original, translated in {
            "Flows": "Verbindungen",
            "set\1Flows": "Gemerkte Verbindungen",
            'A long text with "quotes"': 'Ein langer Text mit "Zeichen" und ü',
            "%d rule\0020": "%d Regel",
            "%d rule\0021": "%d Regeln",
            "not yet": None,
            "nfa": None,  # its own translation
        }.items():
            self.assertEqual(catalog.text(original), translated, original)
        self.assertEqual(catalog.find(0), (0, 0, "nplurals=2; plural=(n != 1);"))
        self.assertEqual(len(catalog.entries), 6)
        self.assertEqual(catalog.find(hashed("%d rule\0020"))[1], 2)

    def test_hashes(self):
        for text in ("", "a", "ab", "abc", "abcd", "ü", "xyzü", "\u20ac\u20ac", "x" * 1000):
            self.assertEqual(lmo.super_fast_hash(text.encode()), hashed(text), text)
        # By the reference implementation in C, run apart.
        self.assertEqual([f"{hashed(text):08x}" for text in ("Flows", "Save & Apply", "ü", "abc")], ["8ef5d111", "610beed4", "787e0cc7", "d2be198a"])

    def test_damage_is_refused(self):
        content = lmo.make(PO)
        for size in range(len(content)):
            try:
                self.assertNotEqual(len(Catalog(content[:size]).entries), 6, f"{size} bytes")
            except (Refused, UnicodeDecodeError):
                pass
        with self.assertRaises(Refused):
            Catalog(content[:-4] + (len(content) + 4).to_bytes(4, "big"))

    def test_files_that_are_wrong_are_named(self):
        for text in ('msgid "a', '"alone"', 'msgid "a"\nmsgstr "b"\nmsgstr "c"', 'msgid "a"\nmsgstr[10] "b"',
                     'msgid "a"\nmsgstr "b"\nmsgid "a"\nmsgstr "c"', "nonsense"):  # fmt: skip
            with self.assertRaises(lmo.TranslationError, msg=text):
                lmo.make(text)
        self.assertEqual(lmo.make('msgid ""\nmsgstr "Plural-Forms: nplurals=1; plural=0;\\n"\n'), b"")

    def test_packages(self):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for language, text in {"de": PO, "fr": 'msgid "Flows"\nmsgstr ""\n'}.items():
                (root / tree.PO / language).mkdir(parents=True)
                (root / tree.PO / language / "nfa.po").write_text(text, "utf-8")
            (package,) = tree.translations(1_700_000_000, root)  # nothing is translated to French
            self.assertEqual(package.name, "luci-i18n-nfa-de")
            fields, files = apk_dump.read(adb.make(package))
            self.assertEqual(fields["info"]["depends"], [{"name": "luci-app-nfa"}])
            self.assertEqual(Catalog(files["usr/lib/lua/luci/i18n/nfa.de.lmo"][1]).text("Flows"), "Verbindungen")
            script = files["etc/uci-defaults/luci-i18n-nfa-de"][1].decode()
            self.assertIn("luci.languages.de='Deutsch (German)'", script)
            with tarfile.open(fileobj=io.BytesIO(ipk.make(package)), mode="r:gz") as outer:
                data = outer.extractfile("./data.tar.gz").read()
            with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as inner:
                names = {"." + name for name in ("/etc/uci-defaults/luci-i18n-nfa-de", "/usr/lib/lua/luci/i18n/nfa.de.lmo")}
                self.assertEqual({entry.name for entry in inner if entry.isfile()}, names)
            (root / tree.PO / "xx").mkdir()
            (root / tree.PO / "xx/nfa.po").write_text(PO, "utf-8")
            self.assertRaises(tree.PackError, list, tree.translations(0, root))

    def test_the_repository_as_it_is(self):
        for source in sorted((ROOT / tree.PO).glob("*/nfa.po")):
            content = lmo.make(source.read_text("utf-8"))
            texts = Catalog(content).entries if content else []
            print(f"{source.parent.name}: {len(texts)} translated texts, {len(content)} bytes")


if __name__ == "__main__":
    unittest.main()
