#!/usr/bin/python3
"""The packer makes what opkg and apk read, from files/ and a stand-in for the program.

Needs no cross-build: what is packed as /usr/sbin/nfa is a few bytes of text.
"""

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "openwrt"))
sys.dont_write_bytecode = True

import adb  # noqa: E402
import apk_dump  # noqa: E402
import ipk  # noqa: E402
import tree  # noqa: E402

TIME = 1_700_000_000
PROGRAM = b"#!/bin/sh\necho stand-in\n"


def members(archive):
    """{name: (mode, content)} of a tar.gz; checks owner, time and order on the way."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for entry in tar.getmembers():
            assert (entry.uid, entry.gid, entry.uname, entry.gname) == (0, 0, "", ""), entry.name
            assert entry.mtime == TIME, entry.name
            assert entry.name == "." or entry.name.startswith("./"), entry.name
            assert entry.name not in found, entry.name
            body = tar.extractfile(entry).read() if entry.isfile() else None
            found[entry.name.removeprefix("./")] = entry.mode, body
    return found


def unpacked_ipk(content):
    """(control files, data files, data folders)."""
    outer = members(content)
    assert list(outer) == ["debian-binary", "data.tar.gz", "control.tar.gz"], list(outer)
    assert outer["debian-binary"][1] == b"2.0\n"
    data = members(outer["data.tar.gz"][1])
    files = {name: entry for name, entry in data.items() if entry[1] is not None}
    folders = [name for name, entry in data.items() if entry[1] is None]
    # A folder stands before what is in it: opkg makes them as they come.
    names = list(data)
    for name in names[1:]:
        parent = name.rpartition("/")[0] or "."
        assert names.index(parent) < names.index(name), name
    return members(outer["control.tar.gz"][1]), files, folders


def plain(content):
    return zlib.decompress(content[4:], wbits=-15)


def deflated(content):
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    return b"ADBd" + packer.compress(content) + packer.flush()


class Sample(unittest.TestCase):
    """A root folder of its own with an nfa and a LuCI page in it."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.addCleanup(self.folder.cleanup)
        self.put("files/etc/config/nfa", b"config nfa 'main'\n\toption enabled '0'\n")
        self.put("files/etc/init.d/nfa", b"#!/bin/sh /etc/rc.common\n", 0o755)
        self.put("files/usr/share/nfa/apps.d/a.json", b"{}\n")
        self.put("files/usr/share/nfa/apps.d/empty.json", b"")
        self.put("files/usr/share/nfa/apps.d/b.json~", b"an editor's\n")
        self.program = self.put("nfa", PROGRAM, 0o700)

    def put(self, path, content, mode=0o640):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(mode)
        return target

    def package(self, name="nfa", arch="mips_24kc"):
        program = self.program if name == "nfa" else None
        return tree.collect(name, arch, TIME, program, self.root)


