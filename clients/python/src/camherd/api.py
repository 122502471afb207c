"""The calls of the server's REST API that a capture makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from .errors import ConnectionLost
from .net import ServerAddress, request

#: What a stream may be called, once folded to lower case.
STREAM_NAME = re.compile(r"[a-z0-9_-]{1,64}")


def stream_path(stream: str) -> str:
    """Where the API has a stream."""
    return f"/api/streams/{quote(stream, safe='')}"


def start_with_url(address: ServerAddress, url: str, size: tuple[int, int] | None, deadline: float) -> str:
    """Has the server pull a camera, or finds that it does already: the name of its stream.

    ``size`` becomes the stream's own, for clients that ask for none. Raises ``ServerRefused``, ``ConnectionLost``.
    """
    body: dict[str, Any] = {"rtsp_url": url}
    if size is not None:
        body["width"], body["height"] = size
    answer = request(address, "POST", "/api/streams/start-with-url", deadline, body)
    stream = answer.get("stream_id") if isinstance(answer, dict) else None
    if not isinstance(stream, str) or not STREAM_NAME.fullmatch(stream.lower()):
        raise ConnectionLost(f"{address} did not say what the stream is called; is it a camherd server?")
    return stream.lower()


def stream_info(address: ServerAddress, stream: str, deadline: float) -> Mapping[str, Any]:
    """What the server knows about a stream. Raises ``ServerRefused``, ``ConnectionLost``."""
    answer = request(address, "GET", stream_path(stream), deadline)
    return answer if isinstance(answer, dict) else {}
