"""A UCI configuration file, as rpcd's object `uci` shows and changes it."""

import re
import shlex


class UciFile:
    """Sections in their order: each a dict of options, with `.type`, `.name` and `.anonymous`."""

    def __init__(self, text):
        self.sections = []
        for line in text.splitlines():
            words = shlex.split(line, comments=True)
            if not words:
                continue
            match words:
                case ["config", kind, *name]:
                    anonymous = not name
                    self.sections.append(
                        {
                            ".type": kind,
                            ".name": name[0] if name else self.new_name(),
                            ".anonymous": anonymous,
                        }
                    )
                case ["option", option, value]:
                    self.sections[-1][option] = value
                case ["list", option, value]:
                    self.sections[-1].setdefault(option, []).append(value)
                case _:
                    raise ValueError(f"no line of UCI: {line}")

    def new_name(self):
        """As libuci calls sections without a name: `cfg`, a number and a hash."""
        return f"cfg{len(self.sections) + 1:02x}{0x37E0 + len(self.sections):04x}"

    def find(self, name):
        return next(one for one in self.sections if one[".name"] == name)

    def values(self):
        return {one[".name"]: {**one, ".index": at} for at, one in enumerate(self.sections)}

    def add(self, kind, name, values):
        taken = {one[".name"] for one in self.sections}
        fresh = name or self.new_name()
        while fresh in taken:
            fresh = f"cfg{int(fresh[3:], 16) + 0x10001:06x}"
        self.sections.append({".type": kind, ".name": fresh, ".anonymous": name is None, **values})
        return fresh

    def set(self, name, values):
        self.find(name).update(values)

    def delete(self, name, options=None):
        section = self.find(name)
        if options is None:
            self.sections.remove(section)
        for option in options or []:
            section.pop(option, None)

    def order(self, names):
        """Those named come in that order where the first of them was; others stay."""
        named = [self.find(name) for name in names if name in self.values()]
        places = [at for at, one in enumerate(self.sections) if one in named]
        for at, section in zip(places, named, strict=True):
            self.sections[at] = section

    def text(self):
        lines = []
        for one in self.sections:
            name = "" if one[".anonymous"] else f" {quoted(one['.name'])}"
            lines.append(f"\nconfig {one['.type']}{name}")
            for option, value in one.items():
                if option.startswith("."):
                    continue
                if isinstance(value, list):
                    lines += [f"\tlist {option} {quoted(part)}" for part in value]
                else:
                    lines.append(f"\toption {option} {quoted(value)}")
        return "\n".join(lines) + "\n"


def quoted(text):
    """In quotes as libuci writes them."""
    text = re.sub("'", "'\\''", str(text))
    return f"'{text}'"
