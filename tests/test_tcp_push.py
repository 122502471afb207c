"""Cameras that push over plain TCP: their pictures as they were sent, two of them, too many, and who may."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any, Iterator

import cv2
import pytest

import jpegs
import test_picture
from camera import Camera, open_socket
from conftest import Processes, ServerFactory
from multipart import MultipartReader
from python_client import camherd
from server import Process, Server
from tcp_push import (
    HIGH, LISTEN, LOW, Pusher, RunningPusher, header, mark_of, marked, message, outliving, push_address, size,
    snapshot, wait_count, wait_refused,
)  # fmt: skip
from wait import eventually

GOOD = jpegs.picture(1)
#: Another address of this machine.
ELSEWHERE = "127.0.0.2"
#: Two decoders of one JPEG give the same picture but for how they enlarge its chroma. In dB.
SAME_PSNR = 28.0


@pytest.fixture(scope="module")
def shared(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the tests that push numbers of their own."""
    with outliving(Processes(binary, tmp_path_factory.mktemp("push")), *LISTEN, "--stall-timeout", "1s") as server:
        yield server


def next_picture(viewer: Any) -> bytes:
    """The next binary message of a WebSocket."""
    while True:
        got = viewer.recv(timeout=10)
        if isinstance(got, bytes):
            return got


# Every picture, as it was sent.


def test_every_picture_arrives_everywhere_as_it_was_sent(shared: Server, number: int) -> None:
    first, *others = [jpegs.picture(n) for n in range(20)]
    with Pusher(push_address(shared), number) as camera:
        camera.send(first)
        shared.wait_live(f"stream{number}")
        with (
            shared.open(f"/streams/stream{number}/mjpeg") as http,
            open_socket(shared, f"/ws/jpeg?stream=stream{number}") as socket_,
        ):
            parts = MultipartReader(http)
            assert parts.next().body == first and next_picture(socket_) == first
            for picture in others:
                camera.send(picture)
                assert parts.next().body == picture
                assert next_picture(socket_) == picture
                assert snapshot(shared, f"stream{number}") == picture
    name = f"stream{number}"
    stream = eventually(lambda: (s := shared.stream(name))["received"] == 20 and s, "all are counted")
    # On a machine that stops for a second, that is told.
    assert stream["dropped"].keys() <= {"silence"}


def assert_in_order(images: list[Any], camera: RunningPusher) -> None:
    """They are what the camera sent, one after the other."""
    numbers = [test_picture.read(image).sequence for image in images]
    assert numbers == list(range(numbers[0], numbers[0] + len(images)))
    for number, image in zip(numbers, images):
        assert cv2.PSNR(image, jpegs.decode(camera.sent[number][1])) > SAME_PSNR


def test_opencv_reads_the_old_address(shared: Server, number: int) -> None:
    with RunningPusher(push_address(shared), number, fps=20) as camera:
        shared.wait_live(f"stream{number}")
        capture = cv2.VideoCapture(f"{shared.http}/stream{number}", cv2.CAP_FFMPEG)
        try:
            assert_in_order([capture.read()[1] for _ in range(15)], camera)
        finally:
            capture.release()


@pytest.mark.parametrize("transport", ["shm", "websocket"])
def test_the_python_package_reads_every_picture(shared: Server, number: int, transport: str) -> None:
    with RunningPusher(push_address(shared), number, fps=20) as camera:
        shared.wait_live(f"stream{number}")
        source = f"camherd://127.0.0.1:{shared.port}/stream{number}"
        capture = camherd.VideoCapture(source, transport=transport, latest=False, timeout=20)
        try:
            assert capture.isOpened(), capture.reason
            assert_in_order([capture.read()[1] for _ in range(15)], camera)
        finally:
            capture.release()


def test_the_python_package_gives_the_cameras_own_files(shared: Server, number: int) -> None:
    with RunningPusher(push_address(shared), number, fps=20) as camera:
        shared.wait_live(f"stream{number}")
        source = f"camherd://127.0.0.1:{shared.port}/stream{number}"
        unconverted = [cv2.CAP_PROP_CONVERT_RGB, 0]
        capture = camherd.VideoCapture(source, params=unconverted, format="jpeg", latest=False, timeout=20)
        try:
            assert capture.isOpened(), capture.reason
            got = [bytes(capture.read()[1]) for _ in range(15)]
        finally:
            capture.release()
        sent = [payload for _, payload in camera.sent]
        begin = sent.index(got[0])
        assert got == sent[begin : begin + 15]


