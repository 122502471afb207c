"""Cameras over HTTP, as they are and as they should not be: MJPEG in several dialects, and single pictures."""

from __future__ import annotations

import hashlib
import re
import threading
from typing import Any

import pytest

import jpegs
from camera import RunningCamera, open_socket
from http_camera import DIALECTS, Connection, HttpCamera, ok
from server import Server
from wait import eventually

SECRET = "hunter2"


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
    with HttpCamera(DIALECTS[dialect]) as camera:
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

    with HttpCamera(behave) as camera:
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

    with HttpCamera(behave) as camera:
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

    with HttpCamera(behave) as camera:
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
            connections = camera.connections
            attempts = server.stream("gate")["dropped"]["connection"] + 1
            assert connections <= 2 + 2 * attempts


def test_a_camera_that_gives_the_same_picture_for_ever_is_offline(serve):
    picture = [jpegs.picture(0)]

    def behave(connection: Connection) -> None:
        while connection.request() is not None:
            connection.send(ok("image/jpeg", f"Content-Length: {len(picture[0])}\r\n").encode() + picture[0])

    with HttpCamera(behave) as camera:
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

    with HttpCamera(DIALECTS["mjpg_streamer"]) as camera, HttpCamera(redirect) as page:
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

    with HttpCamera(page) as camera:
        server = serve("--streams", f"door={camera.url(path='/page')},gate={camera.url(path='/nothing')}")
        assert "it sends text/html" in wait_offline(server, "nothing to show")["reason"]
        assert "404 Not Found" in wait_offline(server, "nothing to show", name="gate")["reason"]
