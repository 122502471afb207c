"""What can go wrong, each with a text that says where and why."""

from __future__ import annotations

import sys


class CamherdError(Exception):
    """Anything that this package reports."""


class ConnectionLost(CamherdError):
    """The connection to the server could not be made, has ended, or broke its protocol. Trying again may help."""


class ServerRefused(CamherdError):
    """The server answered with an error.

    ``status`` is the HTTP status: 400 bad parameters, 401 no valid token, 404 unknown stream, 501 not offered,
    503 not running.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{message} (HTTP {status})")
        self.status = status


class RingUnusable(CamherdError):
    """The server's shared memory cannot be read from here.

    ``elsewhere``: as is to be expected of a server on another machine.
    """

    def __init__(self, message: str, elsewhere: bool = False) -> None:
        super().__init__(message)
        self.elsewhere = elsewhere


class CaptureError(CamherdError):
    """Raised by a capture in exception mode; a ``cv2.error`` as well where OpenCV is loaded."""


#: One class for each ``cv2.error`` (there is one), so that its instances have the same type.
_types: dict[object, type[CaptureError]] = {}


def capture_error(message: str) -> CaptureError:
    """A ``CaptureError`` that ``except cv2.error`` catches too.

    Whoever names ``cv2.error`` has imported OpenCV, and so it is never imported for this.
    """
    cv2_error = getattr(sys.modules.get("cv2"), "error", None)
    if not (isinstance(cv2_error, type) and issubclass(cv2_error, Exception)):
        return CaptureError(message)
    if cv2_error not in _types:
        _types[cv2_error] = type("CaptureError", (CaptureError, cv2_error), {"__doc__": CaptureError.__doc__})
    return _types[cv2_error](message)
