"""The names of the older RTSP single-ingest client, so that programs written for it run unchanged.

It differs from ``camherd`` in its defaults: the server is at http://localhost:8091 and frames have 640x480 pixels.
New programs use ``camherd.VideoCapture``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import camherd
from camherd.source import SERVER_VARIABLE

__all__ = ["SimpleVideoCapture", "VideoCapture"]

#: Where the older server was.
DEFAULT_SERVER = "http://localhost:8091"


class SimpleVideoCapture(camherd.VideoCapture):
    """The newest frames of an RTSP camera, as BGR at 640x480 unless said otherwise."""

    def __init__(
        self,
        rtsp_url: Any = None,
        server_url: str = DEFAULT_SERVER,
        width: int = 640,
        height: int = 480,
        *,
        apiPreference: int = camherd.CAP_ANY,
        params: Sequence[int] | None = None,
        **options: Any,
    ) -> None:
        """``options`` are those of ``camherd.VideoCapture``, such as ``token`` and ``timeout``."""
        self.rtsp_url, self.server_url = rtsp_url, server_url
        super().__init__(rtsp_url, apiPreference, params, server=server_url, size=(width, height), **options)


class VideoCapture(SimpleVideoCapture):
    """``rtsp://`` goes to the server, everything else to ``cv2.VideoCapture``."""

    def __init__(
        self,
        source: Any = None,
        apiPreference: int = camherd.CAP_ANY,
        params: Sequence[int] | None = None,
        *,
        server_url: str | None = None,
        **options: Any,
    ) -> None:
        """``server_url`` is by default what ``CAMHERD_URL`` says, else http://localhost:8091."""
        server = server_url or os.environ.get(SERVER_VARIABLE) or DEFAULT_SERVER
        super().__init__(source, server, apiPreference=apiPreference, params=params, **options)