class Ipk(Sample):
    def test_files_are_the_tree_and_the_program(self):
        _, files, folders = unpacked_ipk(ipk.make(self.package()))
        self.assertEqual(
            {name: mode for name, (mode, _) in files.items()},
            {
                "etc/config/nfa": 0o600,
                "etc/init.d/nfa": 0o755,
                "usr/sbin/nfa": 0o755,
                "usr/share/nfa/apps.d/a.json": 0o644,
                "usr/share/nfa/apps.d/empty.json": 0o644,
            },
        )
        self.assertEqual(files["usr/sbin/nfa"][1], PROGRAM)
        self.assertIn("usr/share/nfa", folders)

    def test_control_says_what_opkg_asks_for(self):
        control, _, _ = unpacked_ipk(ipk.make(self.package()))
        fields = dict(line.split(": ", 1) for line in control["control"][1].decode().splitlines())
        self.assertEqual(fields["Package"], "nfa")
        self.assertRegex(fields["Version"], r"^\d+\.\d+\.\d+-r\d+$")
        self.assertEqual(fields["Architecture"], "mips_24kc")
        self.assertNotIn("Depends", fields)
        self.assertGreater(int(fields["Installed-Size"]), len(PROGRAM))
        self.assertRegex(fields["Require-User"], r"^nfa=(\d+):nfa=\1$")
        self.assertEqual(control["conffiles"], (0o644, b"/etc/config/nfa\n"))
        for script in ("postinst", "prerm"):
            self.assertEqual(control[script][0], 0o755)
            self.assertIn(b"default_" + script.encode(), control[script][1])
        self.assertEqual(set(control), {".", "control", "conffiles", "postinst", "prerm"})

    def test_without_a_configuration_there_are_no_conffiles(self):
        (self.root / "files/etc/config/nfa").unlink()
        control, _, _ = unpacked_ipk(ipk.make(self.package()))
        self.assertNotIn("conffiles", control)

    def test_gzip_is_what_others_read(self):
        for size in (0, 1, 100_000):
            content = bytes(range(256)) * (size // 256) + bytes(size % 256)
            self.assertEqual(gzip.decompress(ipk.gzip(content)), content)


class Apk(Sample):
    def test_fields_are_those_of_the_package(self):
        package, _ = apk_dump.read(adb.make(self.package()))
        info = package["info"]
        self.assertEqual(info["name"], "nfa")
        self.assertRegex(info["version"], r"^\d+\.\d+\.\d+-r\d+$")
        self.assertEqual(info["arch"], "mips_24kc")
        self.assertNotIn("depends", info)
        self.assertEqual(set(package["scripts"]), {"post-install", "pre-deinstall", "post-upgrade"})
        for name, script in package["scripts"].items():
            self.assertTrue(script.startswith("#!/bin/sh\n"), name)
            self.assertIn('export pkgname="nfa"\n', script)
            self.assertEqual("PKG_UPGRADE=1" in script, name == "post-upgrade")

    def test_files_are_those_of_the_ipk_and_apks_lists(self):
        _, of_ipk, _ = unpacked_ipk(ipk.make(self.package()))
        _, of_apk = apk_dump.read(adb.make(self.package()))
        lists = {name: of_apk.pop(name)[1].decode() for name in list(of_apk) if name.startswith("lib/apk/")}
        self.assertEqual(of_apk, of_ipk)
        listed = lists.pop("lib/apk/packages/nfa.list").splitlines()
        self.assertEqual(listed, sorted("/" + name for name in of_ipk))
        digest = hashlib.sha256(of_ipk["etc/config/nfa"][1]).hexdigest()
        self.assertEqual(
            lists,
            {
                "lib/apk/packages/nfa.conffiles": "/etc/config/nfa\n",
                "lib/apk/packages/nfa.conffiles_static": f"/etc/config/nfa {digest}\n",
                "lib/apk/packages/nfa.rusers": f"{self.package().user}\n",
            },
        )

    def test_bytes_are_those_of_the_published_format(self):
        # Counted by hand from apk-tools' adb.h and apk_adb.h.
        content = plain(adb.make(self.package()))
        word = lambda at: int.from_bytes(content[at : at + 4], "little")  # noqa: E731
        self.assertEqual(content[:8], b"ADB.pckg")
        self.assertEqual(word(8) >> 30, 0)  # ADB_BLOCK_ADB
        size = word(8) & 0x3FFFFFFF
        base = 12  # the database's start
        self.assertEqual(content[base : base + 4], bytes(4))
        root = word(base + 4)
        self.assertEqual(root >> 28, 0xE)  # ADB_TYPE_OBJECT
        at = base + (root & 0xFFFFFFF)
        self.assertEqual(word(at), 4)  # info, paths, scripts, and the number itself
        self.assertEqual([word(at + 4 * field) >> 28 for field in (1, 2, 3)], [0xE, 0xD, 0xE])
        info = base + (word(at + 4) & 0xFFFFFFF)
        name = word(info + 4)
        self.assertEqual(name >> 28, 0x8)  # ADB_TYPE_BLOB_8
        place = base + (name & 0xFFFFFFF)
        self.assertEqual(content[place : place + 4], b"\x03nfa")
        after = 8 + (size + 7) // 8 * 8
        self.assertEqual(after % 8, 0)
        self.assertEqual(word(after) >> 30, 2)  # ADB_BLOCK_DATA
        # etc is the second folder, after the root; etc/config the third, with one file.
        self.assertEqual((word(after + 4), word(after + 8)), (3, 1))

    def test_every_truncation_is_refused(self):
        content = adb.make(self.package())
        for size in range(len(content)):
            with self.assertRaises(apk_dump.FormatError, msg=f"{size} bytes"):
                apk_dump.read(content[:size])

    def test_every_damaged_byte_is_refused(self):
        content = plain(adb.make(self.package()))
        for at in range(len(content)):
            damaged = content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :]
            with self.assertRaises(apk_dump.FormatError, msg=f"byte {at}"):
                apk_dump.read(deflated(damaged))

    def test_large_texts_and_numbers(self):
        self.put("files/large", bytes(70_000))
        self.put("files/" + "n" * 200, b"x" * 300)
        database = adb.Database()
        values = [database.number(number) for number in (0, (1 << 28) - 1, 1 << 28, (1 << 32) - 1)]
        texts = [database.blob("t" * size) for size in (1, 255, 256, 65_535, 65_536)]
        self.assertEqual(database.blob(""), 0)
        reader = apk_dump.Values(bytes(database.finish(0)))
        self.assertEqual([reader.read(each, "int") for each in values], [0, 268435455, 268435456, 4294967295])
        self.assertEqual([len(reader.read(each, "text")) for each in texts], [1, 255, 256, 65_535, 65_536])
        _, files = apk_dump.read(adb.make(self.package()))
        self.assertEqual(files["large"], (0o644, bytes(70_000)))


