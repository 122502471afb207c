"""Reads the frame bus as docs/ref/frame-bus.md describes it, without the Python package."""

from __future__ import annotations

import json
import mmap
import os
import socket
import struct
from pathlib import Path
from typing import Any

import numpy as np

from server import Server

#: Where rings are unless told otherwise.
DIRECTORY = Path("/dev/shm")


def rings_of(stream: str, directory: Path = DIRECTORY) -> list[Path]:
    """The files of a stream's rings."""
    return sorted(directory.glob(f"camherd-{stream}-*"))


class Ring:
    """A file of shared memory."""

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:
            self.memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
            self.mode = os.fstat(file.fileno()).st_mode & 0o777

    def number(self, kind: str, offset: int) -> int:
        return struct.unpack_from("<" + kind, self.memory, offset)[0]

    @property
    def closed(self) -> bool:
        return self.number("I", 72) == 1

    @property
    def newest(self) -> int:
        """Number of the newest complete frame, -1 when there is none."""
        return self.number("Q", 64) - 1

    def slot(self, number: int) -> int:
        return 4096 + number % self.number("I", 44) * self.number("Q", 48)

    def holds(self, number: int) -> bool:
        at = self.slot(number)
        return self.number("Q", at) == self.number("Q", at + 120) == 2 * number + 2

    def bgr(self, number: int) -> np.ndarray:
        """A copy of a frame."""
        width, height = self.number("I", 32), self.number("I", 36)
        at = self.slot(number) + 128
        return np.frombuffer(self.memory, np.uint8, width * height * 3, at).reshape(height, width, 3).copy()


class BusReader:
    """A connection that announces frames."""

    def __init__(self, server: Server, stream: str, query: str = "") -> None:
        self._socket = socket.create_connection(server.address, 20)
        self._socket.sendall(f"GET /api/streams/{stream}/bus?{query} HTTP/1.0\r\n\r\n".encode())
        self._lines = self._socket.makefile("rb")
        self.status = int(self._lines.readline().split()[1])
        while self._lines.readline().strip():
            pass

    def line(self) -> Any:
        """The next line: a number, or an object; None at the end."""
        line = self._lines.readline()
        return json.loads(line) if line else None

    def next(self, kind: str) -> dict[str, Any]:
        """The next object of a type; others before it are skipped."""
        while (line := self.line()) is not None:
            if isinstance(line, dict) and line["type"] == kind:
                return line
        raise AssertionError(f"the bus ended before a line of the type {kind}")

    def frame(self) -> int:
        """The number of the next frame that is announced."""
        while (line := self.line()) is not None:
            if isinstance(line, int):
                return line
        raise AssertionError("the bus ended before a frame")

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def __enter__(self) -> BusReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
