#!/usr/bin/env python3
"""Reads an .apk file of version 3 strictly and shows what is in it, as `apk adbdump` would.

apk_dump.py FILE [FOLDER]   prints it, and unpacks the files into FOLDER

Written from the published format apart from adb.py and sharing nothing with it: whatever that
writes must make sense to this. Anything that apk's reader would refuse is an error here, and so are
things it would not notice: unused bits, padding that is not zero, names out of order, fields that
the schema does not have, content whose hash is another.
"""

import hashlib
import json
import sys
import zlib
from pathlib import Path

# Schemas by the numbers in apk-tools' apk_adb.h: (name, type) of each field from 1 on, None for
# numbers that packages do not use. A list of one schema is an array.
DEPENDENCY = ("object", [("name", "text"), ("version", "text"), ("match", "int")])
INFO = (
    "object",
    [
        ("name", "text"),
        ("version", "text"),
        ("hashes", "hex"),
        ("description", "text"),
        ("arch", "text"),
        ("license", "text"),
        ("origin", "text"),
        ("maintainer", "text"),
        ("url", "text"),
        ("repo-commit", "hex"),
        ("build-time", "int"),
        ("installed-size", "int"),
        ("file-size", "int"),
        ("provider-priority", "int"),
        ("depends", ("array", DEPENDENCY)),
        ("provides", ("array", DEPENDENCY)),
        ("replaces", ("array", DEPENDENCY)),
        ("install-if", ("array", DEPENDENCY)),
        ("recommends", ("array", DEPENDENCY)),
        ("layer", "int"),
    ],
)
ACL = ("object", [("mode", "octal"), ("user", "text"), ("group", "text"), ("xattrs", ("array", "hex"))])
FILE = (
    "object",
    [("name", "text"), ("acl", ACL), ("size", "int"), ("mtime", "int"), ("hash", "hex"), ("target", "hex")],
)
FOLDER = ("object", [("name", "text"), ("acl", ACL), ("files", ("array", FILE))])
SCRIPTS = (
    "object",
    [
        ("trigger", "text"),
        ("pre-install", "text"),
        ("post-install", "text"),
        ("pre-deinstall", "text"),
        ("post-deinstall", "text"),
        ("pre-upgrade", "text"),
        ("post-upgrade", "text"),
    ],
)
PACKAGE = (
    "object",
    [
        ("info", INFO),
        ("paths", ("array", FOLDER)),
        ("scripts", SCRIPTS),
        ("triggers", ("array", "text")),
        ("replaces-priority", "int"),
    ],
)


class FormatError(Exception):
    """The file is not a package of this format."""


def require(condition, complaint):
    if not condition:
        raise FormatError(complaint)


class Cursor:
    """Bytes that are taken from the front."""

    def __init__(self, content):
        self.content = content
        self.at = 0

    def take(self, count, what):
        require(count <= len(self.content) - self.at, f"{what} ends at byte {len(self.content)}, too early")
        self.at += count
        return self.content[self.at - count : self.at]

    def word(self, what):
        return int.from_bytes(self.take(4, what), "little")

    def left(self):
        return len(self.content) - self.at


def decompressed(content):
    magic = content[:4]
    if magic == b"ADB.":
        return content
    if magic == b"ADBd":
        body = content[4:]
    elif magic == b"ADBc":
        require(content[4:5] == b"\x01", f"compression {content[4]} is not deflate")
        body = content[6:]
    else:
        raise FormatError(f"starts with {magic!r}: no ADB file")
    reader = zlib.decompressobj(wbits=-15)
    try:
        plain = reader.decompress(body) + reader.flush()
    except zlib.error as error:
        raise FormatError(f"deflate: {error}") from error
    require(reader.eof, "the deflate stream is cut short")
    require(not reader.unused_data, "something follows the deflate stream")
    require(plain[:4] == b"ADB.", "what was compressed is no ADB file")
    return plain


def blocks(plain):
    """(kind, content) of each block."""
    cursor = Cursor(plain)
    cursor.take(4, "the magic")
    schema = cursor.take(4, "the schema")
    require(schema == b"pckg", f"schema {schema!r} is no package")
    found = []
    while cursor.left():
        word = cursor.word("a block's head")
        kind, size = word >> 30, word & 0x3FFFFFFF
        require(kind != 3, "an extended block, which no package this small has")
        require(size >= 4, f"a block of {size} bytes")
        content = cursor.take(size - 4, "a block")
        padding = cursor.take((8 - size % 8) % 8, "a block's padding")
        require(not any(padding), "padding that is not zero")
        found.append((kind, content))
    return found


