"""The frame bus in shared memory, version 1: a ring of frames that one server writes and any number of programs read.

Nothing is locked. The writer marks a slot before and after it writes a frame, and so a reader finds out afterwards
whether what it read was one frame.
"""

from __future__ import annotations

import errno
import mmap
import os
import platform
import stat
import struct
import sys
import threading
import time
from dataclasses import dataclass

import numpy as np

from .errors import RingUnusable
from .frames import PIXEL_FORMATS, ArrayPool, Frame, FrameTimes, Pixels, array_shape, fits, frame_bytes

MAGIC = b"CAMHERD\x01"
VERSION = 1
HEADER_BYTES = 4096
#: Bytes of a slot before its pixels.
SLOT_HEADER_BYTES = 128
#: More slots than any server makes; there is a view for each.
MAX_SLOTS = 4096
#: The largest side of a picture, pixels.
MAX_SIDE = 16384

_HEADER = struct.Struct("<8sII16sIIIIQQQI")
_NAME_AT = 128
_NEXT_WORD = 64 // 8
_CHECK_WORD = 120 // 8
# Of a slot's words after its lock: number, pts, captured (unix), captured, received, decoded, published.
_SLOT = struct.Struct("<QqqQQQQ")
_FORMAT_NAMES = {number: name for name, number in PIXEL_FORMATS.items()}


@dataclass(frozen=True)
class RingHeader:
    """What a ring says about itself, checked."""

    ring: str
    stream: str
    format: str
    width: int
    height: int
    slots: int
    slot_bytes: int
    frame_bytes: int
    #: Number of the newest complete frame + 1, 0 when there is none.
    next: int
    #: The writer has ended.
    closed: bool

    @property
    def total_bytes(self) -> int:
        """Bytes of the file that matter."""
        return HEADER_BYTES + self.slots * self.slot_bytes

    @classmethod
    def parse(cls, data: bytes, file_bytes: int) -> RingHeader:
        """Reads the first ``HEADER_BYTES`` of a file of ``file_bytes``; trusts nothing beyond the file's size.

        Raises ``RingUnusable``.
        """
        if len(data) < HEADER_BYTES or file_bytes < HEADER_BYTES:
            raise RingUnusable(f"it has {min(len(data), file_bytes)} bytes, less than a header")
        (
            magic,
            version,
            header_bytes,
            ring,
            width,
            height,
            code,
            slots,
            slot_bytes,
            size,
            following,
            closed,
        ) = _HEADER.unpack_from(data)
        if magic != MAGIC:
            raise RingUnusable("it does not begin as a frame bus does")
        if version != VERSION or header_bytes != HEADER_BYTES:
            raise RingUnusable(f"it is of version {version}, and this package reads version {VERSION}; update it")
        pixel_format = _FORMAT_NAMES.get(code)
        if pixel_format is None:
            raise RingUnusable(f"its pixel format has the unknown number {code}")
        if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
            raise RingUnusable(f"its pictures of {width}x{height} cannot be")
        if size != frame_bytes(pixel_format, width, height):
            raise RingUnusable(f"its {size} bytes a frame are not {width}x{height} of {pixel_format}")
        if not 0 < slots <= MAX_SLOTS:
            raise RingUnusable(f"its {slots} slots cannot be")
        if slot_bytes % 4096 or slot_bytes < SLOT_HEADER_BYTES + size:
            raise RingUnusable(f"its slots of {slot_bytes} bytes do not hold a frame of {size}")
        if HEADER_BYTES + slots * slot_bytes > file_bytes:
            raise RingUnusable(f"it has {file_bytes} bytes, and {slots} slots of {slot_bytes} need more")
        name = data[_NAME_AT : _NAME_AT + 64].split(b"\0", 1)[0].decode("utf-8", "replace")
        return cls(ring.hex(), name, pixel_format, width, height, slots, slot_bytes, size, following, closed == 1)


