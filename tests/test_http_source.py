"""Cameras over HTTP, as they are and as they should not be: MJPEG in several dialects, and single pictures."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from typing import Any, Callable, Iterator

import pytest

import jpegs
from camera import RunningCamera, open_socket
from server import Server
from wait import eventually

SECRET = "hunter2"
#: Time between two pictures of a camera, in seconds.
INTERVAL = 0.05
ESP32_BOUNDARY = "123456789000000000000987654321"


class Connection:
    """One connection to a fake camera, after its request."""

    def __init__(self, camera: FakeCamera, sock: socket.socket) -> None:
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
        """A new picture each time, at the camera's rate, until it is switched off."""
        while not self._camera.off.wait(INTERVAL):
            yield self._camera.take()


class FakeCamera:
    """A camera on a port of its own; ``behave`` serves a connection, whose end is the end of it.

    Its pictures are numbered, also over reconnects and over being switched off and on.
    """

    def __init__(self, behave: Callable[[Connection], None]) -> None:
        self._behave = behave
        self.off = threading.Event()
        self._lock = threading.Lock()
        #: Number of the next picture.
        self.sequence = 0
        self.connections = 0
        self.port = 0
        self.switch_on()

    def switch_on(self) -> None:
        """Listens, again on the same port."""
        self.off.clear()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def switch_off(self) -> None:
        """Hangs up wherever it is."""
        self.off.set()
        for sock in [self._listener, *self._sockets]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # The other side was first.
            sock.close()

    def url(self, user: str = "", path: str = "/stream") -> str:
        return f"http://{user}127.0.0.1:{self.port}{path}"

    def take(self) -> bytes:
        """A picture with the next number."""
        with self._lock:
            self.sequence += 1
            return jpegs.picture(self.sequence - 1)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            self._sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            self._behave(Connection(self, sock))
            sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        except (OSError, ValueError):
            pass  # Switched off, or the server hung up.

    def __enter__(self) -> FakeCamera:
        return self

    def __exit__(self, *_: object) -> None:
        self.switch_off()


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


def shown(server: Server, name: str = "door") -> int:
    """The number of the picture that the server gives."""
    answer = server.get(f"/streams/{name}/snapshot.jpg")
    assert answer.status == 200, answer
    return jpegs.sequence_of(answer.body)


def wait_offline(server: Server, *reasons: str, name: str = "door") -> dict[str, Any]:
    """Waits until the stream is offline for one of these reasons."""

    def check() -> dict[str, Any] | None:
        info = server.get(f"/api/streams/{name}").json()
        return info if info["state"] == "offline" and any(reason in info["reason"] for reason in reasons) else None

    return eventually(check, f"{name} is offline: {' or '.join(reasons)}", 15)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_gives_all_its_pictures(serve, dialect):
    with FakeCamera(DIALECTS[dialect]) as camera:
        server = serve("--streams", f"door={camera.url()}")
        server.wait_live("door")
        eventually(lambda: server.stream("door")["received"] >= 10, "pictures come")
        with open_socket(server, "/ws/jpeg?stream=door") as viewer:
            received = [message for message in (viewer.recv(timeout=10) for _ in range(12)) if isinstance(message, bytes)]
        numbers = [jpegs.sequence_of(message) for message in received]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "each picture once, in order"
        info = server.get("/api/streams/door").json()
        assert (info["state"], info["codec"], info["width"], info["height"]) == ("live", "jpeg", 320, 240)
        assert info["source"] == camera.url() and info["reason"] == ""
        assert server.stream("door")["dropped"] == {} and camera.connections == 1


def test_camherd_is_a_camera_for_camherd(serve):
    first = serve()
    with RunningCamera(first, "yard") as camera:
        first.wait_live("yard")
        urls = {"mjpeg": f"{first.http}/streams/yard/mjpeg", "picture": f"{first.http}/streams/yard/snapshot.jpg"}
        server = serve("--streams", ",".join(f"{name}={url}" for name, url in urls.items()))
        for name in urls:
            server.wait_live(name)
            # Another than the one that was there at the beginning.
            seen = camera.sequence
            eventually(lambda: shown(server, name) > seen, f"new pictures from {urls[name]}")


