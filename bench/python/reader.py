"""A program that reads a camera as people do, and notes when each picture was in its array.

    python reader.py KIND WIDTH HEIGHT [SERVER]

KIND: ``ffmpeg-old`` and ``ffmpeg-tuned`` (ffmpeg into a pipe), ``cv2`` (``cv2.VideoCapture``), ``camherd``
(``camherd.VideoCapture`` through SERVER, which must give shared memory). ``ready`` is printed once everything is
imported; from then on, commands come in as lines:

``first URL``: opens, reads one frame and closes; prints ``first NS``, nanoseconds from before opening to the array.
``run URL``: opens and reads until the next line; prints ``running`` at the first frame, and at the end ``frames N``
and N lines ``PICTURE ARRIVED RECEIVED DECODED PUBLISHED``: the number that the bar code shows (-1: none that can be
read), when the frame was in the array, and when camherd had its last packet, had decoded it and had written it (0:
unknown), all CLOCK_MONOTONIC in nanoseconds.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from typing import Callable, NamedTuple, Optional

import numpy as np

UNKNOWN = (0, 0, 0)
#: Edge of a cell of the bar code in pixels, its bits, and where their middles are: bench/src/frames.rs.
CELL, BITS = 32, 7
ROW, COLUMNS = CELL // 2, slice(CELL // 2, 2 * BITS * CELL, CELL)
STDIN = 0


class Reader(NamedTuple):
    """An opened camera."""

    #: The next frame, None when there is none any more.
    read: Callable[[], Optional[np.ndarray]]
    #: When the server had received, decoded and published the frame that was read last; 0 where there is no server.
    times: Callable[[], tuple[int, int, int]]
    close: Callable[[], None]


def open_ffmpeg(url: str, width: int, height: int, options: list[str]) -> Reader:
    command = ["ffmpeg", "-v", "error", *options, "-rtsp_transport", "tcp", "-i", url, "-an"]
    command += ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{width}x{height}", "-"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    pipe = process.stdout
    image = np.empty((height, width, 3), np.uint8)
    memory = memoryview(image).cast("B")

    def read() -> Optional[np.ndarray]:
        return image if pipe.readinto(memory) == len(memory) else None

    def close() -> None:
        process.kill()
        process.wait()
        pipe.close()

    return Reader(read, lambda: UNKNOWN, close)


def open_cv2(url: str) -> Reader:
    import cv2

    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    return Reader(lambda: capture.read()[1], lambda: UNKNOWN, capture.release)


def open_camherd(url: str, server: str) -> Reader:
    import camherd

    capture = camherd.VideoCapture(url, server=server)
    if capture.isOpened() and capture.transport != "shm":
        sys.exit(f"camherd.VideoCapture reads by {capture.transport!r} instead of from shared memory")

    def times() -> tuple[int, int, int]:
        known = capture.frame_times
        return (known.received, known.decoded, known.published) if known is not None else UNKNOWN

    return Reader(lambda: capture.read()[1], times, capture.release)


def opener(kind: str, width: int, height: int, server: str) -> Callable[[str], Reader]:
    """How a reader of that kind is opened; imports what it needs, so that no opening is slower for it."""
    if kind == "ffmpeg-old":
        return lambda url: open_ffmpeg(url, width, height, [])
    if kind == "ffmpeg-tuned":
        tuned = ["-fflags", "nobuffer", "-flags", "low_delay", "-probesize", "32", "-analyzeduration", "0"]
        return lambda url: open_ffmpeg(url, width, height, tuned)
    if kind == "cv2":
        import cv2  # noqa: F401

        return lambda url: open_cv2(url)
    if kind == "camherd":
        import camherd  # noqa: F401

        return lambda url: open_camherd(url, server)
    sys.exit(f"{kind!r} is no kind of reader")


def bar_code(image: np.ndarray) -> bytes:
    """A pixel of each of its cells, which is all that is done with a frame while CPU time is measured."""
    return image[ROW, COLUMNS, 1].tobytes()


def picture(cells: bytes) -> int:
    """The number that a bar code shows: the bits, least significant first, and then the same inverted."""
    bits = [cell >= 128 for cell in cells]
    if any(bit == inverted for bit, inverted in zip(bits[:BITS], bits[BITS:])):
        return -1
    return sum(bit << place for place, bit in enumerate(bits[:BITS]))


def first(opened: Callable[[str], Reader], url: str) -> None:
    begin = time.monotonic_ns()
    reader = opened(url)
    image = reader.read()
    end = time.monotonic_ns()
    reader.close()
    if image is None:
        sys.exit("no first frame")
    print(f"first {end - begin}", flush=True)


def run(opened: Callable[[str], Reader], url: str) -> None:
    reader = opened(url)
    seen: list[tuple[bytes, int, tuple[int, int, int]]] = []
    while not select.select([STDIN], [], [], 0)[0]:
        image = reader.read()
        arrived = time.monotonic_ns()
        if image is None:
            sys.exit(f"no frame after {len(seen)}")
        seen.append((bar_code(image), arrived, reader.times()))
        if len(seen) == 1:
            print("running", flush=True)
    reader.close()
    records = [(picture(cells), arrived, *times) for cells, arrived, times in seen]
    lines = [f"frames {len(records)}"] + [" ".join(map(str, record)) for record in records]
    print("\n".join(lines), flush=True)


def next_command() -> str:
    """The next line, "" at the end; unbuffered, so that ``run`` can wait for the one after it."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(STDIN, 1)
        if not byte:
            return ""
        line += byte
    return line.decode().strip()


def main() -> None:
    kind, width, height, *rest = sys.argv[1:]
    opened = opener(kind, int(width), int(height), rest[0] if rest else "")
    print("ready", flush=True)
    while command := next_command():
        what, _, url = command.partition(" ")
        if what == "first":
            first(opened, url)
        elif what == "run":
            run(opened, url)


if __name__ == "__main__":
    main()