class Both(Sample):
    def test_the_same_bytes_each_time(self):
        first = self.package()
        again = self.root / "again"
        again.mkdir()
        for path in sorted((self.root / "files").rglob("*"), reverse=True):
            if path.is_file():  # other inodes, other times, another order
                target = again / path.relative_to(self.root)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
                target.chmod(path.stat().st_mode | 0o066)
                os.utime(target, (1, 1))
        second = tree.collect("nfa", "mips_24kc", TIME, self.program, again)
        self.assertEqual(ipk.make(first), ipk.make(second))
        self.assertEqual(adb.make(first), adb.make(second))

    def test_pages_of_luci(self):
        self.assertRaises(tree.PackError, self.package, "luci-app-nfa", "all")
        at = "openwrt/luci-app-nfa"
        self.put(f"{at}/htdocs/luci-static/resources/view/nfa/status.js", b"'use strict';\n")
        self.put(f"{at}/root/usr/share/rpcd/acl.d/luci-app-nfa.json", b"{}\n")
        self.put(f"{at}/ucode/nfa.uc", b"return {};\n")
        package = self.package("luci-app-nfa", "all")
        control, files, _ = unpacked_ipk(ipk.make(package))
        self.assertEqual(
            sorted(files),
            [
                "usr/share/rpcd/acl.d/luci-app-nfa.json",
                "usr/share/ucode/luci/nfa.uc",
                "www/luci-static/resources/view/nfa/status.js",
            ],
        )
        self.assertIn(b"\nDepends: luci-base, nfa, ucode-mod-socket\n", control["control"][1])
        self.assertIn(b"\nArchitecture: all\n", control["control"][1])
        info = apk_dump.read(adb.make(package))[0]["info"]
        self.assertEqual(info["arch"], "noarch")
        self.assertEqual(info["depends"], [{"name": "luci-base"}, {"name": "nfa"}, {"name": "ucode-mod-socket"}])

    def test_the_repository_as_it_is(self):
        with tempfile.TemporaryDirectory() as out:
            subprocess.run(
                [sys.executable, "-B", ROOT / "openwrt/pack.py", out, "nfa", "x86_64", self.program],
                env={**os.environ, "SOURCE_DATE_EPOCH": str(TIME)},
                check=True,
                capture_output=True,
            )
            (apk,) = Path(out).glob("*.apk")
            (opkg,) = Path(out).glob("*.ipk")
            _, of_apk = apk_dump.read(apk.read_bytes())
            control, of_ipk, _ = unpacked_ipk(opkg.read_bytes())
        wanted = {
            path.relative_to(ROOT / "files").as_posix(): path.read_bytes()
            for path in (ROOT / "files").rglob("*")
            if path.is_file()
        }
        wanted["usr/sbin/nfa"] = PROGRAM
        self.assertEqual({name: body for name, (_, body) in of_ipk.items()}, wanted)
        self.assertEqual(
            {name: body for name, (_, body) in of_apk.items() if not name.startswith("lib/apk/")}, wanted
        )
        self.assertNotIn(b"apps.d", control.get("conffiles", (0, b""))[1])


if __name__ == "__main__":
    unittest.main()
