"""The Python reader of the test picture against the vectors that all readers share."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "lib"))

import test_picture  # noqa: E402

VECTORS = json.loads((Path(__file__).parents[1] / "testdata/vectors/test-picture.json").read_text())
SIZES = [(72, 60), (160, 120), (333, 251), (640, 480), (1920, 1080)]


def paint(rows, width, height):
    """A gray picture with the strip that `rows` describe, by the edges that the specification gives."""
    image = np.full((height, width), 90, np.uint8)
    for r, row in enumerate(rows):
        y0, y1 = height * (27 + r) // 30, height * (28 + r) // 30
        for c, cell in enumerate(row):
            image[y0:y1, width * c // 36 : width * (c + 1) // 36] = 235 if cell == "1" else 16
    return image


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda v: str(v["sequence"]))
def test_valid(vector, size):
    gray = paint(vector["cells"], *size)
    expected = (vector["sequence"], vector["captured_ms"])
    assert test_picture.read(gray) == expected
    assert test_picture.read(np.dstack([gray] * 3)) == expected


@pytest.mark.parametrize("vector", VECTORS["broken"], ids=lambda v: v["what"])
def test_broken(vector):
    with pytest.raises(test_picture.ReadError) as error:
        test_picture.read(paint(vector["cells"], 640, 480))
    assert error.value.kind == vector["error"]


def test_colour_is_weighed():
    """White on blue is told apart though blue is only a tenth of the luma."""
    vector = VECTORS["valid"][1]
    gray = paint(vector["cells"], 320, 240)
    image = np.dstack([np.full_like(gray, 255), gray, gray])
    assert test_picture.read(image).sequence == vector["sequence"]
    with pytest.raises(test_picture.ReadError, match="white is"):
        test_picture.read(np.dstack([gray, np.zeros_like(gray), np.zeros_like(gray)]))


@pytest.mark.parametrize("size", [(71, 60), (72, 59), (0, 0)], ids=str)
def test_too_small(size):
    with pytest.raises(test_picture.ReadError) as error:
        test_picture.read(np.zeros(size[::-1], np.uint8))
    assert error.value.kind == "size"
