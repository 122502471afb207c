"""What the first argument of ``VideoCapture`` means: a stream of a camherd server, or something for OpenCV."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from .api import STREAM_NAME
from .net import ServerAddress

#: Where a server is when nobody says.
DEFAULT_SERVER = "http://localhost:8080"
#: Environment variable with the server's address.
SERVER_VARIABLE = "CAMHERD_URL"
#: Environment variable with the token.
TOKEN_VARIABLE = "CAMHERD_TOKEN"

#: Cameras that only the server can pull for us.
CAMERA_SCHEMES = ("rtsp", "rtsps", "tcpcam")
#: May be a camera or may be a file: the server is asked first.
WEB_SCHEMES = ("http", "https")
#: A stream that a server has already.
OWN_SCHEME = "camherd"
#: Ends of paths that are recordings or playlists, which have a beginning and an end: OpenCV plays them.
FILE_SUFFIXES = (
    ".mp4",
    ".m4v",
    ".mkv",
    ".avi",
    ".mov",
    ".webm",
    ".m3u8",
    ".mpd",
    ".ts",
    ".flv",
    ".mpg",
    ".png",
)

#: Sides of pictures that a server makes, pixels.
MIN_SIDE, MAX_SIDE = 16, 8192


@dataclass(frozen=True)
class Target:
    """A stream of a server, by its name or by the address of the camera that the server is to pull."""

    address: ServerAddress
    stream: str | None = None
    #: With credentials, and so never shown.
    url: str | None = field(default=None, repr=False)
    #: Whether OpenCV gets the URL when the server does not want it.
    may_be_file: bool = False

    @property
    def label(self) -> str:
        """For people: which stream this is, without secrets."""
        if self.stream is not None:
            return f"stream {self.stream} of {self.address}"
        return f"{without_credentials(self.url or '')} by {self.address}"


def find_target(
    source: Any, server: str | None = None, token: str | None = None, stream: str | None = None
) -> Target | None:
    """The stream that a source means; None when it is one for OpenCV.

    Raises ``ValueError`` for addresses and names that cannot be.
    """
    if stream is not None:
        return Target(_server(server, token), stream=_stream_name(stream))
    if not isinstance(source, str):
        return None
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", source)
    if scheme is None:
        return None
    name = scheme.group(1).lower()
    if name == OWN_SCHEME:
        return _own(source, token)
    if name in CAMERA_SCHEMES:
        return Target(_server(server, token), url=source)
    if name in WEB_SCHEMES and not _path(source).endswith(FILE_SUFFIXES):
        return Target(_server(server, token), url=source, may_be_file=True)
    return None


def _server(server: str | None, token: str | None) -> ServerAddress:
    url = server or os.environ.get(SERVER_VARIABLE) or DEFAULT_SERVER
    return ServerAddress.parse(url, token if token is not None else _environment_token(url))


def _environment_token(url: str) -> str | None:
    """The token of the environment, unless the address has one of its own."""
    return None if "@" in url else os.environ.get(TOKEN_VARIABLE)


def _own(source: str, token: str | None) -> Target:
    """``camherd://[token@]HOST[:PORT]/NAME``."""
    try:
        parts = urlsplit(source)
        host, port = parts.hostname, parts.port or 8080
    except ValueError as problem:
        raise ValueError(f"the camherd:// address is not valid: {problem}") from None
    if not host:
        raise ValueError("a camherd:// address must look like camherd://[TOKEN@]HOST[:PORT]/STREAM")
    if token is None:
        token = unquote(parts.username) if parts.username else os.environ.get(TOKEN_VARIABLE)
    netloc = f"[{host}]" if ":" in host else host
    address = ServerAddress.parse(f"http://{netloc}:{port}", token)
    return Target(address, stream=_stream_name(unquote(parts.path.strip("/"))))


def _stream_name(name: str) -> str:
    """Upper case is folded, as the server does. Raises ``ValueError`` for what no stream is called."""
    folded = name.lower()
    if not STREAM_NAME.fullmatch(folded):
        raise ValueError(f"{name!r} is not a stream name: 1 to 64 of a-z, 0-9, '-' and '_'")
    return folded


def _path(url: str) -> str:
    try:
        return urlsplit(url).path.lower()
    except ValueError:
        return ""


def without_credentials(url: str) -> str:
    """A URL that may be shown: no user, no password, no query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "a URL that is not valid"
    netloc = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{netloc}{parts.path}"


def parse_size(size: Any) -> tuple[int, int] | None:
    """``(640, 480)`` and ``"640x480"`` as a pair, None and ``"native"`` (the camera's own size) as None.

    Raises ``ValueError`` for anything else and for sides that no server makes.
    """
    if size is None or size == "native":
        return None
    if isinstance(size, str):
        match = re.fullmatch(r"([0-9]{1,5})[xX]([0-9]{1,5})", size)
        pair = (int(match.group(1)), int(match.group(2))) if match else None
    else:
        pair = _pair(size)
    if pair is None:
        raise ValueError(f"the size must be 'native', 'WIDTHxHEIGHT' or (width, height), not {size!r}")
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in pair):
        raise ValueError(f"width and height must be {MIN_SIDE} to {MAX_SIDE}, not {pair[0]}x{pair[1]}")
    return pair


def _pair(size: Any) -> tuple[int, int] | None:
    try:
        width, height = size
        return (int(width), int(height))
    except (TypeError, ValueError, OverflowError):
        return None
