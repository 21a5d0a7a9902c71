#!/usr/bin/env python3
"""Makes the samples beside it: real bytes of real stacks, no capture of anybody's traffic.

Needs aioquic, cryptography and the openssl program. Names and keys are made up, so a new run
gives other bytes of the same shape; the tests name only what does not change.
"""

import datetime
import os
import socket
import ssl
import subprocess
import tempfile

from aioquic.buffer import Buffer
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.packet import encode_quic_retry, pull_quic_header
from aioquic.quic.crypto import CryptoPair
from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

HERE = os.path.dirname(os.path.abspath(__file__))


def save(name, data):
    with open(os.path.join(HERE, name + ".bin"), "wb") as out:
        out.write(data)
    print(f"{name}: {len(data)} bytes")


def certificate(directory):
    key = ec.generate_private_key(ec.SECP256R1())

    def name(common):
        oid = x509.oid.NameOID
        return x509.Name([
            x509.NameAttribute(oid.COUNTRY_NAME, "AQ"),
            x509.NameAttribute(oid.ORGANIZATION_NAME, "Example Ørg"),
            x509.NameAttribute(oid.COMMON_NAME, common),
        ])

    now = datetime.datetime(2024, 1, 1)
    made = (x509.CertificateBuilder().subject_name(name("mail.example.org"))
            .issuer_name(name("Example Root")).public_key(key.public_key())
            .serial_number(4711).not_valid_before(now)
            .not_valid_after(now + datetime.timedelta(days=9999)).sign(key, hashes.SHA256()))
    path = os.path.join(directory, "both.pem")
    with open(path, "wb") as out:
        out.write(key.private_bytes(serialization.Encoding.PEM,
                                    serialization.PrivateFormat.PKCS8,
                                    serialization.NoEncryption()))
        out.write(made.public_bytes(serialization.Encoding.PEM))
    return path


