"""A BitTorrent tracker over HTTP (BEP 3, 7, 23) and UDP (BEP 15): `tracker.py PORT ADDRESS...`.

With $TRACKER_CERTIFICATE and $TRACKER_KEY it speaks HTTPS in place of HTTP, and no UDP.

It holds each HTTP answer back for a moment: the flow of an announce is otherwise over before
anybody could look at what the agent made of it.
"""

import ipaddress
import os
import random
import socket
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

INTERVAL_S = 30
HTTP_PAUSE_S = 1.5
PROTOCOL_ID = 0x41727101980
CONNECT, ANNOUNCE, SCRAPE, ERROR = range(4)

swarms = {}  # (info hash, address length) -> {packed address and port: when}
lock = threading.Lock()


def announce(info_hash, address, port, stopped):
    """Notes a peer; returns the others of its family, packed."""
    packed = ipaddress.ip_address(address).packed
    peer = packed + struct.pack("!H", port)
    with lock:
        swarm = swarms.setdefault((info_hash, len(packed)), {})
        if stopped:
            swarm.pop(peer, None)
        else:
            swarm[peer] = time.time()
        others = [other for other in swarm if other != peer]
    print(info_hash.hex()[:8], address, port, "stopped" if stopped else len(others), flush=True)
    return b"".join(others[:50])


class Handler(BaseHTTPRequestHandler):
    """GET /announce, compact peers only."""

    def do_GET(self):
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, encoding="latin-1"))
        time.sleep(HTTP_PAUSE_S)
        if parts.path != "/announce" or "info_hash" not in query:
            self.send_error(404)
            return
        info_hash = query["info_hash"].encode("latin-1")
        stopped = query.get("event") == "stopped"
        address = self.client_address[0]
        peers = announce(info_hash, address, int(query["port"]), stopped)
        key = b"6:peers6" if ":" in address else b"5:peers"
        body = b"d8:intervali%de%b%d:%be" % (INTERVAL_S, key, len(peers), peers)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True


class Server6(Server):
    address_family = socket.AF_INET6


def udp_answer(datagram, address):
    """BEP 15: the answer to one datagram, or None."""
    connection, action, transaction = struct.unpack_from("!QII", datagram)
    if action == CONNECT and connection == PROTOCOL_ID:
        return struct.pack("!IIQ", CONNECT, transaction, random.getrandbits(64))
    if action == ANNOUNCE and len(datagram) >= 98:
        info_hash = datagram[16:36]
        event, port = (
            struct.unpack_from("!I", datagram, 80)[0],
            struct.unpack_from("!H", datagram, 96)[0],
        )
        peers = announce(info_hash, address, port, event == 3)
        return struct.pack("!IIIII", ANNOUNCE, transaction, INTERVAL_S, 1, 1) + peers
    return struct.pack("!II", ERROR, transaction) + b"not supported"


def serve_udp(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_DGRAM)
    listener.bind((address, port))
    while True:
        datagram, peer = listener.recvfrom(4096)
        if len(datagram) >= 16:
            listener.sendto(udp_answer(datagram, peer[0]), peer)


def main():
    port = int(sys.argv[1])
    certificate = os.environ.get("TRACKER_CERTIFICATE")
    for address in sys.argv[2:]:
        http = (Server6 if ":" in address else Server)((address, port), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, os.environ["TRACKER_KEY"])
            http.socket = context.wrap_socket(http.socket, server_side=True)
        threading.Thread(target=http.serve_forever, daemon=True).start()
        if certificate:
            continue
        threading.Thread(target=serve_udp, args=(address, port), daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
