"""Makes .lmo files, LuCI's form of translations, from .po files.

As LuCI's po2lmo does (modules/luci-base/src/po2lmo.c, lib/lmo.c), all numbers big endian:

- The translations one behind the other, each filled up with zeros to a multiple of 4 bytes.
- For each an entry of four 32-bit numbers, by rising key: key, number of plural forms, where the
  text begins, how many bytes it has. A key is the hash of the original; of `CONTEXT \\1 ORIGINAL` if it
  has a context; with `\\2 NUMBER` behind it for each plural form. Key 0 is the rule for plurals.
- Where the entries begin.

A text that is the same as its original has no entry. Of escapes only `\\"` and `\\\\` are resolved.
"""

import re
import struct

WORD = (1 << 32) - 1
FORMS_MAX = 10


class TranslationError(Exception):
    """The .po file is not as it should be."""


def super_fast_hash(content):
    """Paul Hsieh's SuperFastHash, which starts from the length."""
    value = len(content)
    if not value:
        return 0
    whole = len(content) // 4 * 4
    for low, high in struct.iter_unpack("<HH", content[:whole]):
        value = (value + low) & WORD
        value = ((value << 16) ^ (high << 11) ^ value) & WORD
        value = (value + (value >> 11)) & WORD
    rest = content[whole:]
    if len(rest) >= 2:
        value = (value + int.from_bytes(rest[:2], "little")) & WORD
    if len(rest) == 3:
        value ^= value << 16 & WORD
        value ^= (_signed(rest[2]) << 18) & WORD
        value = (value + (value >> 11)) & WORD
    elif len(rest) == 2:
        value ^= value << 11 & WORD
        value = (value + (value >> 17)) & WORD
    elif len(rest) == 1:
        value = (value + _signed(rest[0])) & WORD
        value ^= value << 10 & WORD
        value = (value + (value >> 1)) & WORD
    for left, right in ((3, 5), (4, 17), (25, 6)):
        value ^= value << left & WORD
        value = (value + (value >> right)) & WORD
    return value


def _signed(byte):
    return byte - 256 if byte > 127 else byte


def messages(text):
    """[{"msgctxt": ..., "msgid": ..., "msgid_plural": ..., "msgstr": {form: ...}}] of a .po file."""
    found, message, add = [], None, None
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = re.fullmatch(r'(?:(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d+)\])?\s+)?"((?:[^"\\]|\\.)*)"', line)
        if match is None:
            raise TranslationError(f"line {number}: {line}")
        word, form, part = match.groups()
        part = re.sub(r'\\(["\\])', r"\1", part)
        if word is None:
            if add is None:
                raise TranslationError(f"line {number}: a text that belongs to nothing")
            add(part)
            continue
        if message is None or word == "msgctxt" or (word == "msgid" and "msgid" in message):
            message = {"msgstr": {}}
            found.append(message)
        place, key = (message["msgstr"], int(form or 0)) if word == "msgstr" else (message, word)
        if key in place or (word == "msgstr" and key >= FORMS_MAX):
            raise TranslationError(f"line {number}: {word} for the second time, or too many forms")
        place[key] = part

        def add(more, place=place, key=key):
            place[key] += more

    return found


def _entries(message):
    """(key, number of forms, text) of each translation in a message."""
    original, forms = message.get("msgid", ""), message["msgstr"]
    if not original:
        for line in forms.get(0, "").split("\\n"):
            name, _, value = line.partition(": ")
            if name.lower() == "plural-forms":
                yield 0, 0, value.encode()
        return
    if not forms.get(0):
        return
    key = f"{message['msgctxt']}\1{original}" if message.get("msgctxt") else original
    for form, text in sorted(forms.items()):
        full = f"{key}\2{form}" if message.get("msgid_plural") else key
        hashed = super_fast_hash(full.encode())
        if text and hashed != super_fast_hash(text.encode()):
            yield hashed, max(forms) + 1, text.encode()


def make(text):
    """The bytes of the .lmo file; none if nothing is translated."""
    content, index = b"", {}
    for message in messages(text):
        for key, forms, translated in _entries(message):
            if key in index:
                raise TranslationError(f"two originals have the key {key:08x}: {translated.decode()}")
            index[key] = struct.pack(">4I", key, forms, len(content), len(translated))
            content += translated + bytes(-len(translated) % 4)
    if not any(index):
        return b""
    return content + b"".join(index[key] for key in sorted(index)) + struct.pack(">I", len(content))
