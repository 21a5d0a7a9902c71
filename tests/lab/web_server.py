"""HTTP on port 80 and HTTPS on 443 of every address: `web_server.py CERT KEY`.

/hold?seconds=N  a line every 0.3 s, so that a flow stays alive as long as a test needs it
/blob?bytes=N    that many bytes
"""

import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Handler(BaseHTTPRequestHandler):
    """One request per connection."""

    def do_GET(self):
        parts = urlsplit(self.path)
        query = {name: float(values[0]) for name, values in parse_qs(parts.query).items()}
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        if parts.path == "/hold":
            deadline = time.monotonic() + query.get("seconds", 10)
            while time.monotonic() < deadline:
                self.wfile.write(b"still here\n")
                self.wfile.flush()
                time.sleep(0.3)
        else:
            self.wfile.write(b"x" * int(query.get("bytes", 2000)))


class Server(ThreadingHTTPServer):
    """Dual stack; a client that hangs up is normal here."""

    address_family = socket.AF_INET6
    daemon_threads = True

    def handle_error(self, request, client_address):
        print(client_address[0], sys.exc_info()[1], flush=True)


class TlsServer(Server):
    """The handshake happens in the connection's own thread, not in the accepting one."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def finish_request(self, request, client_address):
        request.settimeout(30)
        with self.context.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)


def main():
    TlsServer.context.load_cert_chain(sys.argv[1], sys.argv[2])
    TlsServer.context.set_alpn_protocols(["http/1.1"])
    plain, tls = Server(("::", 80), Handler), TlsServer(("::", 443), Handler)
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    print("ready", flush=True)
    tls.serve_forever()


if __name__ == "__main__":
    main()
