"""Pictures for cameras to send: test pictures that say who they are, and broken ones."""

from __future__ import annotations

import binascii
import struct
import time
from pathlib import Path
from typing import Iterator, NamedTuple

import cv2
import numpy as np

import test_picture

#: Real pictures in odd forms, shared with the unit tests.
VECTORS = Path(__file__).parents[2] / "testdata/jpeg"

SOI, EOI, SOS, DQT, DHT, COM = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xFE
SOF0 = 0xC0


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def picture(
    sequence: int,
    size: tuple[int, int] = (320, 240),
    captured_ms: int | None = None,
    quality: int = 85,
    noise: int = 0,
) -> bytes:
    """A JPEG whose strip says its number and time; ``noise`` (0 to 255) makes it large."""
    width, height = size
    ramp = np.add.outer(np.arange(height) * 3 + sequence * 7, np.arange(width) * 2)
    image = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        image[:, :, channel] = 60 + (ramp + 40 * channel) % 128
    if noise:
        rough = np.random.default_rng(sequence).integers(0, noise, image.shape, np.uint8)
        image = cv2.add(image, rough)
    _draw_strip(image, _cells(sequence, now_ms() if captured_ms is None else captured_ms))
    done, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return jpeg.tobytes()


def decode(jpeg: bytes) -> np.ndarray:
    """The picture as BGR."""
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None, f"{len(jpeg)} bytes are no picture"
    return image


def sequence_of(jpeg: bytes) -> int:
    """The number in the strip of a JPEG."""
    return test_picture.read(decode(jpeg)).sequence


def _cells(sequence: int, captured_ms: int) -> np.ndarray:
    """3 rows of 36 booleans; true is white (docs/ref/test-picture.md)."""
    data = struct.pack(">IQ", sequence, captured_ms)[:4] + struct.pack(">Q", captured_ms)[2:]
    data += struct.pack(">H", binascii.crc_hqx(data, 0xFFFF))
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).reshape(3, 32).astype(bool)
    finder = np.add.outer(np.arange(3), np.arange(36)) % 2 == 0
    finder[:, 2:34] = bits
    return finder


def _draw_strip(image: np.ndarray, cells: np.ndarray) -> None:
    height, width = image.shape[:2]
    for r, row in enumerate(cells):
        y0, y1 = height * (27 + r) // 30, height * (28 + r) // 30
        for c, white in enumerate(row):
            image[y0:y1, width * c // 36 : width * (c + 1) // 36] = 235 if white else 16


class Segment(NamedTuple):
    """A marker segment before the first scan's data: marker code, first byte and end in the file."""

    code: int
    start: int
    end: int


def segments(jpeg: bytes) -> Iterator[Segment]:
    """The segments from after SOI to the scan header inclusive."""
    at = 2
    while True:
        assert jpeg[at] == 0xFF, f"no marker at {at}"
        code = jpeg[at + 1]
        end = at + 2 + struct.unpack_from(">H", jpeg, at + 2)[0]
        yield Segment(code, at, end)
        if code == SOS:
            return
        at = end


def find(jpeg: bytes, code: int) -> Segment:
    """The first segment with this marker."""
    return next(segment for segment in segments(jpeg) if segment.code == code)


def without(jpeg: bytes, code: int) -> bytes:
    """The picture with all segments of this marker taken out."""
    for segment in reversed(list(segments(jpeg))):
        if segment.code == code:
            jpeg = jpeg[: segment.start] + jpeg[segment.end :]
    return jpeg


def with_frame_header(
    jpeg: bytes,
    *,
    marker: int | None = None,
    precision: int | None = None,
    size: tuple[int, int] | None = None,
    components: int | None = None,
) -> bytes:
    """The picture with fields of its frame header (ITU-T T.81, B.2.2) replaced."""
    at = find(jpeg, SOF0).start
    out = bytearray(jpeg)
    if marker is not None:
        out[at + 1] = marker
    if precision is not None:
        out[at + 4] = precision
    if size is not None:
        struct.pack_into(">HH", out, at + 5, size[1], size[0])
    if components is not None:
        out[at + 9] = components
    return bytes(out)


def padded(jpeg: bytes, length: int) -> bytes:
    """The picture made ``length`` bytes long by comments, so that only its size is out of bounds."""
    missing = length - len(jpeg)
    comments = bytearray()
    while missing > 0:
        # A comment takes four bytes and at most 65533 more; no rest may be too short for one.
        step = min(missing, 65537)
        if 0 < missing - step < 4:
            step -= 4
        comments += struct.pack(">BBH", 0xFF, COM, step - 2) + bytes(step - 4)
        missing -= step
    out = jpeg[:2] + bytes(comments) + jpeg[2:]
    assert len(out) == length
    return out
