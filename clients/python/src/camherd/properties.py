"""Numbers of the properties of ``cv2.VideoCapture`` that are used here.

They are the ones of OpenCV, so that ``cv2.CAP_PROP_*`` works too and OpenCV is not needed.
"""

from __future__ import annotations

#: Any backend.
CAP_ANY = 0
#: What ``CAP_PROP_BACKEND`` says for a stream that comes from a camherd server; no number of OpenCV's.
CAP_CAMHERD = 9100

#: Capture time of the current frame: milliseconds since 1970-01-01 UTC, by the server's clock.
CAP_PROP_POS_MSEC = 0
#: Number of the current frame as the server counts.
CAP_PROP_POS_FRAMES = 1
#: Pixels.
CAP_PROP_FRAME_WIDTH = 3
#: Pixels.
CAP_PROP_FRAME_HEIGHT = 4
#: Frames a second, as measured.
CAP_PROP_FPS = 5
#: The camera's codec as four characters.
CAP_PROP_FOURCC = 6
#: -1: a live stream has no length.
CAP_PROP_FRAME_COUNT = 7
#: 0 with ``format="jpeg"``: ``retrieve()`` gives the JPEG's bytes instead of decoding them.
CAP_PROP_CONVERT_RGB = 16
#: 1 where only the newest frame counts, else how many frames a slow reader may be behind.
CAP_PROP_BUFFERSIZE = 38
#: Number of the backend.
CAP_PROP_BACKEND = 42
#: The camera's bit rate in kbit/s.
CAP_PROP_BITRATE = 47
#: How long ``open()`` waits for the first frame, milliseconds.
CAP_PROP_OPEN_TIMEOUT_MSEC = 53
#: How long ``grab()`` and ``read()`` wait for a frame, milliseconds.
CAP_PROP_READ_TIMEOUT_MSEC = 54


def fourcc(codec: str) -> float:
    """What ``CAP_PROP_FOURCC`` is for a codec as the server names it; 0 for one without such a code."""
    code = {"h264": "h264", "h265": "hevc", "hevc": "hevc", "jpeg": "MJPG", "mjpeg": "MJPG"}.get(codec.lower())
    return float(int.from_bytes(code.encode(), "little")) if code else 0.0
