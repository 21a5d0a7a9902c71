"""A line of BitTorrent's peer protocol that never ends: bt_line.py server ADDRESS | client ADDRESS SECONDS.

Both shake hands (BEP 3) and send blocks of a piece for ever, in both directions.
"""

import socket
import struct
import sys
import time

PORT = 6881
HANDSHAKE = b"\x13BitTorrent protocol" + bytes(8) + b"a" * 20
# A message of type piece: index, begin, and a block.
PIECE = struct.pack("!IBII", 9 + 512, 7, 0, 0) + bytes(512)


def talk(sock, name, seconds):
    sock.sendall(HANDSHAKE + b"-XX0001-" + name * 12)
    sock.recv(68)
    sock.settimeout(0.01)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            sock.sendall(PIECE)
            sock.recv(65536)
        except TimeoutError:
            pass
        except OSError:
            return  # the other one has had enough
        time.sleep(0.05)


def main():
    if sys.argv[1] == "server":
        with socket.create_server((sys.argv[2], PORT)) as server:
            print("ready", flush=True)
            talk(server.accept()[0], b"s", 600)
    else:
        with socket.create_connection((sys.argv[2], PORT)) as sock:
            talk(sock, b"c", float(sys.argv[3]))


if __name__ == "__main__":
    main()
