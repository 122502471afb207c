"""Writes a frame bus as a server does; tests may stop in the middle of a frame."""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np

HEADER, SLOT_HEADER = 4096, 128
FORMATS = {"bgr24": 1, "gray": 2, "i420": 3}


class RingWriter:
    """A ring in a file."""

    def __init__(
        self, path: Path, stream: str, pixel_format: str, width: int, height: int, frame_bytes: int, slots: int
    ) -> None:
        self.path, self.stream, self.format = path, stream, pixel_format
        self.width, self.height, self.frame_bytes, self.slots = width, height, frame_bytes, slots
        self.ring = os.urandom(16)
        self.newest: int | None = None
        self.slot_bytes = (SLOT_HEADER + frame_bytes + 4095) // 4096 * 4096
        size = HEADER + slots * self.slot_bytes
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.ftruncate(file, size)
        self.memory = mmap.mmap(file, size)
        os.close(file)
        header = struct.pack(
            "<8sII16sIIIIQQQI",
            b"CAMHERD\x01",
            1,
            HEADER,
            self.ring,
            width,
            height,
            FORMATS[pixel_format],
            slots,
            self.slot_bytes,
            frame_bytes,
            0,
            0,
        )
        self.memory[: len(header)] = header
        self.memory[128 : 128 + len(stream)] = stream.encode()

    def description(self) -> dict[str, Any]:
        """The line that says where it is."""
        return {
            "type": "ring",
            "version": 1,
            "path": str(self.path),
            "ring": self.ring.hex(),
            "stream": self.stream,
            "format": self.format,
            "width": self.width,
            "height": self.height,
            "slots": self.slots,
            "slot_bytes": self.slot_bytes,
            "frame_bytes": self.frame_bytes,
        }

    def _at(self, number: int) -> int:
        return HEADER + number % self.slots * self.slot_bytes

    def begin(self, number: int) -> None:
        """From now on, readers of the slot see that it is being written."""
        struct.pack_into("<Q", self.memory, self._at(number), 2 * number + 1)

    def fill(self, number: int, pixels: np.ndarray, captured: float) -> None:
        """The frame, between ``begin`` and ``finish``."""
        at = self._at(number)
        age_ns = int((time.time() - captured) * 1e9)
        here = time.monotonic_ns()
        struct.pack_into(
            "<QqqQQQQ", self.memory, at + 8, number, 0, int(captured * 1e9), max(1, here - age_ns), here, here, here
        )
        data = pixels.tobytes()
        self.memory[at + SLOT_HEADER : at + SLOT_HEADER + len(data)] = data
        struct.pack_into("<Q", self.memory, at + 120, 2 * number + 2)

    def finish(self, number: int) -> None:
        """It is complete."""
        struct.pack_into("<Q", self.memory, self._at(number), 2 * number + 2)
        struct.pack_into("<Q", self.memory, 64, number + 1)
        self.newest = number

    def write(self, number: int, pixels: np.ndarray, captured: float | None = None) -> None:
        """A whole frame."""
        self.begin(number)
        self.fill(number, pixels, time.time() if captured is None else captured)
        self.finish(number)
