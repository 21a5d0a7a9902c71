"""The files of a package, from which both package formats are made.

The same list, in the same order, with the same owner, modes and times whoever packs it: only the
execute bit is taken from the files on disk.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import lmo

ROOT = Path(__file__).resolve().parent.parent
DESCRIPTIONS = ROOT / "openwrt" / "packages.toml"
CONFIG_MODE = 0o600  # as OpenWrt's INSTALL_CONF: what users write into it is theirs


@dataclass(frozen=True)
class File:
    """A file as it is to be installed; all belong to root."""

    path: str  # absolute
    mode: int
    content: bytes


@dataclass(frozen=True)
class Package:
    """All that goes into a package of one architecture."""

    name: str
    version: str  # 1.2.3-r1
    arch: str  # OpenWrt's name; "all"
    section: str
    description: str
    license: str
    maintainer: str
    depends: tuple[str, ...]
    conffiles: tuple[str, ...]  # those that are there
    files: tuple[File, ...]  # by path
    time: int  # of every file, seconds since 1970
    user: str = ""  # user=number:group=number that it needs


class PackError(Exception):
    """The package cannot be made."""


def version():
    """The program's, from Cargo.toml."""
    with (ROOT / "Cargo.toml").open("rb") as file:
        return tomllib.load(file)["package"]["version"]


def descriptions():
    with DESCRIPTIONS.open("rb") as file:
        return tomllib.load(file)


def _tree(source, target, conffiles):
    for path in sorted(source.rglob("*")):
        if path.is_symlink():
            raise PackError(f"{path} is a symbolic link: not provided for")
        if path.is_dir() or path.name.startswith(".") or path.name.endswith("~"):
            continue
        place = f"{target.rstrip('/')}/{path.relative_to(source).as_posix()}"
        mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
        yield File(place, CONFIG_MODE if place in conffiles else mode, path.read_bytes())


def collect(name, arch, time, program=None, root=ROOT):
    """The package `name`; `program` is what becomes /usr/sbin/nfa."""
    everything = descriptions()
    about = everything[name]
    files = []
    for source, target in about["trees"].items():
        if (root / source).is_dir():
            files += _tree(root / source, target, about["conffiles"])
    if not files:
        raise PackError(f"{name} has no files: none of {', '.join(about['trees'])} is there")
    if program is not None:
        files.append(File("/usr/sbin/nfa", 0o755, Path(program).read_bytes()))
    files.sort(key=lambda file: file.path)
    paths = [file.path for file in files]
    for path in paths:
        if paths.count(path) > 1:
            raise PackError(f"{name} has two files {path}")
    return Package(
        name=name,
        version=f"{version()}-r{everything['release']}",
        arch=arch,
        section=about["section"],
        description=about["description"],
        license=everything["license"],
        maintainer=everything["maintainer"],
        depends=tuple(about["depends"]),
        conffiles=tuple(path for path in about["conffiles"] if path in paths),
        files=tuple(files),
        time=time,
        user=about.get("user", ""),
    )


# As LuCI's luci.mk calls them, for the list of languages.
LANGUAGES = {
    "de": "Deutsch (German)", "es": "Español (Spanish)", "fr": "Français (French)",
    "it": "Italiano (Italian)", "nl": "Nederlands (Dutch)", "pl": "Polski (Polish)",
    "pt": "Português (Portuguese)", "ru": "Русский (Russian)", "uk": "Українська (Ukrainian)",
}  # fmt: skip
PO = "openwrt/luci-app-nfa/po"


def translations(time, root=ROOT):
    """The packages luci-i18n-nfa-LANGUAGE, of those languages that have translated texts."""
    everything = descriptions()
    for source in sorted((root / PO).glob("*/nfa.po")):
        language = source.parent.name
        if language not in LANGUAGES:
            raise PackError(f"{source}: no language {language} in openwrt/tree.py")
        try:
            content = lmo.make(source.read_text("utf-8"))
        except (lmo.TranslationError, UnicodeDecodeError) as error:
            raise PackError(f"{source}: {error}") from error
        if not content:
            continue
        name = f"luci-i18n-nfa-{language}"
        # LuCI offers the languages that are named there.
        offer = f"uci set luci.languages.{language}='{LANGUAGES[language]}'; uci commit luci\n"
        yield Package(
            name=name,
            version=f"{version()}-r{everything['release']}",
            arch="all",
            section="luci",
            description=f"Translation for luci-app-nfa: {LANGUAGES[language]}",
            license=everything["license"],
            maintainer=everything["maintainer"],
            depends=("luci-app-nfa",),
            conffiles=(),
            files=(
                File(f"/etc/uci-defaults/{name}", 0o644, offer.encode()),
                File(f"/usr/lib/lua/luci/i18n/nfa.{language}.lmo", 0o644, content),
            ),
            time=time,
        )


def folders(files):
    """Every folder above the files, the root as "", each before what is in it."""
    found = {""}
    for file in files:
        parts = file.path.strip("/").split("/")[:-1]
        found |= {"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
    return sorted(found)
