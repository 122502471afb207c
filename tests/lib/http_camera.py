"""Cameras over HTTP: MJPEG in the dialects of cameras in the field, and single pictures on request."""

from __future__ import annotations

import socket
from typing import Callable, Iterator

from fake_camera import FakeCamera

#: Time between two pictures of a camera, in seconds.
INTERVAL = 0.03
ESP32_BOUNDARY = "123456789000000000000987654321"


class Connection:
    """One connection to a fake camera, after its request."""

    def __init__(self, camera: HttpCamera, sock: socket.socket) -> None:
        self._camera, self._sock = camera, sock
        self._input = sock.makefile("rb")

    def request(self) -> tuple[str, dict[str, str]] | None:
        """Target and headers (names in lower case) of the next request; None when the server hung up."""
        line = self._input.readline()
        if not line:
            return None
        headers = {}
        while (header := self._input.readline().strip()):
            name, _, value = header.decode().partition(":")
            headers[name.lower()] = value.strip()
        return line.split()[1].decode(), headers

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def pictures(self) -> Iterator[bytes]:
        """A new picture each time, at the camera's rate, until it is switched off; none after its last one."""
        camera = self._camera
        while not camera.off.wait(camera.interval):
            if camera.limit is None or camera.sequence < camera.limit:
                yield camera.take()


class HttpCamera(FakeCamera):
    """A camera over HTTP; ``behave`` serves a connection, whose end is the end of it.

    ``interval`` is the time between two pictures in seconds. It has ``limit`` pictures, or no end of them.
    """

    def __init__(
        self, behave: Callable[[Connection], None], interval: float = INTERVAL, limit: int | None = None
    ) -> None:
        self._behave, self.interval, self.limit = behave, interval, limit
        super().__init__()

    def url(self, user: str = "", path: str = "/stream") -> str:
        return f"http://{user}127.0.0.1:{self.port}{path}"

    def talk(self, sock: socket.socket) -> None:
        self._behave(Connection(self, sock))


def chunk(data: bytes) -> bytes:
    """A chunk of the transfer coding."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def multipart(
    head: str, boundary: str, *, eol: bytes = b"\r\n", length: int | None = 0, wrap: Callable[[bytes], bytes] = bytes
) -> Callable[[Connection], None]:
    """A camera that sends parts; ``length`` is by how much Content-Length is wrong, None leaves it out."""

    def behave(connection: Connection) -> None:
        connection.request()
        connection.send(head.encode())
        for picture in connection.pictures():
            headers = [b"--" + boundary.encode(), b"Content-Type: image/jpeg"]
            if length is not None:
                headers.append(b"Content-Length: %d" % (len(picture) + length))
            connection.send(wrap(eol + eol.join(headers) + eol + eol))
            connection.send(wrap(picture))

    return behave


def mjpg_streamer(connection: Connection) -> None:
    """The boundary ends a part, with a space behind it."""
    connection.request()
    connection.send(
        b"HTTP/1.0 200 OK\r\nConnection: close\r\nServer: MJPG-Streamer/0.2\r\nCache-Control: no-store\r\n"
        b"Content-Type: multipart/x-mixed-replace;boundary=boundarydonotcross\r\n\r\n--boundarydonotcross\r\n"
    )
    for picture in connection.pictures():
        head = f"Content-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\nX-Timestamp: 0.000000\r\n\r\n"
        connection.send(head.encode() + picture + b"\r\n--boundarydonotcross \r\n")


def nothing_but_pictures(connection: Connection) -> None:
    """Neither a status line nor headers nor parts."""
    connection.request()
    for picture in connection.pictures():
        connection.send(picture)


def ok(content_type: str = "multipart/x-mixed-replace;boundary=frame", more: str = "") -> str:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n{more}\r\n"


DIALECTS = {
    "esp32_camera_web_server": multipart(
        ok(f"multipart/x-mixed-replace;boundary={ESP32_BOUNDARY}", "Transfer-Encoding: chunked\r\nX-Framerate: 60\r\n"),
        ESP32_BOUNDARY,
        wrap=chunk,
    ),
    "esphome_dashes_in_the_header": multipart(
        "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=--frame\r\n\r\n", "frame"
    ),
    "mjpg_streamer": mjpg_streamer,
    "boundary_in_quotes": multipart(ok('multipart/x-mixed-replace; boundary="frame"'), "frame"),
    "no_boundary_in_the_header": multipart(ok("multipart/x-mixed-replace"), "frame"),
    "another_boundary_in_the_header": multipart(ok("multipart/x-mixed-replace;boundary=other"), "frame"),
    "no_status_line": multipart("Content-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n", "frame"),
    "no_type": multipart("HTTP/1.1 200 OK\r\n\r\n", "frame"),
    "line_feeds_only": multipart(ok().replace("\r", ""), "frame", eol=b"\n"),
    "no_length": multipart(ok(), "frame", length=None),
    "length_too_small": multipart(ok(), "frame", length=-5),
    "length_too_large": multipart(ok(), "frame", length=5),
    "nothing_but_pictures": nothing_but_pictures,
}  # fmt: skip
