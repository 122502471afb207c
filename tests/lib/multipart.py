"""Reads ``multipart/x-mixed-replace`` to the byte."""

from __future__ import annotations

from typing import NamedTuple

from http_client import Stream


class Part(NamedTuple):
    """One part: its headers with names in lower case, and its body."""

    headers: dict[str, str]
    body: bytes


class MultipartReader:
    """Reads parts; each one with the boundary that closes it, so nothing is left over when none is late."""

    def __init__(self, stream: Stream) -> None:
        kind, _, boundary = stream.headers["Content-Type"].partition(";boundary=")
        assert kind == "multipart/x-mixed-replace", stream.headers["Content-Type"]
        self._stream = stream
        self._delimiter = b"--" + boundary.encode() + b"\r\n"
        self._buffer = bytearray()
        self._fill(len(self._delimiter))
        assert self._take(len(self._delimiter)) == self._delimiter, "the body must begin with the boundary"

    @property
    def left_over(self) -> bytes:
        """Bytes that were read after the last part's closing boundary."""
        return bytes(self._buffer)

    def next(self) -> Part:
        """The next part."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head = self._take(self._buffer.index(b"\r\n\r\n") + 4).decode().strip()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n"))
        headers = {name.lower(): value for name, value in headers.items()}
        length = int(headers["content-length"])
        closing = b"\r\n" + self._delimiter
        self._fill(length + len(closing))
        body = self._take(length)
        assert self._take(len(closing)) == closing, "Content-Length does not lead to the boundary"
        return Part(headers, body)

    def _fill(self, count: int) -> None:
        while len(self._buffer) < count:
            self._more()

    def _more(self) -> None:
        chunk = self._stream.read_available()
        assert chunk, "the stream ended within a part"
        self._buffer += chunk

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken
