"""TCPCam, both sides: a camera that serves pictures over plain TCP, and its clients.

A client sends a PIN and then a count, in ASCII and without a delimiter, in two sends. After a wrong PIN the camera
hangs up; else pictures come, each a big-endian uint32 with its length and a JPEG. A count above zero is so many
pictures, after which the camera hangs up; any other is pictures without end.
"""

from __future__ import annotations

import itertools
import socket
import struct
import time
from typing import Any, Callable, Iterator

from fake_camera import INTERVAL, FakeCamera
from tcp_push import LISTEN
from websocket import connect

PIN = b"1235"
#: What test builds of the camera send in place of pictures.
HELLO = b"Hello World from the TCPCam test build"
#: A camera's reads: what a request needs, and more.
READ = 64

Address = tuple[str, int]


def frame(payload: bytes) -> bytes:
    """A picture as it goes over the wire."""
    return struct.pack(">I", len(payload)) + payload


class Client:
    """A client of a TCPCam; each of ``pieces`` is a send of its own."""

    def __init__(
        self,
        address: Address,
        *pieces: bytes,
        source: str | None = None,
        receive_buffer: int | None = None,
        timeout: float = 15.0,
    ) -> None:
        self.sock = connect(address, source, receive_buffer, timeout)
        self._input = self.sock.makefile("rb")
        for piece in pieces:
            self.send(piece)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self) -> bytes | None:
        """The next picture; None when the camera has hung up between two."""
        try:
            head = self._input.read(4)
        except ConnectionResetError:
            return None
        if not head:
            return None
        assert len(head) == 4, f"the camera hung up within a length: {head!r}"
        (length,) = struct.unpack(">I", head)
        assert 0 < length <= 10 << 20, f"a picture of {length} bytes"
        payload = self._input.read(length)
        assert len(payload) == length, f"the camera hung up after {len(payload)} of {length} bytes"
        return payload

    def pictures(self, count: int) -> list[bytes]:
        """The next so many pictures; fails when the camera hangs up before."""
        got = []
        while len(got) < count:
            picture = self.read()
            assert picture is not None, f"the camera hung up after {len(got)} pictures"
            got.append(picture)
        return got

    def is_refused(self) -> bool:
        """Whether the camera hangs up without a byte; waits until it does either."""
        return self.read() is None

    def close(self) -> None:
        self._input.close()
        self.sock.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Request:
    """A connection to a fake camera, whose request it reads as devices do: one ``recv`` for PIN and for count."""

    def __init__(self, camera: Camera, sock: socket.socket) -> None:
        self._camera, self._sock = camera, sock

    def recv(self) -> bytes:
        return self._sock.recv(READ)

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def send_picture(self) -> None:
        """The next picture."""
        self.send(frame(self._camera.take()))

    def wait(self, seconds: float = INTERVAL) -> bool:
        """Whether the camera was switched off meanwhile."""
        return self._camera.off.wait(seconds)

    def wait_closed(self) -> None:
        """Until the client hangs up, sending nothing."""
        while self._sock.recv(READ):
            pass


Behaviour = Callable[[Request, int], None]


def normal(request: Request, count: int) -> None:
    """What a camera does."""
    sent = 0
    while (count <= 0 or sent < count) and not request.wait():
        request.send_picture()
        sent += 1


def hello(request: Request, count: int) -> None:
    """What a test build does."""
    while not request.wait():
        request.send(frame(HELLO))


class Camera(FakeCamera):
    """A TCPCam, strict as the devices are: what joins PIN and count is refused.

    ``behave`` serves a connection whose PIN was right; its end is the end of the connection.
    """

    def __init__(self, behave: Behaviour = normal, pin: bytes = PIN) -> None:
        self._behave, self._pin = behave, pin
        #: What each connection sent, a ``recv`` each.
        self.requests: list[list[bytes]] = []
        super().__init__()

    def url(self, pin: str | None = None) -> str:
        return f"tcpcam://127.0.0.1:{self.port}" + ("" if pin is None else f"?pin={pin}")

    def talk(self, sock: socket.socket) -> None:
        received: list[bytes] = []
        self.requests.append(received)
        received.append(sock.recv(READ))
        if received[0].rstrip(b"\r\n\0") != self._pin:
            return
        received.append(sock.recv(READ))
        self._behave(Request(self, sock), int(received[1].rstrip(b"\r\n\0")))


def serving(port: int, pin: str = PIN.decode(), **more: Any) -> list[str]:
    """The flags of a server that serves the stream ``door`` to clients of a TCPCam."""
    options = {"listen": f"127.0.0.1:{port}", "pin": pin, "stream": "door", **more}
    pairs = ((f"--tcpcam-server-{key.replace('_', '-')}", str(value)) for key, value in options.items())
    return [*LISTEN, *itertools.chain(*pairs)]


def splits(data: bytes) -> Iterator[tuple[bytes, ...]]:
    """``data`` whole, in two pieces cut at every position, and byte by byte."""
    yield (data,)
    for at in range(1, len(data)):
        yield data[:at], data[at:]
    yield tuple(data[at : at + 1] for at in range(len(data)))


def send_apart(client: Client, pieces: tuple[bytes, ...], pause: float = 0.02) -> None:
    """Sends the pieces with a device's pause between them, so that they arrive one by one."""
    for piece in pieces:
        client.send(piece)
        time.sleep(pause)
