"""Makes .apk files of version 3 ("ADB"), which apk 3 (OpenWrt 25.12 and later) installs.

The format is that of apk-tools (src/adb.h, apk_adb.h, app_mkpkg.c), all of it little endian:

- "ADBd" and a raw deflate stream of the rest; or the rest as it is, from "ADB.".
- "ADB." and the schema "pckg", then blocks that start at multiples of 8: a 32-bit word (kind << 30 |
  its own four bytes and the content's), the content, zeros.
- One block of kind 0, the database: version bytes, then the root's value. A value has a kind in its
  upper 4 bits and below either a small number or an offset from the database's start. An object is
  32-bit words: their number, itself among it, then the values of its fields by number; an array alike.
- For every file that is not empty a block of kind 2: number of its folder, of the file in it, content.
"""

import hashlib
import struct
import zlib

from tree import File, PackError, folders

SCHEMA_PACKAGE = b"pckg"
BLOCK_DATABASE, BLOCK_DATA = 0, 2
BLOCK_BYTES_MAX = (1 << 30) - 1
INT, INT_32 = 0x1 << 28, 0x2 << 28
BLOB_8, BLOB_16, BLOB_32 = 0x8 << 28, 0x9 << 28, 0xA << 28
ARRAY, OBJECT = 0xD << 28, 0xE << 28
NULL = 0
# apk's own writer takes no more in an array of files or folders, and none of ours has more.
ITEMS_MAX = 127
UNIQUE_ID_BYTES = 20

# Numbers of fields.
PACKAGE = {"info": 1, "paths": 2, "scripts": 3}
INFO = {
    "name": 1, "version": 2, "unique-id": 3, "description": 4, "arch": 5, "license": 6, "origin": 7,
    "maintainer": 8, "installed-size": 12, "depends": 15,
}  # fmt: skip
DEPENDENCY = {"name": 1}
FOLDER = {"name": 1, "acl": 2, "files": 3}
FILE = {"name": 1, "acl": 2, "size": 3, "mtime": 4, "hash": 5}
ACL = {"mode": 1, "user": 2, "group": 3}
SCRIPTS = {"post-install": 3, "pre-deinstall": 4, "post-upgrade": 7}

# What OpenWrt's include/package-pack.mk gives every package, see ipk.py.
POSTINST = """#!/bin/sh
{upgrade}[ "${{IPKG_NO_SCRIPT}}" = "1" ] && exit 0
[ -s ${{IPKG_INSTROOT}}/lib/functions.sh ] || exit 0
. ${{IPKG_INSTROOT}}/lib/functions.sh
export root="${{IPKG_INSTROOT}}"
export pkgname="{name}"
add_group_and_user
default_postinst
"""
PRERM = """#!/bin/sh
[ -s ${{IPKG_INSTROOT}}/lib/functions.sh ] || exit 0
. ${{IPKG_INSTROOT}}/lib/functions.sh
export root="${{IPKG_INSTROOT}}"
export pkgname="{name}"
default_prerm
"""


class Database:
    """The database while it is written: what is added stays, equal pieces are kept once."""

    def __init__(self):
        self.bytes = bytearray(8)  # version bytes, reserved, the root's value
        self.known = {}

    def _place(self, piece, alignment, shared=True):
        key = (piece, alignment)
        if not shared or key not in self.known:
            self.bytes.extend(bytes(-len(self.bytes) % alignment))
            self.known[key] = len(self.bytes)
            self.bytes.extend(piece)
        return self.known[key]

    def blob(self, content, shared=True):
        if isinstance(content, str):
            content = content.encode()
        size = len(content)
        if size == 0:
            return NULL
        if size <= 0xFF:
            return BLOB_8 | self._place(struct.pack("<B", size) + content, 1, shared)
        if size <= 0xFFFF:
            return BLOB_16 | self._place(struct.pack("<H", size) + content, 2, shared)
        return BLOB_32 | self._place(struct.pack("<I", size) + content, 4, shared)

    def number(self, value):
        if value < 1 << 28:
            return INT | value
        return INT_32 | self._place(struct.pack("<I", value), 4)

    def object(self, fields, **values):
        words = [NULL] * max(fields.values(), default=0)
        for name, value in values.items():
            words[fields[name.replace("_", "-")] - 1] = value
        return self._words(OBJECT, words)

    def array(self, items):
        if len(items) > ITEMS_MAX:
            raise PackError(f"{len(items)} items in an array, apk writes {ITEMS_MAX} at most")
        return self._words(ARRAY, items)

    def _words(self, kind, words):
        while words and words[-1] == NULL:
            words = words[:-1]
        if not words:
            return NULL
        return kind | self._place(struct.pack(f"<{len(words) + 1}I", len(words) + 1, *words), 4)

    def finish(self, root):
        struct.pack_into("<I", self.bytes, 4, root)
        return self.bytes


