"""Makes .ipk files, which opkg (OpenWrt up to 24.10) installs.

The shape is that of OpenWrt's scripts/ipkg-build: a gzip'd tar of debian-binary, data.tar.gz and
control.tar.gz, each of them with names that start with "./".
"""

import io
import tarfile
import zlib

from tree import File, folders

# OpenWrt gives every package these (include/package-pack.mk): they enable and start the services
# of the package, run its uci-defaults, and undo it before the package goes.
POSTINST = b"""#!/bin/sh
[ "${IPKG_NO_SCRIPT}" = "1" ] && exit 0
[ -s ${IPKG_INSTROOT}/lib/functions.sh ] || exit 0
. ${IPKG_INSTROOT}/lib/functions.sh
default_postinst $0 $@
"""
PRERM = b"""#!/bin/sh
[ -s ${IPKG_INSTROOT}/lib/functions.sh ] || exit 0
. ${IPKG_INSTROOT}/lib/functions.sh
default_prerm $0 $@
"""


def gzip(content):
    """gzip (RFC 1952) without name and time, so that the same content gives the same bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = packer.compress(content) + packer.flush()
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03"
    return head + body + zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")


def _entry(name, mode, time):
    entry = tarfile.TarInfo(name)
    entry.mode, entry.mtime = mode, time
    return entry  # owner and group: 0, without names


def tar(files, time, with_folders=True):
    """A tar of the files, root's, sorted by name as GNU tar's --sort=name does it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        entries = {file.path.strip("/"): file for file in files}
        names = list(entries) + (folders(files) if with_folders else [])
        for name in sorted(names, key=lambda name: name.split("/") if name else []):
            if name in entries:
                file = entries[name]
                entry = _entry(f"./{name}", file.mode, time)
                entry.size = len(file.content)
                archive.addfile(entry, io.BytesIO(file.content))
            else:
                entry = _entry(f"./{name}", 0o755, time)
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
    return buffer.getvalue()


def control(package, installed_size):
    """The fields as package-pack.mk writes them, in its order."""
    fields = {
        "Package": package.name,
        "Version": package.version,
        "Depends": ", ".join(package.depends),
        "License": package.license,
        "Section": package.section,
        "Require-User": package.user,
        "SourceDateEpoch": str(package.time),
        "Maintainer": package.maintainer,
        "Architecture": package.arch,
        "Installed-Size": str(installed_size),
        "Description": package.description,
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value).encode()


def make(package):
    """The bytes of the .ipk file."""
    data = tar(package.files, package.time)
    scripts = [
        File("/control", 0o644, control(package, len(data))),
        File("/postinst", 0o755, POSTINST),
        File("/prerm", 0o755, PRERM),
    ]
    if package.conffiles:
        scripts.append(File("/conffiles", 0o644, "".join(f"{path}\n" for path in package.conffiles).encode()))
    members = [
        File("/debian-binary", 0o644, b"2.0\n"),
        File("/data.tar.gz", 0o644, gzip(data)),
        File("/control.tar.gz", 0o644, gzip(tar(scripts, package.time))),
    ]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for file in members:  # in this order, not by name
            entry = _entry(f".{file.path}", file.mode, package.time)
            entry.size = len(file.content)
            archive.addfile(entry, io.BytesIO(file.content))
    return gzip(buffer.getvalue())


def file_name(package):
    return f"{package.name}_{package.version}_{package.arch}.ipk"