def test_a_camera_of_120_pictures_a_second_loses_none(serve: ServerFactory) -> None:
    server = serve(*LISTEN)
    drawn = [jpegs.picture(n, (640, 480), noise=40) for n in range(10)]
    with (
        RunningPusher(push_address(server), 1, fps=120, payload=lambda n: marked(drawn[n % 10], n)) as camera,
        contextlib.ExitStack() as viewers,
    ):
        server.wait_live("stream1")
        viewer = viewers.enter_context(open_socket(server, "/ws/jpeg?stream=stream1&quality=high&meta=1"))
        got: list[bytes] = []
        missed = 0
        while len(got) < 600:
            message = viewer.recv(timeout=10)
            if isinstance(message, bytes):
                got.append(message)
            elif got and (told := json.loads(message))["type"] == "dropped":
                missed += told["missed"]
        camera.stop()
        sent = [payload for _, payload in camera.sent]
        numbers = [mark_of(picture) for picture in got]
        assert got == [sent[number] for number in numbers]
        # On a machine that is too busy for this reader it misses some, and is told of each.
        assert numbers == sorted(set(numbers)) and numbers[-1] - numbers[0] + 1 == 600 + missed
        eventually(lambda: server.stream("stream1")["received"] == len(sent), "all are received")
        assert server.stream("stream1")["dropped"] == {}


# Bytes come as they like.


def test_a_header_may_come_byte_by_byte(shared: Server, number: int) -> None:
    with Pusher(push_address(shared), None) as camera:
        for byte in header(number) + size(len(GOOD)) + GOOD[:40]:
            camera.send_raw(bytes([byte]))
        camera.send_raw(GOOD[40:])
        shared.wait_live(f"stream{number}")
        assert snapshot(shared, f"stream{number}") == GOOD


@pytest.mark.parametrize("at", range(1, 17))
def test_the_first_bytes_may_be_cut_anywhere(shared: Server, number: int, at: int) -> None:
    data = header(number) + message(GOOD)
    with Pusher(push_address(shared), None) as camera:
        camera.send_raw(data[:at])
        assert camera.is_open()
        camera.send_raw(data[at:])
        shared.wait_live(f"stream{number}")
        assert snapshot(shared, f"stream{number}") == GOOD


def test_many_pictures_may_come_in_one_go(shared: Server, number: int) -> None:
    pictures = [jpegs.picture(n) for n in range(30)]
    with Pusher(push_address(shared), None) as camera:
        camera.send_raw(header(number) + b"".join(map(message, pictures)))
        eventually(lambda: shared.stream(f"stream{number}")["received"] == 30, "all of them")
        assert snapshot(shared, f"stream{number}") == pictures[-1]


# Two senders, and too many.


@pytest.mark.parametrize("quality", [HIGH, LOW], ids=["high", "low"])
def test_a_second_camera_from_another_address_is_refused(shared: Server, number: int, quality: int) -> None:
    name = f"stream{number}"
    with Pusher(push_address(shared), number, quality=quality) as first:
        first.send(GOOD)
        shared.wait_live(name)
        with Pusher(push_address(shared), number, quality=quality, source=ELSEWHERE) as second:
            second.send(jpegs.picture(2))
            second.wait_closed()
        entry = wait_refused(shared, f"number {number} ", "already")
        assert (entry["address"], entry["stream"]) == (ELSEWHERE, name)
        wait_count(shared, name, "taken")
        first.send(marked(GOOD, 3))
        eventually(lambda: shared.stream(name)["received"] == 2, "the first one goes on")
        assert snapshot(shared, name) == marked(GOOD, 3)


