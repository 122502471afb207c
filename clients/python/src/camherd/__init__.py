"""``cv2.VideoCapture`` for cameras of a camherd server: decoded once, read by any number of programs."""

from __future__ import annotations

from .capture import VideoCapture
from .errors import CamherdError, CaptureError, ConnectionLost, RingUnusable, ServerRefused
from .frames import FrameTimes
from .properties import (
    CAP_ANY,
    CAP_CAMHERD,
    CAP_PROP_BACKEND,
    CAP_PROP_BITRATE,
    CAP_PROP_BUFFERSIZE,
    CAP_PROP_CONVERT_RGB,
    CAP_PROP_FOURCC,
    CAP_PROP_FPS,
    CAP_PROP_FRAME_COUNT,
    CAP_PROP_FRAME_HEIGHT,
    CAP_PROP_FRAME_WIDTH,
    CAP_PROP_OPEN_TIMEOUT_MSEC,
    CAP_PROP_POS_FRAMES,
    CAP_PROP_POS_MSEC,
    CAP_PROP_READ_TIMEOUT_MSEC,
)

__version__ = "0.1.0"

__all__ = [
    "CAP_ANY",
    "CAP_CAMHERD",
    "CAP_PROP_BACKEND",
    "CAP_PROP_BITRATE",
    "CAP_PROP_BUFFERSIZE",
    "CAP_PROP_CONVERT_RGB",
    "CAP_PROP_FOURCC",
    "CAP_PROP_FPS",
    "CAP_PROP_FRAME_COUNT",
    "CAP_PROP_FRAME_HEIGHT",
    "CAP_PROP_FRAME_WIDTH",
    "CAP_PROP_OPEN_TIMEOUT_MSEC",
    "CAP_PROP_POS_FRAMES",
    "CAP_PROP_POS_MSEC",
    "CAP_PROP_READ_TIMEOUT_MSEC",
    "CamherdError",
    "CaptureError",
    "ConnectionLost",
    "FrameTimes",
    "RingUnusable",
    "ServerRefused",
    "VideoCapture",
]
