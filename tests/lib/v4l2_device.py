"""A camera of this machine for a machine without one: what a command that it is preloaded into finds at a path."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import Iterable, NamedTuple

import cv2
import numpy as np

SOURCES = Path(__file__).parent / "fake_v4l2"
#: There is no such device on any machine.
PATH = "/dev/video97"
#: What is in the place of the bytes behind a row.
PADDING = 0x77


class Frame(NamedTuple):
    """What the device captures at a time."""

    data: bytes
    #: The device says that a part of it is missing or wrong.
    broken: bool = False


def build(directory: Path) -> Path:
    """The library to preload."""
    library = directory / "fake_v4l2.so"
    sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
    strict = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["cc", *strict, "-o", str(library), *sources, "-ldl", "-pthread"], check=True)
    return library


class V4l2Device:
    """What the device is like; ``environment`` is for a command that is to find it at ``PATH``."""

    def __init__(
        self,
        library: Path,
        directory: Path,
        frames: Iterable[Frame],
        *,
        formats: str = "MJPG",
        size: tuple[int, int] = (320, 240),
        stride: int = 0,
        image: int = 100_000,
        fps: int = 20,
        buffers: int = 1,
        fail: str = "",
        swaps: str = "",
    ) -> None:
        self._log = directory / "v4l2.log"
        stored = directory / "v4l2.frames"
        stored.write_bytes(b"".join(struct.pack("<II", len(f.data), f.broken) + f.data for f in frames))
        settings = {
            "PATH": PATH, "LOG": self._log, "FRAMES": stored, "FORMATS": formats, "SIZE": f"{size[0]}x{size[1]}",
            "STRIDE": stride, "IMAGE": image, "FPS": fps, "BUFFERS": buffers, "FAIL": fail,
        }  # fmt: skip
        self.environment = {f"FAKE_V4L2_{name}": str(value) for name, value in settings.items()}
        if swaps:
            self.environment["FAKE_V4L2_SWAPS"] = swaps
        self.environment["LD_PRELOAD"] = str(library)

    @property
    def log(self) -> list[str]:
        """The calls so far that tell something."""
        return self._log.read_text().splitlines() if self._log.exists() else []

    def assert_used_well(self) -> None:
        """Fails when the command did what the kernel refuses."""
        log = self.log
        assert log[:1] == ["open"], "nobody has opened it"
        assert [line for line in log if line.startswith("WRONG") or "not known" in line] == [], log


def rows(samples: np.ndarray, padding: int) -> bytes:
    """Rows of bytes, each with so much padding behind it."""
    return np.pad(samples, ((0, 0), (0, padding)), constant_values=PADDING).tobytes()


def yuyv(image: np.ndarray, padding: int = 0) -> bytes:
    """A picture as 4:2:2, packed."""
    packed = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_YUYV)
    return rows(packed.reshape(packed.shape[0], -1), padding)


def yu12(image: np.ndarray, padding: int = 0) -> bytes:
    """A picture as 4:2:0 in three planes; the padding of chroma is half of that of luma."""
    height, width = image.shape[:2]
    planes = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).reshape(-1)
    luma, chroma = planes[: width * height], planes[width * height :]
    return rows(luma.reshape(height, width), padding) + rows(chroma.reshape(height, width // 2), padding // 2)


def nv12(image: np.ndarray, padding: int = 0) -> bytes:
    """A picture as 4:2:0 with a plane of luma and one of chroma."""
    height, width = image.shape[:2]
    planes = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).reshape(-1)
    luma, chroma = planes[: width * height], planes[width * height :].reshape(2, -1)
    pairs = np.ascontiguousarray(chroma.T).reshape(height // 2, width)
    return rows(luma.reshape(height, width), padding) + rows(pairs, padding)