@pytest.mark.parametrize("quality", [HIGH, LOW], ids=["high", "low"])
def test_a_camera_that_reconnects_takes_over(shared: Server, number: int, quality: int) -> None:
    """Its old connection may be dead without anybody's having noticed: it tries until that has been silent for long."""
    name = f"stream{number}"
    with Pusher(push_address(shared), number, quality=quality) as first, contextlib.ExitStack() as opened:
        first.send(GOOD)
        shared.wait_live(name)
        with open_socket(shared, f"/ws/jpeg?stream={name}") as viewer:
            assert next_picture(viewer) == GOOD

            def let_in() -> Pusher | None:
                again = opened.enter_context(Pusher(push_address(shared), number, quality=quality))
                try:
                    again.wait_closed(0.3)
                except AssertionError:
                    return again
                return None

            second = eventually(let_in, "it is let in")
            first.wait_closed()
            second.send(marked(GOOD, 2))
            assert next_picture(viewer) == marked(GOOD, 2), "who watches sees it at once"
            assert shared.wait_live(name)["dropped"].get("replaced") == 1


def test_a_camera_that_is_silent_gives_way_to_one_elsewhere(shared: Server, number: int) -> None:
    name = f"stream{number}"
    with Pusher(push_address(shared), number) as first:
        first.send(GOOD)
        wait_count(shared, name, "silence")
        with Pusher(push_address(shared), number, source=ELSEWHERE) as second:
            second.send(marked(GOOD, 2))
            shared.wait_live(name)
            first.wait_closed()
            assert shared.stream(name)["camera"].startswith(ELSEWHERE)


def test_more_streams_than_allowed_are_refused_and_the_others_go_on(serve: ServerFactory) -> None:
    server = serve(*LISTEN, "--tcp-push-max-streams", "2")
    address = push_address(server)
    with Pusher(address, 1) as one, Pusher(address, 2) as two:
        one.send(GOOD)
        two.send(GOOD)
        server.wait_live("stream1")
        server.wait_live("stream2")
        with Pusher(address, 3) as three:
            three.wait_closed()
        wait_refused(server, "tcp_push.max_streams")
        server.wait_logged("tcp_push.max_streams")
        assert "stream3" not in server.streams()
        with Pusher(address, 2, quality=LOW) as low:
            low.send(GOOD)
            eventually(lambda: server.status()["camera_clients"] == 3, "another quality is no other stream")
        one.send(marked(GOOD, 2))
        two.send(marked(GOOD, 2))
        eventually(lambda: server.stream("stream1")["received"] == 2, "the first goes on")
        eventually(lambda: server.stream("stream2")["received"] >= 2, "the second goes on")
    eventually(lambda: server.status()["camera_clients"] == 0, "they have left")
    with Pusher(address, 3) as three:
        three.send(GOOD)
        server.wait_live("stream3")


def test_connections_that_send_nothing_block_nobody_and_are_closed(serve: ServerFactory) -> None:
    """200 of them; a header has to come within 10 s."""
    server = serve(*LISTEN)
    address = push_address(server)
    with contextlib.ExitStack() as opened:
        idle = [opened.enter_context(Pusher(address, None)) for _ in range(200)]
        with Pusher(address, 1) as camera:
            camera.send(GOOD)
            server.wait_live("stream1", timeout=5)
        assert all(connection.is_open() for connection in idle), "they have 10 s"
        eventually(lambda: not any(connection.is_open() for connection in idle), "they are closed", 20)
    wait_refused(server, "10 s")


def test_connections_beyond_the_limit_are_closed_and_room_comes_back(serve: ServerFactory) -> None:
    server = serve(*LISTEN, "--tcp-push-max-streams", "1")
    address = push_address(server)
    with contextlib.ExitStack() as opened:
        for _ in range(300):
            opened.enter_context(Pusher(address, None))
        wait_refused(server, "connections", "tcp_push.max_streams")

    def taken() -> bool:
        with Pusher(address, 1) as camera:
            with contextlib.suppress(OSError):
                camera.send(GOOD)
            return "stream1" in server.streams()

    eventually(taken, "room again")


# Names, ports and permissions.


def test_numbers_have_the_names_of_the_configuration(serve: ServerFactory, tmp_path: Path) -> None:
    (tmp_path / "camherd.yaml").write_text("tcp_push:\n  streams:\n    0: door\n    65535: yard\n")
    server = serve(*LISTEN)
    address = push_address(server)
    with Pusher(address, 0) as door, Pusher(address, 65_535) as yard, Pusher(address, 2) as other:
        for n, camera in enumerate([door, yard, other]):
            camera.send(marked(GOOD, n))
        for n, name in enumerate(["door", "yard", "stream2"]):
            server.wait_live(name)
            assert snapshot(server, name) == marked(GOOD, n)
        assert server.streams().keys() == {"door", "yard", "stream2"}
        with server.open("/stream0") as viewer:
            assert viewer.status == 200, "old addresses show the number's stream, whatever it is called"
            assert marked(GOOD, 0) in viewer.read_at_least(len(GOOD))


