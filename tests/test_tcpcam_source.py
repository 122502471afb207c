"""A TCPCam as a source: cameras that serve pictures on request over plain TCP, well and badly."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

import jpegs
import test_picture
from camera import RunningCamera, open_socket
from conftest import ServerFactory
from http_client import Response
from python_client import camherd
from server import Server
from sockets import unused_port
from tcp_push import LISTEN
from tcpcam import HELLO, PIN, Camera, Request, frame, hello, normal, serving
from wait import eventually

GOOD = jpegs.picture(1)
JSON = {"Content-Type": "application/json"}
SECRET_PIN = "86421"


def created(server: Server, name: str, url: str) -> Response:
    body = json.dumps({"stream_id": name, "rtsp_url": url}).encode()
    answer = server.request("POST", "/api/streams", JSON, body)
    assert answer.status == 200, answer
    return answer


def wait_reason(server: Server, name: str, *parts: str) -> dict[str, Any]:
    """Waits until a stream is not live for a reason with these parts."""

    def told() -> dict[str, Any]:
        stream = server.stream(name)
        assert stream["state"] != "live" and all(part in stream["reason"] for part in parts), stream
        return stream

    return eventually(told, f"{name} says {parts}", 15)


@pytest.fixture
def sources(serve: ServerFactory) -> Server:
    """A server for cameras to fetch from; one second of silence is too long."""
    return serve(*LISTEN, "--stall-timeout", "1s")


def test_every_picture_of_a_camera_arrives_as_it_was_sent(sources: Server) -> None:
    with Camera() as camera:
        created(sources, "door", camera.url())
        sources.wait_live("door")
        with open_socket(sources, "/ws/jpeg?stream=door") as viewer:
            got = [message for message in (viewer.recv(timeout=10) for _ in range(25)) if isinstance(message, bytes)]
        begin = camera.sent.index(got[0])
        assert got == camera.sent[begin : begin + len(got)] and len(got) > 15
    stream = sources.stream("door")
    assert stream["codec"] == "jpeg" and "truncated" not in stream["dropped"]


def test_pin_and_count_arrive_apart_over_many_connections(sources: Server) -> None:
    """The device reads its PIN with one `recv`: joined, a correct client would be refused."""

    def short(request: Request, _: int) -> None:
        request.send_picture()

    with Camera(short) as camera:
        created(sources, "door", camera.url())
        eventually(lambda: len(camera.requests) >= 3 and len(camera.requests[2]) == 2, "three connections", 40)
        assert camera.requests[:3] == [[PIN, b"0"]] * 3


def test_a_stream_comes_from_the_configuration(serve: ServerFactory, tmp_path: Path) -> None:
    with Camera(pin=SECRET_PIN.encode()) as camera:
        (tmp_path / "camherd.yaml").write_text(f"streams:\n  door: {camera.url(SECRET_PIN)}\n")
        server = serve(*LISTEN)
        server.wait_live("door")
        assert camera.requests[0] == [SECRET_PIN.encode(), b"0"]
        shown = server.get("/api/streams/door").body + server.get("/status").body + server.log.encode()
        assert SECRET_PIN.encode() not in shown, "a PIN is a secret"
        assert b"tcpcam://" in shown


@pytest.mark.parametrize("transport", ["shm", "websocket"])
def test_the_python_package_opens_a_camera(sources: Server, transport: str) -> None:
    with Camera() as camera:
        capture = camherd.VideoCapture(
            camera.url("1235"), server=sources.http, transport=transport, latest=False, timeout=20
        )
        try:
            assert capture.isOpened(), capture.reason
            numbers = [test_picture.read(capture.read()[1]).sequence for _ in range(10)]
        finally:
            capture.release()
    assert numbers == list(range(numbers[0], numbers[0] + 10))


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("tcpcam://127.0.0.1:1?pin=12a5", "pin"),
        ("tcpcam://127.0.0.1:1?pin=", "pin"),
        ("tcpcam://127.0.0.1:1?pni=1", "pni"),
        ("tcpcam://127.0.0.1:99999", "port"),
        ("tcpcam://", "host"),
    ],
)
def test_a_bad_url_says_what_is_wrong(sources: Server, url: str, part: str) -> None:
    body = json.dumps({"stream_id": "door", "rtsp_url": url}).encode()
    answer = sources.request("POST", "/api/streams", JSON, body)
    assert answer.status == 400 and part in answer.error().lower(), answer
    assert "12a5" not in answer.error()


def test_a_camera_that_hangs_up_is_connected_to_again(sources: Server) -> None:
    with Camera() as camera:
        created(sources, "door", camera.url())
        sources.wait_live("door")
        with open_socket(sources, "/ws/jpeg?stream=door") as viewer:
            for _ in range(2):
                camera.switch_off()
                wait_reason(sources, "door")
                before = len(camera.sent)
                camera.switch_on()
                sources.wait_live("door", 20)
                eventually(lambda: viewer.recv(timeout=10) in camera.sent[before:], "the viewer goes on")


def test_a_camera_that_hangs_up_within_a_picture_shows_no_part_of_it(sources: Server) -> None:
    def cut_off(request: Request, _: int) -> None:
        request.send_picture()
        request.wait()
        request.send(frame(GOOD)[: len(GOOD) // 2])

    with Camera(cut_off) as camera:
        created(sources, "door", camera.url())
        eventually(lambda: len(camera.sent) >= 3, "three connections", 30)

        def whole() -> bool:
            # Between two connections there is none.
            answer = sources.get("/streams/door/snapshot.jpg")
            return answer.status == 200 and answer.body in camera.sent

        eventually(whole, "a whole picture")
        assert sources.stream("door")["received"] <= len(camera.sent)


def test_a_wrong_pin_is_told_as_what_it_may_be(sources: Server) -> None:
    with Camera(pin=b"9999") as camera:
        created(sources, "door", camera.url("8642"))
        stream = wait_reason(sources, "door", "PIN")
        assert "8642" not in json.dumps(stream) and "8642" not in sources.log
        assert stream["received"] == 0


def test_a_camera_that_is_not_there_is_told(sources: Server, free_port: int) -> None:
    created(sources, "door", f"tcpcam://127.0.0.1:{free_port}")
    wait_reason(sources, "door", "refused")


def test_a_test_build_that_sends_a_text_is_told_by_it(sources: Server) -> None:
    with Camera(hello) as camera:
        created(sources, "door", camera.url())
        stream = wait_reason(sources, "door", "not a JPEG", "'Hello World")
        assert stream["received"] == 0
        eventually(lambda: sources.stream("door")["dropped"].get("not_jpeg", 0) > 3, "they are counted")


def test_a_test_build_that_becomes_a_camera_is_live(sources: Server) -> None:
    def both(request: Request, count: int) -> None:
        for _ in range(3):
            request.send(frame(HELLO))
        normal(request, count)

    with Camera(both) as camera:
        created(sources, "door", camera.url())
        sources.wait_live("door")
        assert sources.stream("door")["dropped"]["not_jpeg"] == 3
        assert len(camera.requests) == 1, "on the same connection"


def test_text_that_is_not_printable_is_shown_harmless(sources: Server) -> None:
    def rude(request: Request, _: int) -> None:
        while not request.wait():
            request.send(frame(b"\x1b[31mHello\n\0\xff" + "✓".encode() + b"x" * 5000))

    with Camera(rude) as camera:
        created(sources, "door", camera.url())
        reason = wait_reason(sources, "door", "not a JPEG")["reason"]
        assert reason.isprintable() and len(reason) < 400
        sources.wait_logged("not a JPEG")
        assert "\x1b" not in sources.log and camera.requests


@pytest.mark.parametrize("length", [0, (10 << 20) + 1, 2**31, 2**32 - 1], ids=["0", "10 MiB + 1", "2^31", "2^32 - 1"])
def test_a_length_that_no_picture_has_ends_the_connection(sources: Server, length: int) -> None:
    def liar(request: Request, _: int) -> None:
        request.send(struct.pack(">I", length) + GOOD)
        request.wait_closed()

    with Camera(liar) as camera:
        created(sources, "door", camera.url())
        wait_reason(sources, "door", str(length))
        eventually(lambda: len(camera.requests) >= 2, "it is tried again", 20)


def test_a_camera_that_falls_silent_is_connected_to_again(sources: Server) -> None:
    def silent(request: Request, _: int) -> None:
        request.send_picture()
        request.wait_closed()

    with Camera(silent) as camera:
        created(sources, "door", camera.url())
        sources.wait_live("door")
        wait_reason(sources, "door", "1 s")
        eventually(lambda: len(camera.sent) >= 2, "the next connection", 20)


def test_a_source_reads_a_server(serve: ServerFactory) -> None:
    """camherd is a camera for camherd."""
    port = unused_port()
    server = serve(*serving(port, pin=SECRET_PIN))
    with RunningCamera(server, "door", fps=20):
        server.wait_live("door")
        created(server, "copy", f"tcpcam://127.0.0.1:{port}?pin={SECRET_PIN}")
        server.wait_live("copy")
        eventually(lambda: server.stream("copy")["received"] > 20, "its pictures")
        assert SECRET_PIN not in server.log
