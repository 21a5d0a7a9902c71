"""A call that never ends: sip_peer.py server ADDRESS... | client ADDRESS SECONDS.

The client sends a request (RFC 3261) and small datagrams from one port; the server answers each.
"""

import socket
import sys
import threading
import time

PORT = 5060
INVITE = (b"INVITE sip:bob@example.net SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n"
          b"From: <sip:alice@example.org>;tag=1\r\nTo: <sip:bob@example.net>\r\n"
          b"Call-ID: 1@x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n")  # fmt: skip
RINGING = (b"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n"
           b"From: <sip:alice@example.org>;tag=1\r\nTo: <sip:bob@example.net>;tag=2\r\n"
           b"Call-ID: 1@x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n")  # fmt: skip


def udp(address):
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)


def serve(address):
    with udp(address) as sock:
        sock.bind((address, PORT))
        while True:
            _, client = sock.recvfrom(2048)
            sock.sendto(RINGING, client)


def call(address, seconds):
    with udp(address) as sock:
        sock.connect((address, PORT))
        sock.settimeout(0.2)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                sock.send(INVITE)
                sock.recv(2048)
            except OSError:
                pass  # one datagram less
            time.sleep(0.1)


def main():
    if sys.argv[1] == "server":
        for address in sys.argv[2:]:
            threading.Thread(target=serve, args=(address,)).start()
        print("ready", flush=True)
    else:
        call(sys.argv[2], float(sys.argv[3]))


if __name__ == "__main__":
    main()
