#!/usr/bin/python3
"""The texts of LuCI's pages: makes po/templates/nfa.pot of the sources, and checks translations.

po.py          says what is not as it should be; status 1 if something is not
po.py --write  writes the template anew, and puts new texts into the translations, empty
"""

import json
import re
import sys
from pathlib import Path

APP = Path(__file__).resolve().parent.parent.parent / "openwrt" / "luci-app-nfa"
TEMPLATE = APP / "po" / "templates" / "nfa.pot"
LANGUAGES = ("de", "fr")
CALL = re.compile(r"""(?<![\w$.])_\(\s*(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")\s*\)""")
HEAD = """msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""
PLACE = re.compile(r"%(?:\.\d+)?[sdfh%]")


def sources():
    return sorted((APP / "htdocs").rglob("*.js"))


def texts():
    """Text -> the places it is at, in the order of places."""
    found = {}
    for path in sources():
        place = path.relative_to(APP).as_posix()
        source = path.read_text()
        calls = list(CALL.finditer(source))
        if len(calls) != len(re.findall(r"(?<![\w$.])_\(", source)):
            raise ValueError(f"{place}: a text of _() is not one quoted text on one line")
        for call in calls:
            text = re.sub(r"\\(.)", r"\1", call[1] if call[1] is not None else call[2])
            line = source.count("\n", 0, call.start()) + 1
            found.setdefault(text, []).append(f"{place}:{line}")
    place = "root/usr/share/luci/menu.d/luci-app-nfa.json"
    for node in json.loads((APP / place).read_text()).values():
        found.setdefault(node["title"], []).append(place)
    return found


def quoted(text):
    return json.dumps(text, ensure_ascii=False)


def template():
    parts = [HEAD.format(language="")]
    for text, places in texts().items():
        # Lines change with every edit, files do not.
        files = dict.fromkeys(place.split(":")[0] for place in places)
        parts.append(
            "".join(f"#: {place}\n" for place in files) + f'msgid {quoted(text)}\nmsgstr ""\n'
        )
    return "\n".join(parts)


def read(language):
    """Text -> translation, of a .po whose texts are each on one line."""
    path = APP / "po" / language / "nfa.po"
    pairs = (
        re.findall(r'^msgid (".+")\nmsgstr (".*")$', path.read_text(), re.M)
        if path.exists()
        else []
    )
    return {json.loads(text): json.loads(told) for text, told in pairs if text != '""'}


def written(language):
    known = read(language)
    parts = [HEAD.format(language=language)]
    parts += [f"msgid {quoted(text)}\nmsgstr {quoted(known.get(text, ''))}\n" for text in texts()]
    return "\n".join(parts)


def problems():
    wanted = texts()
    if not TEMPLATE.exists() or TEMPLATE.read_text() != template():
        yield "po/templates/nfa.pot is not what the sources say: tests/luci/po.py --write"
    for language in LANGUAGES:
        known = read(language)
        for text in wanted:
            if not known.get(text):
                yield f"{language}: not translated: {text}"
            elif sorted(PLACE.findall(text)) != sorted(PLACE.findall(known[text])) or [
                p for p in PLACE.findall(text)
            ] != [p for p in PLACE.findall(known[text])]:
                yield f"{language}: other places for values, or in another order: {text}"
        for text in known:
            if text not in wanted:
                yield f"{language}: nobody asks for: {text}"


def main():
    if sys.argv[1:] == ["--write"]:
        TEMPLATE.parent.mkdir(parents=True, exist_ok=True)
        TEMPLATE.write_text(template())
        for language in LANGUAGES:
            path = APP / "po" / language / "nfa.po"
            path.parent.mkdir(exist_ok=True)
            path.write_text(written(language))
    found = list(problems())
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
