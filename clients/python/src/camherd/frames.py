"""One frame as a capture holds it, its pixels as arrays, and the memory for them."""

from __future__ import annotations

import importlib
import importlib.util
import io
import sys
import threading
import time
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .errors import CamherdError

Pixels = npt.NDArray[np.uint8]

#: Formats of pixels as ``format=`` names them, with their numbers in the frame bus.
PIXEL_FORMATS = {"bgr24": 1, "gray": 2, "i420": 3}
#: Everything that ``format=`` may be.
FORMATS = (*PIXEL_FORMATS, "jpeg")


def frame_bytes(pixel_format: str, width: int, height: int) -> int:
    """Bytes of one frame. I420 has a chroma sample for each begun pair of columns and of rows."""
    if pixel_format == "bgr24":
        return width * height * 3
    if pixel_format == "gray":
        return width * height
    return width * height + 2 * ((width + 1) // 2) * ((height + 1) // 2)


def array_shape(pixel_format: str, width: int, height: int) -> tuple[int, ...]:
    """The shape as OpenCV has it: I420 is one channel with half as many rows again, flat where a side is odd."""
    if pixel_format == "bgr24":
        return (height, width, 3)
    if pixel_format == "gray":
        return (height, width)
    if width % 2 or height % 2:
        return (frame_bytes(pixel_format, width, height),)
    return (height * 3 // 2, width)


class FrameTimes(NamedTuple):
    """When a frame passed which point: nanoseconds of this machine's ``CLOCK_MONOTONIC``, 0 where unknown."""

    #: At the camera, as far as it tells.
    captured: int
    #: Its last byte reached the server.
    received: int
    #: It left the decoder.
    decoded: int
    #: Readers could have it.
    published: int


class Frame(ABC):
    """A frame that a reader has grabbed."""

    #: Number of the frame as the server counts.
    sequence: int
    width: int
    height: int
    #: Unix time in nanoseconds by the server's clock.
    captured_ns: int
    #: Frames between the one before and this that the reader did not get.
    missed: int = 0

    @property
    def times(self) -> FrameTimes | None:
        """Known only in shared memory."""
        return None

    @abstractmethod
    def age(self) -> float:
        """Seconds since it was captured."""

    @abstractmethod
    def pixels(self, pool: ArrayPool, out: Pixels | None, copy: bool, convert: bool) -> Pixels | None:
        """Its pixels, in ``out`` where that fits; None when it has been overwritten.

        ``copy=False`` allows a view of memory that may be overwritten later. ``convert=False`` leaves a JPEG as it is.
        """

    def intact(self) -> bool:
        """Whether its memory still holds this frame."""
        return True


class WireFrame(Frame):
    """A frame that came over the network: it is ours."""

    def __init__(
        self,
        sequence: int,
        size: tuple[int, int],
        captured_ns: int,
        clock_ahead_ns: int,
        data: Pixels,
        jpeg: bool,
    ) -> None:
        self.sequence = sequence
        self.width, self.height = size
        self.captured_ns = captured_ns
        self._captured_here_ns = captured_ns - clock_ahead_ns
        self._data, self._jpeg = data, jpeg

    def age(self) -> float:
        return (time.time_ns() - self._captured_here_ns) / 1e9

    def pixels(self, pool: ArrayPool, out: Pixels | None, copy: bool, convert: bool) -> Pixels | None:
        data = decode_jpeg(self._data) if self._jpeg and convert else self._data
        if fits(out, data.shape):
            assert out is not None
            np.copyto(out, data)
            return out
        return data


def fits(out: Pixels | None, shape: tuple[int, ...]) -> bool:
    """Whether an array that the caller gave takes a frame of that shape."""
    return isinstance(out, np.ndarray) and out.dtype == np.uint8 and out.shape == shape and out.flags.writeable


class ArrayPool:
    """Arrays for frames, used again once nobody else has them.

    A new array of a megabyte is memory that the system has to map and clear page by page, which costs more than the
    copy into it. Whether an array, or any view of it, is still in use its reference count tells.
    """

    #: The frame being read, the one grabbed, and two that a program keeps to compare. One more costs a fresh array.
    KEEP = 4

    def __init__(self) -> None:
        self._arrays: list[Pixels] = []
        self._lock = threading.Lock()
        self._unused = _count_when_unused()

    def take(self, shape: tuple[int, ...]) -> Pixels:
        """An array whose contents are anything."""
        if self._unused is None:
            return np.empty(shape, np.uint8)
        with self._lock:
            if self._arrays and self._arrays[0].shape != shape:
                self._arrays.clear()
            for array in self._arrays:
                if sys.getrefcount(array) == self._unused:
                    return array
            if len(self._arrays) >= self.KEEP:
                # Whoever has it keeps it.
                del self._arrays[0]
            # Not a view: a view of a view refers to the owner of the memory, and that must be what is counted.
            self._arrays.append(np.empty(shape, np.uint8))
            return self._arrays[-1]


def _count_when_unused() -> int | None:
    """What ``sys.getrefcount`` says, in a loop, of an array that only its list has; None where counts do not tell."""
    gil_enabled = getattr(sys, "_is_gil_enabled", lambda: True)
    if sys.implementation.name != "cpython" or not gil_enabled():
        return None
    for array in [np.empty(1, np.uint8)]:
        return sys.getrefcount(array)
    return None


def find_jpeg_decoder() -> str | None:
    """The module that decodes JPEG here, if any."""
    for name in ("cv2", "PIL"):
        if name in sys.modules or importlib.util.find_spec(name) is not None:
            return name
    return None


def decode_jpeg(data: Pixels) -> Pixels:
    """To BGR. Raises ``ImportError`` without a decoder, ``CamherdError`` for what is no JPEG."""
    decoder = find_jpeg_decoder()
    picture: Any = None
    if decoder == "cv2":
        cv2 = importlib.import_module("cv2")
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    elif decoder == "PIL":
        try:
            image = importlib.import_module("PIL.Image").open(io.BytesIO(data.tobytes()))
            picture = np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])
        except (OSError, ValueError, SyntaxError):
            picture = None
    else:
        raise ImportError(JPEG_NEEDS)
    if picture is None:
        raise CamherdError("a frame is not a JPEG that can be decoded")
    pixels: Pixels = picture
    return pixels


#: Why JPEG frames cannot be had.
JPEG_NEEDS = (
    "format='jpeg' needs OpenCV or Pillow to decode the frames: pip install 'camherd[opencv]'; "
    "or set CAP_PROP_CONVERT_RGB to 0 for the JPEG files themselves"
)
