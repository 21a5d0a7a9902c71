"""Writes a payload and its .torrent file (BEP 3)."""

import hashlib
import random

PIECE = 65536


def bencode(value):
    """Integers, bytes, text, lists and dictionaries."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%b" % (len(value), value)
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    pairs = sorted((key.encode(), item) for key, item in value.items())
    return b"d" + b"".join(bencode(key) + bencode(item) for key, item in pairs) + b"e"


def make(directory, name, size, tracker=None):
    """Makes DIRECTORY/NAME with bytes made of its name; returns the torrent and its info hash."""
    payload = random.Random(name).randbytes(size)
    (directory / name).write_bytes(payload)
    pieces = [hashlib.sha1(payload[at : at + PIECE]).digest() for at in range(0, size, PIECE)]
    info = {"name": name, "length": size, "piece length": PIECE, "pieces": b"".join(pieces)}
    whole = {"info": info, **({"announce": tracker} if tracker else {})}
    path = directory / f"{name}.torrent"
    path.write_bytes(bencode(whole))
    return path, hashlib.sha1(bencode(info)).hexdigest()