def test_a_camera_that_is_switched_off_in_the_middle_of_a_picture_comes_back(serve):
    half: list[bytes] = []

    def behave(connection: Connection) -> None:
        connection.request()
        connection.send(ok().encode())
        for picture in connection.pictures():
            part = b"--frame\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(picture), picture)
            if half:
                connection.send(part[: len(part) // 2])
                camera.switch_off()
                return
            connection.send(part)

    with FakeCamera(behave) as camera:
        server = serve("--streams", f"door={camera.url()}")
        server.wait_live("door")
        with open_socket(server, "/ws/jpeg?stream=door") as viewer:
            half.append(b"now")
            wait_offline(server, "ended the stream", "broke", "cannot be reached")
            half.clear()
            again = camera.sequence
            camera.switch_on()
            server.wait_live("door", 20)

            def newer() -> bool:
                message = viewer.recv(timeout=10)
                return isinstance(message, bytes) and jpegs.sequence_of(message) >= again

            eventually(newer, "the viewer that stayed has new pictures")
        assert "truncated" not in server.stream("door")["dropped"], "half a picture is never taken for one"


def test_a_camera_that_freezes_with_its_connection_open_is_connected_to_again(serve):
    frozen = threading.Event()

    def behave(connection: Connection) -> None:
        connection.request()
        connection.send(ok().encode())
        for picture in connection.pictures():
            if not frozen.is_set():
                connection.send(b"--frame\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(picture), picture))

    with FakeCamera(behave) as camera:
        server = serve("--stall-timeout", "1s", "--streams", f"door={camera.url()}")
        server.wait_live("door")
        frozen.set()
        wait_offline(server, "no picture for 1 s")
        eventually(lambda: camera.connections >= 2, "another connection")
        frozen.clear()
        server.wait_live("door", 20)


def digest_is_right(header: str, user: str, password: str, nonce: str) -> bool:
    """Checks an answer of RFC 7616 with MD5 and qop=auth."""
    fields = {name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', header)}

    def md5(*parts: str) -> str:
        return hashlib.md5(":".join(parts).encode()).hexdigest()

    secret, request = md5(user, "camera", password), md5("GET", fields["uri"])
    expected = md5(secret, nonce, fields["nc"], fields["cnonce"], "auth", request)
    return fields["nonce"] == nonce and fields["username"] == user and fields["response"] == expected


@pytest.mark.parametrize("keep_alive", [True, False])
def test_digest_authentication_and_snapshots(serve, keep_alive):
    """A camera with a password that gives single pictures; a wrong password is told, and is seen nowhere."""
    refused: list[str] = []
    closing = "" if keep_alive else "Connection: close\r\n"

    def behave(connection: Connection) -> None:
        while (asked := connection.request()) is not None:
            given = asked[1].get("authorization", "")
            if given and digest_is_right(given, "admin", SECRET, "n0nce"):
                picture = camera.take()
                head = ok("image/jpeg", f"Content-Length: {len(picture)}\r\n{closing}")
                connection.send(head.encode() + picture)
            else:
                refused.append(given)
                connection.send(
                    b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
                    b'WWW-Authenticate: Digest realm="camera", nonce="n0nce", qop="auth", algorithm=MD5\r\n\r\n'
                )
            if not keep_alive:
                return

    with FakeCamera(behave) as camera:
        door, gate = camera.url(f"admin:{SECRET}@"), camera.url(f"admin:{SECRET}-wrong@")
        server = serve("--streams", f"door={door},door.snapshot_interval=50ms,gate={gate}")
        server.wait_live("door")
        seen = shown(server)
        eventually(lambda: shown(server) > seen + 3, "new pictures")
        assert refused[0] == "", "nothing is sent before it is asked for"
        reason = wait_offline(server, "refuses user name and password", name="gate")["reason"]
        assert "401" in reason
        assert server.get("/api/streams/door").json()["source"] == camera.url("***@")
        told = server.get("/api/streams").body + server.get("/status").body + server.log.encode()
        assert SECRET.encode() not in told
        if keep_alive:
            # One of the question, one of all the pictures; the rest are attempts at the gate, two each.
            attempts = server.stream("gate")["dropped"]["connection"] + 1
            assert camera.connections <= 2 + 2 * attempts


def test_a_camera_that_gives_the_same_picture_for_ever_is_offline(serve):
    picture = [jpegs.picture(0)]

    def behave(connection: Connection) -> None:
        while connection.request() is not None:
            connection.send(ok("image/jpeg", f"Content-Length: {len(picture[0])}\r\n").encode() + picture[0])

    with FakeCamera(behave) as camera:
        server = serve("--stall-timeout", "1s", "--streams", f"door={camera.url()},door.snapshot_interval=50ms")
        server.wait_live("door")
        wait_offline(server, "no picture for 1 s")
        eventually(lambda: camera.connections >= 3, "it is asked again")
        assert server.stream("door")["received"] == 1
        picture[0] = jpegs.picture(1)
        server.wait_live("door", 20)
        assert shown(server) == 1


def test_a_redirect_to_another_port_is_followed_and_one_to_https_is_not(serve):
    def redirect(connection: Connection) -> None:
        target, _ = connection.request() or ("", {})
        where = f"http://127.0.0.1:{camera.port}/live" if target == "/stream" else "https://127.0.0.1/"
        connection.send(f"HTTP/1.1 302 Found\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n".encode())

    with FakeCamera(DIALECTS["mjpg_streamer"]) as camera, FakeCamera(redirect) as page:
        server = serve("--streams", f"door={page.url()},gate={page.url(path='/secure')}")
        server.wait_live("door")
        assert "only http:// is supported" in wait_offline(server, "https://", name="gate")["reason"]


def test_what_is_no_camera_says_so(serve):
    def page(connection: Connection) -> None:
        target, _ = connection.request() or ("", {})
        if target == "/page":
            connection.send(ok("text/html; charset=utf-8").encode() + b"<html><img src=/stream></html>")
        else:
            connection.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    with FakeCamera(page) as camera:
        server = serve("--streams", f"door={camera.url(path='/page')},gate={camera.url(path='/nothing')}")
        assert "it sends text/html" in wait_offline(server, "nothing to show")["reason"]
        assert "404 Not Found" in wait_offline(server, "nothing to show", name="gate")["reason"]
