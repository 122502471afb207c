"""The Arduino sketch of firmware/arduino, byte for byte as its library (arduinoWebSockets 2.x) speaks.

The library writes its request by hand and reads the answer by hand, so what counts is bytes, not what RFC 6455 allows:
the order of the request's lines, an answer whose ``Connection`` is nothing but ``Upgrade``, a key that is checked.
Frames larger than 1400 bytes go out in two writes under the mask 00 00 00 00.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import struct
from pathlib import Path

import pytest

import jpegs
from server import Server
from wait import eventually
from websocket import PING, PONG, TEXT, connect, frame

SKETCH = Path(__file__).parents[1] / "firmware/arduino/camherd_camera/camherd_camera.ino"
#: RFC 6455, 1.3.
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
BINARY_FIN, MASKED = 0x82, 0x80
#: Below, the library copies header and payload into one buffer and masks it.
ONE_WRITE = 1400


def setting(name: str) -> str:
    """What the sketch has in ``const char *NAME = "...";``."""
    found = re.search(rf'const char \*{name} = "([^"]*)";', SKETCH.read_text())
    assert found, f"the sketch has no {name}"
    return found[1]


class Sketch:
    """The client's side of the library."""

    def __init__(self, server: Server) -> None:
        self.sock = connect(server.address)
        self.key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {setting('PATH')} HTTP/1.1",
            f"Host: {server.address[0]}:{server.address[1]}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {self.key}",
            "Sec-WebSocket-Protocol: arduino",
            "Origin: file://",
            "User-Agent: arduino-WebSocket-Client",
        ]
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode())
        self.status, self.headers = self._read_head()

    def _read_line(self) -> str:
        """As ``readStringUntil('\\n')`` and ``trim()``: one byte at a time, nothing beyond."""
        line = bytearray()
        while not line.endswith(b"\n"):
            byte = self.sock.recv(1)
            assert byte, f"the server hung up after {bytes(line)!r}"
            line += byte
        return line.decode().strip()

    def _read_head(self) -> tuple[int, dict[str, str]]:
        first = self._read_line()
        assert first.startswith("HTTP/1."), first
        headers = {}
        while line := self._read_line():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.removeprefix(" ")
        return int(first[9:12]), headers

    def accepts(self) -> bool:
        """The library's own conditions for a connection."""
        expected = base64.b64encode(hashlib.sha1((self.key + GUID).encode()).digest()).decode()
        return (
            self.status == 101
            and self.headers.get("connection", "").lower() == "upgrade"
            and self.headers.get("upgrade", "").lower() == "websocket"
            and self.headers.get("sec-websocket-accept", "").strip() == expected
        )

    def send_bin(self, payload: bytes) -> None:
        """``sendBIN``: from 65535 bytes on, one too early, the length has 64 bits."""
        if len(payload) < ONE_WRITE:
            self.sock.sendall(frame(2, payload))
            return
        if len(payload) < 0xFFFF:
            head = struct.pack(">BBH", BINARY_FIN, MASKED | 126, len(payload))
        else:
            head = struct.pack(">BBQ", BINARY_FIN, MASKED | 127, len(payload))
        self.sock.sendall(head + bytes(4))
        self.sock.sendall(payload)

    def read_frame(self) -> tuple[int, bytes]:
        """A small frame of the server."""
        head = self._exactly(2)
        assert head[1] < 126, "answers to this client are short"
        return head[0] & 15, self._exactly(head[1])

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            assert more, "the server hung up"
            data += more
        return data

    def __enter__(self) -> Sketch:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()


def padded(jpeg: bytes, size: int) -> bytes:
    """The same picture in exactly ``size`` bytes, by a comment after its first marker."""
    room = size - len(jpeg) - 4
    assert 0 <= room <= 0xFFFF - 2
    return jpeg[:2] + struct.pack(">BBH", 0xFF, jpegs.COM, room + 2) + bytes(room) + jpeg[2:]


def stream_of(path: str) -> str:
    return path.rsplit("/", 1)[1]


def test_the_answer_is_as_the_library_reads_it(server):
    with Sketch(server) as sketch:
        assert sketch.accepts(), (sketch.status, sketch.headers)
        assert sketch.headers["sec-websocket-protocol"] == "arduino"
        # It would repeat these with its next request.
        assert "sec-websocket-extensions" not in sketch.headers


@pytest.mark.parametrize("size", [None, 0xFFFE, 0xFFFF, 0x10000], ids=["as it comes", "65534", "65535", "65536"])
def test_a_picture_is_shown_whatever_its_length(server, size):
    name = stream_of(setting("PATH"))
    jpeg = jpegs.picture(7, size=(640, 480), quality=50)
    with Sketch(server) as sketch:
        sketch.send_bin(jpeg if size is None else padded(jpeg, size))
        server.wait_live(name)
        stream = server.stream(name)
        assert (stream["width"], stream["height"]) == (640, 480)
        assert jpegs.sequence_of(server.get(f"/streams/{name}/snapshot.jpg").body) == 7


def test_heartbeats_are_answered(server):
    with Sketch(server) as sketch:
        sketch.sock.sendall(frame(PING))
        while True:
            opcode, payload = sketch.read_frame()
            if opcode != TEXT:  # a server may say hello; the sketch does not listen
                break
        assert (opcode, payload) == (PONG, b"")


def test_the_sketch_comes_back_after_its_connection_was_cut(server):
    name = stream_of(setting("PATH"))
    for count in (1, 2):
        with Sketch(server) as sketch:
            assert sketch.accepts()
            sketch.send_bin(jpegs.picture(count))
            eventually(lambda: server.streams().get(name, {}).get("received") == count, f"picture {count}")
        eventually(lambda: server.stream(name)["state"] == "offline", "offline")
