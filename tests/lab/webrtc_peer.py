"""A WebRTC data channel by aiortc: `webrtc_peer.py answer|offer FOLDER BYTES`.

The two descriptions pass through files, which stand for a signalling server; the offering side
sends BYTES of noise over the channel, which the other side sends back.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

PATIENCE_S = 40.0
CHUNK = 8192


def put(path, description):
    """Writes so that a reader sees all of it or nothing."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"sdp": description.sdp, "type": description.type}))
    part.rename(path)


async def take(path):
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(path)
        await asyncio.sleep(0.1)
    return RTCSessionDescription(**json.loads(path.read_text()))


async def answer(folder, _size):
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    over = asyncio.Event()

    @peer.on("datachannel")
    def on_channel(channel):
        channel.on("message", lambda data: channel.send(data))
        channel.on("close", lambda: over.set())

    await peer.setRemoteDescription(await take(folder / "offer"))
    await peer.setLocalDescription(await peer.createAnswer())
    put(folder / "answer", peer.localDescription)
    await over.wait()


async def offer(folder, size):
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    channel = peer.createDataChannel("noise")
    back, over = [], asyncio.Event()

    @channel.on("open")
    def on_open():
        for _ in range(size // CHUNK):
            channel.send(os.urandom(CHUNK))

    @channel.on("message")
    def on_message(data):
        back.append(len(data))
        if sum(back) >= size // CHUNK * CHUNK:
            over.set()

    await peer.setLocalDescription(await peer.createOffer())
    put(folder / "offer", peer.localDescription)
    await peer.setRemoteDescription(await take(folder / "answer"))
    await asyncio.wait_for(over.wait(), PATIENCE_S)
    print("done", sum(back), flush=True)
    await peer.close()


def main():
    role, folder, size = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    asyncio.run((answer if role == "answer" else offer)(folder, size))


if __name__ == "__main__":
    main()