def test_a_taken_port_is_named_with_its_setting(serve: ServerFactory, binary: Path, tmp_path: Path) -> None:
    port = push_address(serve(*LISTEN))[1]
    arguments = ["serve", "--http-listen", "127.0.0.1:0", "--tcp-push-listen", f"127.0.0.1:{port}"]
    second = Process(binary, tmp_path, arguments)
    assert second.wait() == 1 and second.stdout == ""
    for part in (str(port), "in use", "tcp_push.listen", "--tcp-push-listen", "CAMHERD_TCP_PUSH_LISTEN"):
        assert part in second.log


def test_it_can_be_switched_off(serve: ServerFactory) -> None:
    server = serve("--tcp-push-listen", "off")
    assert "push" not in server.stdout
    assert server.get("/health").status == 200


@pytest.mark.parametrize(
    ("ingest", "welcome"), [("loopback", False), ("open", True), ("192.0.2.0/31", False)], ids=lambda value: str(value)
)
def test_who_may_push_is_a_setting(serve: ServerFactory, own_address: str, ingest: str, welcome: bool) -> None:
    server = serve("--tcp-push-listen", "0.0.0.0:0", "--ingest", ingest)
    address = (own_address, push_address(server)[1])
    with Pusher(address, 1) as camera:
        if welcome:
            camera.send(GOOD)
            assert server.wait_live("stream1")["camera"].startswith(own_address)
        else:
            camera.wait_closed()
            assert wait_refused(server, "ingest")["address"] == own_address
            assert server.streams() == {}


def test_a_number_whose_stream_is_another_camera_is_refused(shared: Server, number: int) -> None:
    name = f"stream{number}"
    with Camera(shared, name) as camera:
        camera.send(GOOD)
        shared.wait_live(name)
        with Pusher(push_address(shared), number) as pusher:
            pusher.wait_closed()
        assert wait_refused(shared, "tcp_push.streams")["stream"] == name
        camera.send(marked(GOOD, 2))
        eventually(lambda: snapshot(shared, name) == marked(GOOD, 2), "the camera goes on")


def test_a_camera_is_cut_off_by_force(shared: Server, number: int) -> None:
    name = f"stream{number}"
    with Pusher(push_address(shared), number) as camera:
        camera.send(GOOD)
        shared.wait_live(name)
        answer = shared.request("DELETE", f"/api/streams/{name}/force")
        assert answer.status == 200, answer

        def hung_up() -> bool:
            # It finds out with its next picture.
            with contextlib.suppress(OSError):
                camera.send(GOOD)
            return not camera.is_open()

        eventually(hung_up, "the camera is cut off")
    assert shared.get("/health").status == 200


def test_its_end_is_heard_by_cameras(serve: ServerFactory) -> None:
    server = serve(*LISTEN)
    with Pusher(push_address(server), 1) as camera:
        camera.send(GOOD)
        server.wait_live("stream1")
        assert server.stop() == 0
        camera.wait_closed()
    assert not re.search(r"panicked|did not end", server.log)


def test_two_cameras_of_one_host_with_the_same_number_do_not_replace_each_other(serve: ServerFactory) -> None:
    server = serve(*LISTEN)
    address = push_address(server)
    with RunningPusher(address, 1, fps=20) as camera:
        server.wait_live("stream1")
        for _ in range(3):
            with Pusher(address, 1) as second:
                second.wait_closed()
        wait_refused(server, "this very address")
        wait_count(server, "stream1", "taken", 3)
        before = server.stream("stream1")["received"]
        eventually(lambda: server.stream("stream1")["received"] > before + 5, "the first goes on")
        assert camera.error is None and "replaced" not in server.stream("stream1")["dropped"]


def test_a_sender_without_pictures_does_not_keep_its_number(shared: Server, number: int) -> None:
    name = f"stream{number}"
    with Pusher(push_address(shared), number) as idle:
        idle.wait_closed()
        wait_count(shared, name, "no_picture")
    with Pusher(push_address(shared), number, source=ELSEWHERE) as camera:
        camera.send(GOOD)
        shared.wait_live(name)
