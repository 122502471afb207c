"""Draws pictures with the machine-readable strip (docs/ref/test-picture.md) without any library.

For programs that have only the system's Python, and for tests that compare with what was sent: a picture depends
on its size, its number and its time alone.
"""

from __future__ import annotations

import binascii
from functools import lru_cache

#: Cells of the strip, and rows of the grid that it is the end of.
COLUMNS, ROWS, GRID_ROWS = 36, 3, 30
#: Finder columns at either end.
FINDER = 2
WHITE, BLACK, NEUTRAL = 235, 16, 128


def draw(width: int, height: int, sequence: int, captured_ms: int) -> bytes:
    """A picture in I420, of even width and height."""
    plane = bytearray(_backdrop(width, height, sequence % width))
    for row, cells in enumerate(strip(sequence, captured_ms)):
        line = bytearray(width)
        for column, white in enumerate(cells):
            begin, end = width * column // COLUMNS, width * (column + 1) // COLUMNS
            line[begin:end] = bytes([WHITE if white else BLACK]) * (end - begin)
        first, last = (height * (GRID_ROWS - ROWS + row + more) // GRID_ROWS for more in (0, 1))
        plane[first * width : last * width] = bytes(line) * (last - first)
    return bytes(plane) + _chroma(width, height)


def strip(sequence: int, captured_ms: int) -> list[list[bool]]:
    """The three rows of cells; true is white."""
    data = (sequence % 2**32).to_bytes(4, "big") + (captured_ms % 2**48).to_bytes(6, "big")
    data += binascii.crc_hqx(data, 0xFFFF).to_bytes(2, "big")
    bits = [bool(byte >> shift & 1) for byte in data for shift in range(7, -1, -1)]
    per_row = COLUMNS - 2 * FINDER
    rows = []
    for row in range(ROWS):
        finder = [(column + row) % 2 == 0 for column in range(COLUMNS)]
        rows.append(finder[:FINDER] + bits[row * per_row : (row + 1) * per_row] + finder[-FINDER:])
    return rows


def _backdrop(width: int, height: int, shift: int) -> bytes:
    """Luma: soft diagonal waves that move to the left, one sample a picture."""
    wave = _wave(width + height)
    return b"".join(wave[(shift + row) % width :][:width] for row in range(height))


@lru_cache(maxsize=4)
def _wave(length: int) -> bytes:
    """Triangles of two lengths, one on the other, long enough for any shift."""
    def triangle(x: int, period: int) -> int:
        return abs(x % period * 2 - period) * 100 // period

    return bytes(18 + triangle(x, 160) + triangle(x, 48) // 2 for x in range(2 * length))


@lru_cache(maxsize=4)
def _chroma(width: int, height: int) -> bytes:
    """Both chroma planes: colour at the top, none where the strip is."""
    half_width, half_height = width // 2, height // 2
    colours = half_height * (GRID_ROWS - ROWS - 1) // GRID_ROWS
    planes = []
    for sign in (1, -1):
        rows = (bytes([NEUTRAL + sign * (row * 60 // max(colours, 1) - 30)]) * half_width for row in range(colours))
        planes.append(b"".join(rows) + bytes([NEUTRAL]) * half_width * (half_height - colours))
    return b"".join(planes)
