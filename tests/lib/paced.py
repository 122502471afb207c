"""Viewers with a slow link: they read no faster than they are told to."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from typing import Callable, Iterable, NamedTuple

from server import Server
from websocket import BINARY, TEXT, RawWebSocket, connect

#: What the viewer's system takes in ahead of it, in bytes: little, so that the link is as slow as the viewer.
RECEIVE_BUFFER = 16 * 1024
#: The longest rest that a viewer catches up on after it was held up, in seconds.
SAVED = 0.05


class Picture(NamedTuple):
    """What arrived."""

    #: Monotonic time.
    at: float
    data: bytes


class PacedViewer:
    """A viewer on a thread of its own, of a WebSocket or of MJPEG over HTTP.

    ``rate`` is in bytes a second and can be changed at any time; None is as fast as it comes.
    """

    def __init__(self, server: Server, target: str, rate: float | None = None, *, websocket: bool = True) -> None:
        self.rate = rate
        #: The pictures, or messages of video, so far.
        self.got: list[Picture] = []
        #: The text messages so far.
        self.texts: list[bytes] = []
        #: Why it has ended, if it has.
        self.ended: str | None = None
        self._stop = threading.Event()
        self._socket: RawWebSocket | _Multipart
        if websocket:
            self._socket = RawWebSocket(server.address, target, receive_buffer=RECEIVE_BUFFER)
        else:
            self._socket = _Multipart(server, target)
        self._thread = threading.Thread(target=self._run, name=f"viewer {target}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            try:
                frame = self._socket.read_frame()
            except OSError as error:
                self.ended = repr(error)
                return
            if frame is None:
                self.ended = "the server hung up"
                return
            if self.rate:
                due = max(due, time.monotonic() - SAVED) + len(frame.payload) / self.rate
                self._stop.wait(max(0.0, due - time.monotonic()))
            if frame.opcode == BINARY:
                self.got.append(Picture(time.monotonic(), frame.payload))
            elif frame.opcode == TEXT:
                self.texts.append(frame.payload)

    def close(self) -> None:
        self._stop.set()
        try:
            # Wakes the thread, which a mere close would not.
            self._socket.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # The server was first.
        self._thread.join(10)
        self._socket.close()

    def __enter__(self) -> PacedViewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Part(NamedTuple):
    """A part of a multipart answer, in the words of a WebSocket's frame."""

    opcode: int
    payload: bytes


class _Multipart:
    """Reads parts by their length from a socket that takes in little ahead."""

    def __init__(self, server: Server, target: str) -> None:
        self.sock = connect(server.address, receive_buffer=RECEIVE_BUFFER)
        self.sock.sendall(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        self._input = self.sock.makefile("rb")
        status = self._input.readline()
        assert b" 200 " in status, status
        while self._input.readline().strip():
            pass

    def read_frame(self) -> _Part | None:
        length = None
        while True:
            line = self._input.readline()
            if not line:
                return None
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                length = int(value)
            if not line.strip() and length is not None:
                return _Part(BINARY, self._input.read(length))

    def close(self) -> None:
        self._input.close()
        self.sock.close()


class Sent(NamedTuple):
    """Of what a viewer got: which sender sent it, as how manieth, and its age when it arrived, in seconds."""

    sender: str
    number: int
    age: float


class Origins:
    """Finds out which message of which sender a viewer got, by what ``key`` makes of its bytes."""

    def __init__(self, key: Callable[[bytes], bytes] = lambda data: hashlib.sha1(data).digest()) -> None:
        self._key = key
        self._known: dict[bytes, list[tuple[float, str, int]]] = {}

    def add(self, sender: str, sent: Iterable[tuple[float, bytes]], first: int = 0) -> None:
        """Messages of a sender, from its number ``first`` on, with the monotonic times at which they were sent.

        They may repeat after a while.
        """
        for number, (at, payload) in enumerate(sent, first):
            self._known.setdefault(self._key(payload), []).append((at, sender, number))

    def find(self, picture: Picture) -> Sent:
        """Fails for what nobody has sent."""
        before = [entry for entry in self._known.get(self._key(picture.data), []) if entry[0] <= picture.at]
        assert before, f"{len(picture.data)} bytes that nobody has sent"
        at, sender, number = max(before)
        return Sent(sender, number, picture.at - at)