class Ring:
    """A ring opened for reading. Its memory goes when the last array that views it goes."""

    def __init__(self, path: str, ring: str) -> None:
        """Maps the file at ``path``, if it is the ring of that number. Raises ``RingUnusable``."""
        if sys.byteorder != "little" or not hasattr(mmap, "PROT_READ"):
            raise RingUnusable("this platform does not share memory with a camherd server")
        try:
            memory, self.header = _map(path)
        except OSError as problem:
            raise RingUnusable(_why_not_opened(path, problem), elsewhere=problem.errno == errno.ENOENT) from None
        except RingUnusable as problem:
            raise RingUnusable(f"the shared memory at {path} is not usable: {problem}") from None
        if self.header.ring != ring:
            raise RingUnusable(f"the shared memory at {path} belongs to another server than the one that named it")
        self._bytes = memoryview(memory)
        self._words = self._bytes[: len(self._bytes) // 8 * 8].cast("Q")
        self.size = (self.header.width, self.header.height)
        shape = array_shape(self.header.format, *self.size)
        self._slots = self.header.slots
        offsets = [HEADER_BYTES + slot * self.header.slot_bytes for slot in range(self._slots)]
        self._locks = [offset // 8 for offset in offsets]
        #: The pixels of each slot, without and with their shape.
        self._flat = [
            self._bytes[offset + SLOT_HEADER_BYTES : offset + SLOT_HEADER_BYTES + self.header.frame_bytes]
            for offset in offsets
        ]
        self._views: tuple[Pixels, ...] = tuple(
            np.ndarray(shape, np.uint8, self._bytes, offset + SLOT_HEADER_BYTES) for offset in offsets
        )

    def newest(self) -> int | None:
        """Number of the newest complete frame."""
        following = self._words[_NEXT_WORD]
        return following - 1 if following else None

    def frame(self, number: int) -> BusFrame | None:
        """A frame by its number; None when its slot has another one, or is being written."""
        words, lock, done = self._words, self._locks[number % self._slots], 2 * number + 2
        if words[lock] != done or words[lock + _CHECK_WORD] != done:
            return None
        if _REORDERS:
            _fence()
        header = _SLOT.unpack_from(self._bytes, lock * 8 + 8)
        if _REORDERS:
            _fence()
        if words[lock] != done or header[0] != number:
            return None
        return BusFrame(self, number, header)

    def holds(self, number: int) -> bool:
        """Whether all that was read of this frame up to now was this frame."""
        if _REORDERS:
            _fence()
        return bool(self._words[self._locks[number % self._slots]] == 2 * number + 2)

    def view(self, number: int) -> Pixels:
        """The pixels of the slot where this frame is or was; read-only."""
        return self._views[number % self._slots]

    def copy(self, number: int, target: Pixels) -> bool:
        """Copies the pixels of a frame into an array of its shape; whether they are all of this frame."""
        if target.flags.c_contiguous:
            # Half of what NumPy needs to find out that it is to copy bytes.
            memoryview(target).cast("B")[:] = self._flat[number % self._slots]
        else:
            np.copyto(target, self.view(number))
        return self.holds(number)


class BusFrame(Frame):
    """A frame in shared memory; the writer comes round to its slot again."""

    def __init__(self, ring: Ring, number: int, header: tuple[int, ...]) -> None:
        """``header`` is that of the slot, as ``_SLOT`` has it."""
        self._ring = ring
        self._header = header
        self.sequence = number
        self.width, self.height = ring.size
        self.captured_ns = header[2]

    @property
    def times(self) -> FrameTimes:
        return FrameTimes(*self._header[3:])

    def age(self) -> float:
        captured = self._header[3]
        if captured:
            return (time.monotonic_ns() - captured) / 1e9
        return (time.time_ns() - self.captured_ns) / 1e9

    def pixels(self, pool: ArrayPool, out: Pixels | None, copy: bool, convert: bool) -> Pixels | None:
        view = self._ring.view(self.sequence)
        given = fits(out, view.shape)
        if not copy and not given:
            return view if self.intact() else None
        target = out if given and out is not None else pool.take(view.shape)
        return target if self._ring.copy(self.sequence, target) else None

    def intact(self) -> bool:
        return self._ring.holds(self.sequence)


#: Whether this processor may read later memory before earlier memory. Those of Intel's line never do (Intel SDM volume 3,
#: 9.2.2), and Python itself reads in the order of the program.
_REORDERS = platform.machine().lower() not in ("x86_64", "amd64", "i386", "i486", "i586", "i686")

_fence_lock = threading.Lock()


def _fence() -> None:
    """Keeps what was read before it before what is read after it, where the processor would not.

    Giving a lock back orders what came before, taking it again what comes after.
    """
    with _fence_lock:
        pass
    with _fence_lock:
        pass


def _map(path: str) -> tuple[mmap.mmap, RingHeader]:
    """Raises ``OSError`` and ``RingUnusable``."""
    if not os.path.isabs(path) or "\0" in path:
        raise RingUnusable("its path is not absolute")
    # O_NONBLOCK: a pipe at that path would make opening it wait.
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise RingUnusable("it is not a file")
        header = RingHeader.parse(os.pread(file, HEADER_BYTES, 0), status.st_size)
        return mmap.mmap(file, header.total_bytes, mmap.MAP_SHARED, mmap.PROT_READ), header
    finally:
        os.close(file)


def _why_not_opened(path: str, problem: OSError) -> str:
    if problem.errno == errno.ENOENT:
        return f"{path} is not there; the server runs on another machine, or in a container"
    if problem.errno in (errno.EACCES, errno.EPERM):
        return f"{path} may not be opened: only the user that the server runs as may read its shared memory"
    return f"{path} cannot be opened: {problem.strerror or problem}"
