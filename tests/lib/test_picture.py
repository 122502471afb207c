"""Reads the machine-readable strip of camherd's test picture (docs/ref/test-picture.md).

    code = read(image)     # gray (height, width) or BGR (height, width, 3), uint8, as OpenCV gives it
    code.sequence, code.captured_ms
"""

from __future__ import annotations

import binascii
from typing import NamedTuple

import numpy as np

COLUMNS = 36
ROWS = 3
GRID_ROWS = 30
#: Finder columns at either end.
FINDER = 2
#: Least difference between mean white and mean black.
MIN_CONTRAST = 48
#: Smallest picture: a cell has two by two pixels.
MIN_WIDTH, MIN_HEIGHT = 72, 60


class Code(NamedTuple):
    """What the strip says."""

    #: Number of the frame, wrapping at 2**32.
    sequence: int
    #: When it was taken, in milliseconds since 1970-01-01 UTC.
    captured_ms: int


class ReadError(ValueError):
    """No code was read; ``kind`` is ``size``, ``contrast``, ``finder`` or ``crc``."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def read(image: np.ndarray) -> Code:
    """Reads the strip of a whole picture of any size from 72x60; raises ReadError."""
    height, width = image.shape[:2]
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        raise ReadError("size", f"{width}x{height} is too small, {MIN_WIDTH}x{MIN_HEIGHT} is needed")
    means = np.array([[_sample(image, column, row) for column in range(COLUMNS)] for row in range(ROWS)])
    white_finder = np.add.outer(np.arange(ROWS), np.arange(COLUMNS)) % 2 == 0
    is_finder = np.zeros((ROWS, COLUMNS), bool)
    is_finder[:, :FINDER] = is_finder[:, -FINDER:] = True
    white = means[is_finder & white_finder].mean()
    black = means[is_finder & ~white_finder].mean()
    if white - black < MIN_CONTRAST:
        raise ReadError("contrast", f"white is {white - black:.0f} above black, {MIN_CONTRAST} are needed")
    cells = means > (white + black) / 2
    if (cells != white_finder)[is_finder].any():
        raise ReadError("finder", "a finder cell has the wrong colour")
    return from_cells(cells)


def from_cells(cells: np.ndarray) -> Code:
    """The code in 3 rows of 36 booleans (true is white); raises ReadError("crc")."""
    data = np.packbits(cells[:, FINDER:-FINDER]).tobytes()
    found, computed = int.from_bytes(data[10:], "big"), binascii.crc_hqx(data[:10], 0xFFFF)
    if found != computed:
        raise ReadError("crc", f"the CRC is {found:#06x}, the bits give {computed:#06x}")
    return Code(int.from_bytes(data[:4], "big"), int.from_bytes(data[4:10], "big"))


def _sample(image: np.ndarray, column: int, row: int) -> float:
    """Mean luma of the middle half of a cell."""
    height, width = image.shape[:2]
    x0, x1 = _middle(width, column, COLUMNS)
    y0, y1 = _middle(height, GRID_ROWS - ROWS + row, GRID_ROWS)
    mean = image[y0:y1, x0:x1].mean(axis=(0, 1))
    # BT.601 from blue, green, red.
    return float(mean if image.ndim == 2 else mean[:3] @ (0.114, 0.587, 0.299))


def _middle(length: int, index: int, parts: int) -> tuple[int, int]:
    start = length * (4 * index + 1) // (4 * parts)
    return start, max(length * (4 * index + 3) // (4 * parts), start + 1)
