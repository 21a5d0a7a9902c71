"""Talkers that are not BitTorrent: random bytes over TCP and UDP, MSE's lengths imitated, bare TLS.

    negative_peer.py serve KIND PORTS ADDRESS... [--certificate FILE --key FILE]
    negative_peer.py talk KIND COUNT PORTS --from ADDRESS... --to ADDRESS...

PORTS is FIRST-LAST. A talker prints "done N", the number of dialogues that went both ways.
"""

import argparse
import asyncio
import os
import random
import ssl

TOGETHER = 25  # dialogues at a time
PATIENCE_S = 20.0
BLOCK = 16384


def noise(low, high):
    return os.urandom(random.randint(low, high))


# -- TCP: what each side of a dialogue does, on (reader, writer) ----------------------------------


async def random_client(reader, writer):
    """Any lengths, in turns that do not fit together; half of the time the server begins."""
    for _ in range(random.randint(3, 8)):
        writer.write(noise(1, random.choice([40, 200, 1400, 6000])))
        await writer.drain()
        await reader.read(65536)


async def random_server(reader, writer):
    if random.random() < 0.5:
        writer.write(noise(1, 700))
    while await reader.read(65536):
        writer.write(noise(1, random.choice([40, 200, 1400, 6000])))
        await writer.drain()


async def mse_client(reader, writer):
    """The lengths and turns of MSE exactly, as a client with RC4 sends them, in noise."""
    writer.write(noise(96, 96 + 512))
    await reader.readexactly(96)
    # HASH('req1') HASH('req2' ^ 'req3') VC provide len(PadC) PadC len(IA) IA: a handshake of 68.
    writer.write(noise(20 + 20 + 8 + 4 + 2 + 2 + 68, 20 + 20 + 8 + 4 + 2 + 512 + 2 + 68))
    await reader.read(65536)
    for _ in range(5):
        writer.write(noise(17, 400))
        await reader.read(65536)


async def mse_server(reader, writer):
    await reader.readexactly(96)
    await asyncio.sleep(0.01)
    writer.write(noise(96, 96 + 512))
    await asyncio.sleep(0.05)
    await reader.read(65536)
    writer.write(noise(8 + 4 + 2, 8 + 4 + 2 + 512) + os.urandom(68))
    while await reader.read(65536):
        writer.write(os.urandom(BLOCK))
        await writer.drain()


async def tls_client(reader, writer):
    for _ in range(4):
        writer.write(noise(50, 900))
        await writer.drain()
        await reader.read(65536)


SIDES = {
    "tcp": (random_client, random_server),
    "mse": (mse_client, mse_server),
    "tls": (tls_client, random_server),
}


async def accept(side, reader, writer):
    try:
        await asyncio.wait_for(side(reader, writer), PATIENCE_S)
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
        pass
    writer.close()


async def dialogue(kind, source, target, port):
    """One flow over TCP; whether it went through."""
    context = None
    if kind == "tls":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        reader, writer = await asyncio.wait_for(
            asyncio.open_connection(target, port, ssl=context, local_addr=(source, 0)), PATIENCE_S
        )
        await asyncio.wait_for(SIDES[kind][0](reader, writer), PATIENCE_S)
        writer.close()
        return True
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
        print("dialogue:", repr(error), flush=True)
        return False


# -- UDP ------------------------------------------------------------------------------------------


class Echo(asyncio.DatagramProtocol):
    """Answers noise with other noise."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, _data, peer):
        self.transport.sendto(noise(20, 1200), peer)


class Caller(asyncio.DatagramProtocol):
    """Counts answers."""

    def __init__(self):
        self.answers = 0

    def datagram_received(self, _data, _peer):
        self.answers += 1


async def exchange(source, target, port):
    transport, caller = await asyncio.get_running_loop().create_datagram_endpoint(
        Caller, local_addr=(source, 0), remote_addr=(target, port)
    )
    for _ in range(random.randint(3, 10)):
        transport.sendto(noise(20, 1200))
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    transport.close()
    return caller.answers > 0


# -- the two commands -----------------------------------------------------------------------------


async def serve(options, ports):
    context = None
    if options.kind == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)
    kept = []
    for address in options.addresses:
        for port in ports:
            if options.kind == "udp":
                loop = asyncio.get_running_loop()
                kept.append(await loop.create_datagram_endpoint(Echo, local_addr=(address, port)))
            else:
                side = SIDES[options.kind][1]
                kept.append(await asyncio.start_server(
                    lambda r, w, s=side: accept(s, r, w), address, port, ssl=context, backlog=500
                ))  # fmt: skip
    print("ready", flush=True)
    await asyncio.Event().wait()


async def talk(options, ports):
    """COUNT dialogues; sources in turn, so that each has its share, targets at random."""
    gate = asyncio.Semaphore(TOGETHER)

    async def one(number):
        async with gate:
            source = options.sources[number % len(options.sources)]
            target, port = random.choice(options.targets), random.choice(ports)
            if options.kind == "udp":
                return await exchange(source, target, port)
            return await dialogue(options.kind, source, target, port)

    done = await asyncio.gather(*(one(number) for number in range(options.count)))
    print("done", sum(done), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    server = commands.add_parser("serve")
    server.add_argument("kind", choices=[*SIDES, "udp"])
    server.add_argument("ports")
    server.add_argument("addresses", nargs="+")
    server.add_argument("--certificate")
    server.add_argument("--key")
    talker = commands.add_parser("talk")
    talker.add_argument("kind", choices=[*SIDES, "udp"])
    talker.add_argument("count", type=int)
    talker.add_argument("ports")
    talker.add_argument("--from", dest="sources", nargs="+", required=True)
    talker.add_argument("--to", dest="targets", nargs="+", required=True)
    options = parser.parse_args()
    first, _, last = options.ports.partition("-")
    ports = range(int(first), int(last or first) + 1)
    asyncio.run((serve if options.command == "serve" else talk)(options, ports))


if __name__ == "__main__":
    main()
