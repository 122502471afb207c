"""A server of the TCP push protocol, written from its description alone: it takes what is pushed and keeps it.

A connection begins with three little-endian int32 (stream number, type, quality); then each chunk comes behind its
size, a little-endian int32; size 0 is the end.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from typing import Callable

from sockets import hang_up
from wait import eventually

#: Largest chunk that the protocol allows.
MAX_CHUNK = 10 * 1024 * 1024
MJPEG, H264 = 0, 1
LOW, HIGH = 0, 1


class Push:
    """One connection: what has come over it so far."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.header: tuple[int, int, int] | None = None
        self.chunks: list[bytes] = []
        #: When each chunk was complete, on the clock of ``time.monotonic``.
        self.times: list[float] = []
        #: Size 0 has come.
        self.done = False
        #: Nothing more comes: the sender has closed, after a whole chunk or not.
        self.closed = False
        self.left_over = b""

    def _read(self, length: int) -> bytes | None:
        data = b""
        while len(data) < length:
            more = self.socket.recv(length - len(data))
            if not more:
                self.left_over = data
                return None
            data += more
        return data

    def run(self, pause: Callable[[int], None]) -> None:
        """Reads to the end; ``pause`` is called after each chunk with their number."""
        try:
            self._run(pause)
        except OSError:
            pass  # Either side has hung up.
        self.closed = True

    def _run(self, pause: Callable[[int], None]) -> None:
        header = self._read(12)
        if header is None:
            return
        self.header = struct.unpack("<iii", header)
        while (head := self._read(4)) is not None:
            (size,) = struct.unpack("<i", head)
            assert 0 <= size <= MAX_CHUNK, f"a chunk of {size} bytes"
            if size == 0:
                self.done = True
                # Nothing may follow.
                self.left_over = self.socket.recv(1)
                self.socket.close()
                return
            chunk = self._read(size)
            if chunk is None:
                return
            self.chunks.append(chunk)
            self.times.append(time.monotonic())
            pause(len(self.chunks))

    def hang_up(self) -> None:
        hang_up(self.socket)


class PushServer:
    """Listens; each connection is a ``Push`` in ``pushes``."""

    def __init__(
        self, port: int = 0, pause: Callable[[int], None] = lambda _: None, receive_buffer: int | None = None
    ) -> None:
        self._pause = pause
        self.pushes: list[Push] = []
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def url(self, number: int = 1, query: str = "") -> str:
        return f"tcp://127.0.0.1:{self.port}/{number}{query}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            push = Push(sock)
            self.pushes.append(push)
            threading.Thread(target=push.run, args=(self._pause,), daemon=True).start()

    def ended(self, count: int = 1) -> list[Push]:
        """Waits until so many connections have been read to their ends; fails for one more."""

        def all_of_them() -> bool:
            assert len(self.pushes) == count and all(push.closed for push in self.pushes), self.pushes
            return True

        eventually(all_of_them, f"the end of {count} connections")
        return self.pushes

    def close(self) -> None:
        hang_up(self._listener)
        for push in self.pushes:
            push.hang_up()

    def __enter__(self) -> PushServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
