"""HTTP/3 server and client by aioquic (runs in the lab's own Python environment).

quic_peer.py server CERT KEY ADDRESS...
quic_peer.py client HOST 4|6 SECONDS    holds a request open; the last line is "done BYTES"
"""

import asyncio
import socket
import sys

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ProtocolNegotiated

HOLD_S = 120


class Server(QuicConnectionProtocol):
    """Answers any request with a line every 0.3 s; one for /once with a single line."""

    http = None

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic)
        for item in self.http.handle_event(event) if self.http else []:
            if isinstance(item, HeadersReceived):
                once = dict(item.headers).get(b":path") == b"/once"
                asyncio.ensure_future(self.answer(item.stream_id, once))

    async def answer(self, stream, once):
        self.http.send_headers(stream, [(b":status", b"200"), (b"content-type", b"text/plain")])
        if once:
            self.http.send_data(stream, b"hello\n", end_stream=True)
            self.transmit()
            return
        for _ in range(int(HOLD_S / 0.3)):
            self.http.send_data(stream, b"still here\n" * 50, end_stream=False)
            self.transmit()
            await asyncio.sleep(0.3)


class Client(QuicConnectionProtocol):
    """One request; counts what comes back."""

    received = 0

    def request(self, host):
        self.http = H3Connection(self._quic)
        headers = [(":method", "GET"), (":scheme", "https"), (":authority", host), (":path", "/")]
        stream = self._quic.get_next_available_stream_id()
        self.http.send_headers(stream, [(a.encode(), b.encode()) for a, b in headers], True)
        self.transmit()

    def quic_event_received(self, event):
        for item in self.http.handle_event(event) if hasattr(self, "http") else []:
            if isinstance(item, DataReceived):
                self.received += len(item.data)


async def server(certificate, key, addresses):
    configuration = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN)
    configuration.load_cert_chain(certificate, key)
    for address in addresses:
        await serve(address, 443, configuration=configuration, create_protocol=Server)
    print("ready", flush=True)
    await asyncio.Event().wait()


async def client(host, version, seconds):
    family = socket.AF_INET6 if version == "6" else socket.AF_INET
    address = socket.getaddrinfo(host, 443, family, socket.SOCK_DGRAM)[0][4][0]
    configuration = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name=host)
    configuration.verify_mode = 0
    async with connect(
        address, 443, configuration=configuration, create_protocol=Client
    ) as connection:
        connection.request(host)
        for _ in range(int(seconds / 0.3)):
            await asyncio.sleep(0.3)
            print("received", connection.received, flush=True)
        print("done", connection.received, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "server":
        asyncio.run(server(sys.argv[2], sys.argv[3], sys.argv[4:]))
    else:
        asyncio.run(client(sys.argv[2], sys.argv[3], float(sys.argv[4])))
