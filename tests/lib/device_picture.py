"""The number that the virtual device draws into its pictures (firmware/linux/pictures.c)."""

from __future__ import annotations

import re

import cv2
import numpy as np


class PictureNumber:
    """Reads the numbers of pictures of one size."""

    #: Rows of three cells, the top row first, as octal digits.
    GLYPHS = {
        0o75557: "0", 0o26227: "1", 0o71747: "2", 0o71717: "3", 0o55711: "4", 0o74717: "5", 0o74757: "6",
        0o71111: "7", 0o75757: "8", 0o75717: "9", 0o57575: "#",
    }  # fmt: skip
    MOST_GLYPHS = 10
    #: What is white.
    WHITE = 200

    def __init__(self, size: tuple[int, int]) -> None:
        #: Width and height of what is read: a picture of half the size.
        self._size = (size[0] // 2, size[1] // 2)
        cell = (size[1] // 60 + 1) / 2
        self._columns = (cell * (2.5 + np.arange(4 * self.MOST_GLYPHS))).astype(int)
        self._rows = (cell * (2.5 + np.arange(5))).astype(int)
        self._bits = 1 << np.arange(14, -1, -1)

    def read(self, jpeg: bytes) -> int | None:
        """The number; None when there is none to be read."""
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_2)
        if image is None or image.shape != self._size[::-1]:
            return None
        cells = image[np.ix_(self._rows, self._columns)] > self.WHITE
        glyphs = cells.reshape(5, self.MOST_GLYPHS, 4)[:, :, :3].transpose(1, 0, 2).reshape(self.MOST_GLYPHS, 15)
        text = "".join(self.GLYPHS.get(int(code), " ") for code in glyphs @ self._bits).rstrip()
        return int(text[1:]) if re.fullmatch(r"#\d+", text) else None
