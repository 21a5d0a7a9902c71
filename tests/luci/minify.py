"""Takes comments and blanks out of a script, as LuCI's build does (jsmin, Douglas Crockford's rules).

A script that still works afterwards has statements that end in semicolons and no pattern where
jsmin takes the slash for a division: tests run the pages minified.
"""

WORD = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$\\")
QUOTES = "'\"`"
# Behind these a slash begins a pattern.
BEFORE_PATTERN = set("(,=:[!&|?+-~*/{\n")
OPENING = set("{[(+-!~")
CLOSING = set("}])+-") | set(QUOTES)


def is_word(c):
    return c in WORD or ord(c) > 126


def tokens(text):
    """Strings, patterns and single characters; comments are a blank or the end of a line."""
    at, before = 0, "\n"
    while at < len(text):
        c = text[at]
        if text.startswith("//", at):
            at = text.find("\n", at) if "\n" in text[at:] else len(text)
            continue
        if text.startswith("/*", at):
            at = text.index("*/", at) + 2
            c = " "
        elif c in QUOTES or (c == "/" and before in BEFORE_PATTERN):
            start, bracket = at, False
            at += 1
            while text[at] != c or bracket:
                if c == "/":
                    bracket = text[at] == "[" or (bracket and text[at] != "]")
                    if text[at] == "\n":
                        raise ValueError(f"a pattern without end: {text[start:at]}")
                at += 2 if text[at] == "\\" else 1
            at += 1
            yield text[start:at]
            before = c
            continue
        else:
            at += 1
        c = "\n" if c == "\r" else c if c >= " " or c == "\n" else " "
        yield c
        if c not in " ":
            before = c


def minify(text):
    """The script without what it does not need."""
    out = []
    blank = ""  # what stands between the last token and the next: "", " " or "\n"
    for token in tokens(text):
        if token in (" ", "\n"):
            blank = "\n" if "\n" in (token, blank) else " "
            continue
        last, first = (out[-1][-1] if out else "\n"), token[0]
        if blank == " " and is_word(last) and is_word(first):
            out.append(" ")
        elif (
            blank == "\n"
            and (is_word(last) or last in CLOSING)
            and (is_word(first) or first in OPENING)
        ):
            out.append("\n")
        out.append(token)
        blank = ""
    return "".join(out)