class Values:
    """Values of the database block, read by schema."""

    def __init__(self, content):
        require(len(content) >= 16, "a database of less than 16 bytes")
        require(content[0] == 0, f"compatible version {content[0]}, known is 0")
        require(content[1:4] == b"\0\0\0", "reserved bytes are set")
        self.content = content

    def _bytes(self, at, count, alignment):
        require(at % alignment == 0, f"value at {at} is not aligned to {alignment}")
        require(8 <= at and at + count <= len(self.content), f"value at {at} is outside the database")
        return self.content[at : at + count]

    def _word(self, at, alignment=4):
        return int.from_bytes(self._bytes(at, 4, alignment), "little")

    def _blob(self, word):
        kind, at = word >> 28, word & 0x0FFFFFFF
        width = {8: 1, 9: 2, 10: 4}.get(kind)
        require(width is not None, f"value {word:#x} is no blob")
        size = int.from_bytes(self._bytes(at, width, width), "little")
        require(size > 0, "an empty blob, which is to be null")
        return self._bytes(at + width, size, 1)

    def _int(self, word):
        kind, rest = word >> 28, word & 0x0FFFFFFF
        if kind == 1:
            return rest
        require(kind == 2, f"value {word:#x} is no number")
        value = self._word(rest)
        require(value >= 1 << 28, f"{value} has no need of four bytes")
        return value

    def _words(self, word, kind):
        require(word >> 28 == kind, f"value {word:#x} is no {'array' if kind == 0xD else 'object'}")
        at = word & 0x0FFFFFFF
        count = self._word(at)
        require(count >= 2, "an empty array or object, which is to be null")
        words = [self._word(at + 4 * index) for index in range(1, count)]
        require(words[-1] != 0, "trailing null")
        return words

    def read(self, word, schema):
        match schema:
            case "text":
                try:
                    return self._blob(word).decode()
                except UnicodeDecodeError as error:
                    raise FormatError(f"text that is not UTF-8: {error}") from error
            case "hex":
                return self._blob(word).hex()
            case "int":
                return self._int(word)
            case "octal":
                return f"{self._int(word):o}"
            case ("array", item):
                return [self.read(each, item) for each in self._words(word, 0xD)]
            case ("object", fields):
                words = self._words(word, 0xE)
                require(len(words) <= len(fields), f"field {len(words)} of an object that has {len(fields)}")
                return {
                    name: self.read(each, kind)
                    for (name, kind), each in zip(fields, words, strict=False)
                    if each != 0
                }
        raise AssertionError(schema)

    def root(self):
        return int.from_bytes(self.content[4:8], "little")

    def place_of(self, *numbers):
        """Where a blob's bytes are, by field numbers from the root."""
        word = self.root()
        for number in numbers:
            word = self._word((word & 0x0FFFFFFF) + 4 * number)
        return (word & 0x0FFFFFFF) + 1


def check_unique_id(content, values, info):
    """`hashes` of the info is the database's SHA-256, cut, with zeros in its place."""
    told = bytes.fromhex(info["hashes"])
    require(len(told) == 20, f"unique id of {len(told)} bytes")
    at = values.place_of(1, 3)
    blank = content[:at] + bytes(20) + content[at + 20 :]
    require(hashlib.sha256(blank).digest()[:20] == told, "the unique id is not the database's hash")


def check_order(names, what):
    encoded = [name.encode() for name in names]
    require(encoded == sorted(set(encoded)), f"{what} are not in order, or twice: {names}")


def read(content):
    """The package's fields, and its files as {path: (mode, content)}."""
    found = blocks(decompressed(content))
    require(found and found[0][0] == 0, "the first block is no database")
    database = found[0][1]
    data = [block for kind, block in found[1:] if kind == 2]
    kinds = [kind for kind, _ in found[1:]]
    require(kinds == sorted(kinds) and set(kinds) <= {1, 2}, f"blocks of kinds {kinds} after the database")

    values = Values(database)
    package = values.read(values.root(), PACKAGE)
    info = package.get("info", {})
    for field in ("name", "version", "hashes", "arch", "installed-size"):
        require(field in info, f"no {field}")
    check_unique_id(database, values, info)

    paths = package.get("paths", [])
    check_order([folder.get("name", "") for folder in paths], "folders")
    names = {folder.get("name", "") for folder in paths}
    files = {}
    total = 0
    waiting = iter(data)
    for number, folder in enumerate(paths, 1):
        name = folder.get("name", "")
        require(not name or ("/" not in name or name.rpartition("/")[0] in names), f"{name} has no parent")
        require(not name.startswith("/") and not name.endswith("/"), f"folder {name}")
        require({"mode", "user", "group"} <= set(folder.get("acl", {})), f"folder {name} has no owner or mode")
        inside = folder.get("files", [])
        check_order([file.get("name", "") for file in inside], f"files of {name}")
        for index, file in enumerate(inside, 1):
            path = f"{name}/{file['name']}".lstrip("/")
            require({"mode", "user", "group"} <= set(file.get("acl", {})), f"{path} has no owner or mode")
            require("target" not in file, f"{path} is a link or device")
            size = file.get("size", 0)
            body = b""
            if size:
                block = next(waiting, None)
                require(block is not None, f"no content for {path}")
                head = Cursor(block)
                place = head.word("a data block"), head.word("a data block")
                require(place == (number, index), f"content of {place} where {path} is {(number, index)}")
                body = head.take(head.left(), "content")
            require(len(body) == size, f"{path} has {len(body)} bytes, {size} were promised")
            require(hashlib.sha256(body).hexdigest() == file.get("hash"), f"{path} has another hash")
            files[path] = int(file["acl"]["mode"], 8), body
            total += size
    require(next(waiting, None) is None, "content of no file")
    require(total == info["installed-size"], f"installed size {info['installed-size']}, files have {total}")
    return package, files


def main(arguments):
    try:
        package, files = read(Path(arguments[0]).read_bytes())
    except FormatError as error:
        sys.exit(f"{arguments[0]}: {error}")
    print(json.dumps(package, indent=1))
    for folder in arguments[1:2]:
        for path, (mode, body) in files.items():
            target = Path(folder) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body)
            target.chmod(mode)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(sys.argv[1:])
