"""Cameras that push over plain TCP: their pictures as they were sent, and one outcome for everything that is wrong."""

from __future__ import annotations

import contextlib
import re
import struct
from pathlib import Path
from typing import Any, Iterator, NamedTuple

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
    DONE, H264, HIGH, LISTEN, LOW, MJPEG, MOST, Pusher, RunningPusher, header, marked, message, push_address, size,
    wait_count, wait_refused,
)  # fmt: skip
from wait import eventually

GOOD = jpegs.picture(1)
MIB = 1 << 20
#: Another address of this machine.
ELSEWHERE = "127.0.0.2"
#: An int32's ends.
LEAST, GREATEST = -(2**31), 2**31 - 1


@pytest.fixture(scope="module")
def shared(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the tests that push numbers of their own."""
    processes = Processes(binary, tmp_path_factory.mktemp("push"))
    server = processes.serve(*LISTEN, "--stall-timeout", "1s")
    yield server
    died = server.returncode
    processes.end()
    assert died is None, f"the server died with {died}\n{server.log}"


@pytest.fixture
def number(request: pytest.FixtureRequest) -> int:
    """A stream number for the test case."""
    NUMBERS.append(request.node.nodeid)
    return 100 + len(NUMBERS)


NUMBERS: list[str] = []


def snapshot(server: Server, name: str) -> bytes:
    answer = server.get(f"/streams/{name}/snapshot.jpg")
    assert answer.status == 200, answer.body
    return answer.body


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
    stream = shared.stream(f"stream{number}")
    assert (stream["received"], stream["dropped"]) == (20, {})


def test_opencv_reads_the_old_address(shared: Server, number: int) -> None:
    with RunningPusher(push_address(shared), number, fps=20):
        shared.wait_live(f"stream{number}")
        capture = cv2.VideoCapture(f"{shared.http}/stream{number}", cv2.CAP_FFMPEG)
        try:
            numbers = [test_picture.read(capture.read()[1]).sequence for _ in range(15)]
        finally:
            capture.release()
    assert numbers == list(range(numbers[0], numbers[0] + 15))


@pytest.mark.parametrize("transport", ["shm", "websocket"])
def test_the_python_package_reads_every_picture(shared: Server, number: int, transport: str) -> None:
    with RunningPusher(push_address(shared), number, fps=20):
        shared.wait_live(f"stream{number}")
        source = f"camherd://127.0.0.1:{shared.port}/stream{number}"
        capture = camherd.VideoCapture(source, transport=transport, latest=False, timeout=20)
        try:
            assert capture.isOpened(), capture.reason
            numbers = [test_picture.read(capture.read()[1]).sequence for _ in range(15)]
        finally:
            capture.release()
    assert numbers == list(range(numbers[0], numbers[0] + 15))


def test_a_camera_of_120_pictures_a_second_loses_none(serve: ServerFactory) -> None:
    server = serve(*LISTEN)
    drawn = [jpegs.picture(n, (640, 480), noise=40) for n in range(10)]
    with (
        RunningPusher(push_address(server), 1, fps=120, payload=lambda n: marked(drawn[n % 10], n)) as camera,
        contextlib.ExitStack() as viewers,
    ):
        server.wait_live("stream1")
        viewer = viewers.enter_context(open_socket(server, "/ws/jpeg?stream=stream1&quality=high", max_queue=None))
        got = [next_picture(viewer) for _ in range(600)]
        camera.stop()
        sent = [payload for _, payload in camera.sent]
        begin = sent.index(got[0])
        assert got == sent[begin : begin + 600]
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


# What is wrong.

HEADERS = {
    "number -1": (header(-1), "-1"),
    "number 100000": (header(100_000), "100000"),
    "least number": (header(LEAST), str(LEAST)),
    "greatest number": (header(GREATEST), str(GREATEST)),
    "big-endian": (struct.pack(">3i", 1, 0, 1), str(1 << 24)),
    "type 2": (header(1, 2), "type 2"),
    "type -1": (header(1, -1), "type -1"),
    "type 2^31 - 1": (header(1, GREATEST), f"type {GREATEST}"),
    "quality 2": (header(1, MJPEG, 2), "quality 2"),
    "quality -1": (header(1, H264, -1), "quality -1"),
    "HTTP": (b"GET / HTTP/1.1\r\nHost: camera\r\n\r\n", str(int.from_bytes(b"GET ", "little"))),
    "a picture without header": (GOOD, str(struct.unpack("<i", GOOD[:4])[0])),
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_bad_header_is_refused_with_the_reason(shared: Server, case: str) -> None:
    data, part = HEADERS[case]
    known = shared.streams().keys()
    with Pusher(push_address(shared), None) as camera:
        camera.send_raw(data)
        camera.wait_closed()
    assert wait_refused(shared, part)["address"] == "127.0.0.1"
    eventually(lambda: part in shared.log, "the log has it")
    assert shared.streams().keys() == known, "no stream comes of it"


SIZES = {
    "-1": (-1, "bad_size"),
    "least": (LEAST, "bad_size"),
    "10 MiB and one byte": (MOST + 1, "too_large"),
    "1 GiB": (1 << 30, "too_large"),
    "greatest": (GREATEST, "too_large"),
}


@pytest.mark.parametrize("kind", [MJPEG, H264], ids=["mjpeg", "h264"])
@pytest.mark.parametrize("case", SIZES)
def test_a_bad_size_ends_the_connection_and_the_camera_may_come_back(
    shared: Server, number: int, case: str, kind: int
) -> None:
    length, label = SIZES[case]
    name = f"stream{number}"
    with Pusher(push_address(shared), number, kind) as camera:
        camera.send_raw(size(length))
        camera.wait_closed()
    assert str(length) in wait_count(shared, name, label)
    assert str(length) in shared.log
    with Pusher(push_address(shared), number) as again:
        again.send(GOOD)
        shared.wait_live(name)
        assert snapshot(shared, name) == GOOD


def test_10_mib_are_taken_and_one_byte_more_is_not(shared: Server, number: int) -> None:
    name = f"stream{number}"
    with Pusher(push_address(shared), number) as camera:
        largest = jpegs.padded(GOOD, MOST)
        camera.send(largest)
        shared.wait_live(name)
        assert snapshot(shared, name) == largest
        with contextlib.suppress(OSError):  # It need not read what it refuses.
            camera.send(jpegs.padded(GOOD, MOST + 1))
        camera.wait_closed()
    assert shared.stream(name)["received"] == 1


def test_memory_does_not_follow_what_is_announced(serve: ServerFactory) -> None:
    """100 connections announce 10 MiB each; what they sent is a byte each. Bound: 20 MiB for all."""
    server = serve(*LISTEN)
    with Pusher(push_address(server), 0) as honest, contextlib.ExitStack() as liars:
        honest.send(GOOD)
        server.wait_live("stream0")
        before = server.resident_mib()
        for number in range(1, 101):
            liar = liars.enter_context(Pusher(push_address(server), number))
            liar.send_raw(size(MOST) + b"\xff")
        eventually(lambda: server.status()["camera_clients"] == 101, "all are connected")
        assert server.resident_mib() < before + 20
        honest.send(marked(GOOD, 2))
        eventually(lambda: server.stream("stream0")["received"] == 2, "the honest one goes on")


class Silence(NamedTuple):
    """What a camera has sent when it falls silent, and what it goes on with."""

    before: bytes
    after: bytes


SILENCES = {
    "between two pictures": Silence(message(GOOD), message(GOOD)),
    "within a picture": Silence(message(GOOD) + message(GOOD)[:100], message(GOOD)[100:]),
    "within a size": Silence(message(GOOD) + size(len(GOOD))[:2], size(len(GOOD))[2:] + GOOD),
}


@pytest.mark.parametrize("case", SILENCES)
def test_a_silent_camera_is_offline_until_it_goes_on(shared: Server, number: int, case: str) -> None:
    """The server's `stall_timeout` is 1 s. It waits for what the camera had begun."""
    name, silence = f"stream{number}", SILENCES[case]
    with Pusher(push_address(shared), number) as camera:
        camera.send_raw(silence.before)
        shared.wait_live(name)
        eventually(lambda: shared.stream(name)["state"] == "offline", "the silence is noticed")
        assert "1 s" in shared.stream(name)["reason"]
        wait_count(shared, name, "silence")
        assert shared.stream(name)["dropped"]["silence"] == 1, "it is counted once"
        camera.send_raw(silence.after)
        shared.wait_live(name)
        assert shared.stream(name)["received"] == 2


def test_a_camera_that_begins_with_silence_is_counted(shared: Server, number: int) -> None:
    with Pusher(push_address(shared), number):
        wait_count(shared, f"stream{number}", "silence")
        assert shared.stream(f"stream{number}")["state"] != "live"


CUT_OFF = {
    "size": (size(1000)[:3], "3 of the 4"),
    "before its first byte": (size(1000), "0 of the 1000"),
    "half a picture": (message(GOOD)[: 4 + len(GOOD) // 2], f"{len(GOOD) // 2} of the {len(GOOD)}"),
    "all but a byte": (message(GOOD)[:-1], f"{len(GOOD) - 1} of the {len(GOOD)}"),
}


@pytest.mark.parametrize("case", CUT_OFF)
def test_a_picture_that_is_cut_off_is_not_shown(shared: Server, number: int, case: str) -> None:
    rest, words = CUT_OFF[case]
    name = f"stream{number}"
    with Pusher(push_address(shared), number) as camera:
        camera.send_raw(message(GOOD) + rest)
        shared.wait_live(name)
        assert snapshot(shared, name) == GOOD
    assert words in wait_count(shared, name, "cut_off")
    stream = shared.stream(name)
    assert (stream["state"], stream["received"]) == ("offline", 1)


def test_a_header_that_is_cut_off_makes_no_stream(shared: Server) -> None:
    known = shared.streams().keys()
    with Pusher(push_address(shared), None) as camera:
        camera.send_raw(header(7)[:11])
    wait_refused(shared, "11 of the 12")
    assert shared.streams().keys() == known


def test_a_camera_that_is_cut_by_a_reset_is_counted(shared: Server, number: int) -> None:
    name = f"stream{number}"
    camera = Pusher(push_address(shared), number)
    camera.send(GOOD)
    shared.wait_live(name)
    camera.abort()
    wait_count(shared, name, "connection")
    eventually(lambda: shared.stream(name)["state"] == "offline", "offline")


@pytest.mark.parametrize("more", [b"", b"late", message(GOOD)], ids=["nothing", "garbage", "a picture"])
def test_a_size_of_0_says_that_the_camera_is_done(shared: Server, number: int, more: bytes) -> None:
    name = f"stream{number}"
    with Pusher(push_address(shared), number) as camera:
        camera.send_raw(message(GOOD) + DONE + more)
        eventually(lambda: shared.streams().get(name, {}).get("state") == "offline", "offline")
        camera.wait_closed()
    stream = shared.stream(name)
    assert "done" in stream["reason"]
    assert (stream["received"], stream["dropped"]) == (1, {})


NO_PICTURES: dict[str, tuple[bytes, str]] = {
    "text": (b"Hello World", "not_jpeg"),
    "one byte": (b"\xff", "not_jpeg"),
    "zeros": (bytes(50_000), "not_jpeg"),
    "H.264": (bytes.fromhex("00000001674d0028") + bytes(100), "not_jpeg"),
    "half a picture": (GOOD[: len(GOOD) // 2], "truncated"),
    "too many pixels": (jpegs.with_frame_header(GOOD, size=(9000, 9000)), "bad_dimensions"),
}


@pytest.mark.parametrize("case", NO_PICTURES)
def test_a_message_that_is_no_picture_is_counted_and_the_camera_goes_on(
    shared: Server, number: int, case: str
) -> None:
    payload, label = NO_PICTURES[case]
    name = f"stream{number}"
    with Pusher(push_address(shared), number) as camera:
        camera.send(payload)
        wait_count(shared, name, label)
        assert shared.stream(name)["received"] == 0
        camera.send(GOOD)
        shared.wait_live(name)
        assert snapshot(shared, name) == GOOD
        assert shared.stream(name)["dropped"] == {label: 1}


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
    """Its old connection may be dead without anybody's having noticed."""
    name = f"stream{number}"
    with Pusher(push_address(shared), number, quality=quality) as first:
        first.send(GOOD)
        shared.wait_live(name)
        with open_socket(shared, f"/ws/jpeg?stream={name}") as viewer:
            assert next_picture(viewer) == GOOD
            with Pusher(push_address(shared), number, quality=quality) as second:
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
        assert "tcp_push.max_streams" in server.log and "stream3" not in server.streams()
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