def tls(pem, name, version, client_alpn, server_alpn, host):
    """The client's first flight and the server's answer, by OpenSSL over memory."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.maximum_version = version
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    if client_alpn:
        client.set_alpn_protocols(client_alpn)
        server.set_alpn_protocols(server_alpn)
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    speaker = client.wrap_bio(a, b, server_hostname=host)
    try:
        speaker.do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = b.read()
    c, d = ssl.MemoryBIO(), ssl.MemoryBIO()
    c.write(hello)
    listener = server.wrap_bio(c, d, server_side=True)
    try:
        listener.do_handshake()
    except ssl.SSLWantReadError:
        pass
    save(name + "-client", hello)
    save(name + "-server", d.read())


def dtls(name, *options):
    """What `openssl s_client` sends first, over loopback."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(2)
    child = subprocess.Popen(
        ["openssl", "s_client", "-dtls1_2", "-servername", "dtls.example.org", *options,
         "-connect", f"127.0.0.1:{sock.getsockname()[1]}"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    datagrams = []
    try:
        while True:
            datagrams.append(sock.recv(2048))
            sock.settimeout(0.3)
    except TimeoutError:
        pass
    child.kill()
    child.wait()
    for number, datagram in enumerate(datagrams):
        save(f"{name}-{number + 1}" if len(datagrams) > 1 else name, datagram)


def quic_client(alpn, version=1, host="quic.example.org"):
    config = QuicConfiguration(is_client=True, alpn_protocols=alpn, server_name=host,
                               supported_versions=[version],
                               original_version=version)
    client = QuicConnection(configuration=config)
    client.connect(("192.0.2.1", 443), now=0.0)
    return client


def sent(connection):
    return [data for data, _ in connection.datagrams_to_send(now=0.0)]


def quic(pem):
    client = quic_client(["h3"])
    hello = sent(client)[0]
    save("quic-v1-client", hello)
    config = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    config.load_cert_chain(pem, pem)
    header = pull_quic_header(Buffer(data=hello), host_cid_length=8)
    server = QuicConnection(configuration=config,
                            original_destination_connection_id=header.destination_cid)
    server.receive_datagram(hello, ("192.0.2.2", 50000), now=0.0)
    save("quic-v1-server", sent(server)[0])
    save("quic-v2-client", sent(quic_client(["h3"], 0x6B3343CF))[0])
    save("doq-client", sent(quic_client(["doq"]))[0])
    # A hello longer than a datagram.
    long = sent(quic_client(["h3"] + [f"x-{n:03}" for n in range(250)]))
    for number, datagram in enumerate(long):
        save(f"quic-long-{number + 1}", datagram)
    # Retry: the second Initial has keys of the server's new identifier.
    client = quic_client(["h3"])
    first = sent(client)[0]
    header = pull_quic_header(Buffer(data=first), host_cid_length=8)
    retry = encode_quic_retry(version=1, source_cid=b"retryscid", destination_cid=header.source_cid,
                              original_destination_cid=header.destination_cid, retry_token=b"t" * 40)
    client.receive_datagram(retry, ("192.0.2.1", 443), now=0.0)
    save("quic-retry-server", retry)
    save("quic-retry-client", sent(client)[0])


def initial(dcid, number, frames, version=1, size=1200):
    """A client's Initial packet around any frames; the shape of RFC 9001 appendix A.2."""
    crypto = CryptoPair()
    crypto.setup_initial(cid=dcid, is_client=True, version=version)
    head = bytes([0xC3]) + version.to_bytes(4, "big") + bytes([len(dcid)]) + dcid + b"\0\0"
    padded = frames.ljust(size - len(head) - 2 - 4 - 16, b"\0")
    length = (len(padded) + 4 + 16) | 0x4000
    head += length.to_bytes(2, "big") + number.to_bytes(4, "big")
    return crypto.encrypt_packet(head, padded, number)


def frame(offset, data):
    return (b"\x06" + (offset | 0x4000).to_bytes(2, "big")
            + (len(data) | 0x4000).to_bytes(2, "big") + data)


def shuffled():
    """A hello cut up as browsers do: pieces out of order, repeated, overlapping, with pings."""
    packet = sent(quic_client(["h3"], host="shuffled.example.org"))[0]
    header = pull_quic_header(Buffer(data=packet), host_cid_length=8)
    crypto = CryptoPair()
    crypto.setup_initial(cid=header.destination_cid, is_client=False, version=1)
    reader = Buffer(data=packet)
    pull_quic_header(reader, host_cid_length=8)
    plain = crypto.decrypt_packet(packet[:header.packet_length], reader.tell(), 0)[1]
    buf = Buffer(data=plain)
    assert buf.pull_uint_var() == 6 and buf.pull_uint_var() == 0
    hello = buf.pull_bytes(buf.pull_uint_var())
    cuts = [0, 1, 3, 40, 90, 91, 150, 200, len(hello)]
    pieces = [frame(a, hello[a:b]) for a, b in zip(cuts, cuts[1:])]
    dcid = bytes.fromhex("8394c8f03e515708")
    one = pieces[5] + b"\1" + b"\0" * 30 + pieces[1] + frame(20, hello[20:60]) + pieces[3] + b"\1\1"
    two = b"\1" + pieces[7] + pieces[2] + pieces[2] + pieces[4] + pieces[6] + pieces[0]
    save("quic-shuffled-1", initial(dcid, 0, one))
    save("quic-shuffled-2", initial(dcid, 1, two))


def rfc9001():
    """Appendix A.2, computed from its plain text; the RFC prints how the result begins."""
    crypto_frame = bytes.fromhex(
        "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c"
        "00000413011302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006"
        "001d0017001800100007000504616c706e000500050100000000003300260024001d00209370b2c9caa4"
        "7fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0010000e040305"
        "0306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ff"
        "ff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff")
    packet = initial(bytes.fromhex("8394c8f03e515708"), 2, crypto_frame)
    assert packet.hex().startswith("c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11")
    save("quic-rfc9001-a2", packet)


def google():
    """Q050: a CHLO in an encrypted packet, CRYPTO frames of type 8."""
    salt = bytes.fromhex("504574efd066fe2f9d945cfcdbd3a7f0d3b56b45")
    dcid = b"\x05\x06\x07\x08\x01\x02\x03\x04"

    def mac(key, data):
        made = hmac.HMAC(key, hashes.SHA256())
        made.update(data)
        return made.finalize()

    def label(secret, text, size):
        text = b"tls13 " + text
        info = size.to_bytes(2, "big") + bytes([len(text)]) + text + b"\0"
        return mac(secret, info + b"\1")[:size]

    secret = label(mac(salt, dcid), b"client in", 32)
    key, iv, hp = label(secret, b"quic key", 16), label(secret, b"quic iv", 12), label(secret, b"quic hp", 16)
    values = [(b"PAD\0", b"-" * 300), (b"SNI\0", b"gquic.example.org"), (b"VER\0", b"Q050")]
    ends, body = b"", b""
    for tag, value in values:
        body += value
        ends += tag + len(body).to_bytes(4, "little")
    chlo = b"CHLO" + len(values).to_bytes(2, "little") + b"\0\0" + ends + body
    plain = (b"\x08\0" + (len(chlo) | 0x4000).to_bytes(2, "big") + chlo).ljust(1178 - 6, b"\0")
    head = b"\xc0Q050\x08" + dcid + b"\0\0" + (0x4000 | len(plain) + 17).to_bytes(2, "big") + b"\1"
    nonce = iv[:11] + bytes([iv[11] ^ 1])
    seal = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
    seal.authenticate_additional_data(head)
    sealed = seal.update(plain) + seal.finalize() + seal.tag
    mask = Cipher(algorithms.AES(hp), modes.ECB()).encryptor().update(sealed[3:19])
    first = head[0] ^ mask[0] & 0x0F
    save("gquic-q050", bytes([first]) + head[1:-1] + bytes([head[-1] ^ mask[1]]) + sealed)


def main():
    with tempfile.TemporaryDirectory() as directory:
        pem = certificate(directory)
        newest = ssl.TLSVersion.MAXIMUM_SUPPORTED
        tls(pem, "tls13", newest, ["h2", "http/1.1"], ["h2"], "www.example.org")
        tls(pem, "tls12", ssl.TLSVersion.TLSv1_2, ["imap"], ["imap"], "mail.example.org")
        tls(pem, "tls13-bare", newest, [], [], "bare.example.org")
        quic(pem)
    shuffled()
    rfc9001()
    google()
    dtls("dtls12")
    dtls("dtls12-cut", "-mtu", "256")


main()