def block(kind, content):
    size = 4 + len(content)
    if size > BLOCK_BYTES_MAX:
        raise PackError(f"a block of {size} bytes")
    return struct.pack("<I", kind << 30 | size) + content + bytes(-size % 8)


def with_lists(package):
    """The files, and those that OpenWrt's scripts read in apk's place of opkg's own lists."""
    files = list(package.files)
    at = f"/lib/apk/packages/{package.name}"
    paths = "".join(f"{file.path}\n" for file in files)
    files.append(File(f"{at}.list", 0o644, paths.encode()))
    if package.conffiles:
        content = {file.path: file.content for file in package.files}
        sums = "".join(f"{path} {hashlib.sha256(content[path]).hexdigest()}\n" for path in package.conffiles)
        names = "".join(f"{path}\n" for path in package.conffiles)
        files.append(File(f"{at}.conffiles", 0o644, names.encode()))
        files.append(File(f"{at}.conffiles_static", 0o644, sums.encode()))
    if package.user:
        files.append(File(f"{at}.rusers", 0o644, f"{package.user}\n".encode()))
    return files


def _acl(database, mode):
    return database.object(
        ACL, mode=database.number(mode), user=database.blob("root"), group=database.blob("root")
    )


def _folder(database, name, files, time):
    items = []
    for file in files:
        items.append(
            database.object(
                FILE,
                name=database.blob(file.path.rsplit("/", 1)[1]),
                acl=_acl(database, file.mode),
                size=database.number(len(file.content)),
                mtime=database.number(time),
                hash=database.blob(hashlib.sha256(file.content).digest()),
            )
        )
    return database.object(
        FOLDER, name=database.blob(name), acl=_acl(database, 0o755), files=database.array(items)
    )


def make(package):
    """The bytes of the .apk file, without a signature."""
    database = Database()
    files = with_lists(package)
    content = []  # of each folder, in the order of `folders`
    for name in folders(files):
        inside = [file for file in files if file.path.rsplit("/", 1)[0].strip("/") == name]
        content.append((name, sorted(inside, key=lambda file: file.path.encode())))
    info = database.object(
        INFO,
        name=database.blob(package.name),
        version=database.blob(package.version),
        unique_id=database.blob(bytes(UNIQUE_ID_BYTES), shared=False),
        description=database.blob(package.description),
        arch=database.blob("noarch" if package.arch == "all" else package.arch),
        license=database.blob(package.license),
        origin=database.blob(package.name),
        maintainer=database.blob(package.maintainer),
        installed_size=database.number(sum(len(file.content) for file in files)),
        depends=database.array(
            [database.object(DEPENDENCY, name=database.blob(name)) for name in sorted(package.depends)]
        ),
    )
    upgrade = POSTINST.format(name=package.name, upgrade="export PKG_UPGRADE=1\n")
    root = database.object(
        PACKAGE,
        info=info,
        paths=database.array([_folder(database, name, inside, package.time) for name, inside in content]),
        scripts=database.object(
            SCRIPTS,
            post_install=database.blob(POSTINST.format(name=package.name, upgrade="")),
            pre_deinstall=database.blob(PRERM.format(name=package.name)),
            post_upgrade=database.blob(upgrade),
        ),
    )
    written = database.finish(root)
    # The unique id is the hash of the database with zeros in its place.
    (info_at,) = struct.unpack_from("<I", written, 4 * PACKAGE["info"] + (root & (1 << 28) - 1))
    (id_at,) = struct.unpack_from("<I", written, 4 * INFO["unique-id"] + (info_at & (1 << 28) - 1))
    place = (id_at & (1 << 28) - 1) + 1  # after its length
    written[place : place + UNIQUE_ID_BYTES] = hashlib.sha256(written).digest()[:UNIQUE_ID_BYTES]

    out = [b"ADB.", SCHEMA_PACKAGE, block(BLOCK_DATABASE, bytes(written))]
    for number, (_, inside) in enumerate(content, 1):
        for index, file in enumerate(inside, 1):
            if file.content:
                out.append(block(BLOCK_DATA, struct.pack("<II", number, index) + file.content))
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return b"ADBd" + packer.compress(b"".join(out)) + packer.flush()


def file_name(package):
    # The architecture is no part of apk's own names; two architectures must fit one folder here.
    return f"{package.name}-{package.version}_{package.arch}.apk"
