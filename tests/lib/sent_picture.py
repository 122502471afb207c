"""What an RTSP camera of the tests sent, as OpenCV would show it, to compare with what arrived.

``test_source.draw`` makes a picture from its number and time, and both can be read in the picture itself.
"""

from __future__ import annotations

import cv2
import numpy as np

import test_picture
import test_source

#: A picture that differs more from what was sent, in dB, is not that picture. Coding alone leaves above 43.
LEAST_PSNR = 40.0


def sent(code: test_picture.Code, size: tuple[int, int], full_range: bool = False) -> np.ndarray:
    """The picture of that number and time in BGR; ``full_range`` as JPEG has it, where luma is not stretched."""
    width, height = size
    raw = np.frombuffer(test_source.draw(width, height, code.sequence, code.captured_ms), np.uint8)
    if not full_range:
        return cv2.cvtColor(raw.reshape(height * 3 // 2, width), cv2.COLOR_YUV2BGR_I420)
    luma, chroma = np.split(raw, [width * height])
    planes = chroma.reshape(2, height // 2, width // 2).repeat(2, axis=1).repeat(2, axis=2)
    blue, red = planes
    return cv2.cvtColor(np.dstack([luma.reshape(height, width), red, blue]), cv2.COLOR_YCrCb2BGR)


def number_of(image: np.ndarray, full_range: bool = False) -> int:
    """The number of a picture in BGR in the camera's size; fails when it is not as it was sent."""
    code = test_picture.read(image)
    height, width = image.shape[:2]
    psnr = cv2.PSNR(image, sent(code, (width, height), full_range))
    assert psnr >= LEAST_PSNR, f"picture {code.sequence} differs from what was sent: {psnr:.1f} dB"
    return code.sequence
