"""Raw pictures over HTTP (``/api/streams/ID/frame``) and WebSocket (``/ws/ID``)."""

from __future__ import annotations

import json
import threading
import time
from typing import Any, Iterator

import cv2
import numpy as np
import pytest
from websockets.exceptions import InvalidStatus

import jpegs
import test_picture
from camera import Camera, RunningCamera, open_socket
from http_client import Response
from server import Server
from wait import eventually
from websocket import BINARY, CLOSE, PING, PONG, TEXT, RawWebSocket

SIZE = (320, 240)
WIDTH, HEIGHT = SIZE
#: A page of this machine, which a server on loopback lets in.
PAGE = "http://localhost:3000"


@pytest.fixture(scope="module")
def door(shared_server: Server) -> Iterator[Server]:
    """A server with a camera at work on the stream ``door``."""
    with RunningCamera(shared_server, "door", fps=15, size=SIZE):
        shared_server.wait_live("door")
        yield shared_server


def frame(server: Server, query: str = "", stream: str = "door") -> Response:
    return server.get(f"/api/streams/{stream}/frame?{query}")


def bgr(data: bytes, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Raw pixels as a picture; their number must be exact."""
    assert len(data) == size[0] * size[1] * 3
    return np.frombuffer(data, np.uint8).reshape(size[1], size[0], 3)


def number_in(data: bytes, size: tuple[int, int] = SIZE) -> int:
    """The number that is drawn into raw pixels."""
    return test_picture.read(bgr(data, size)).sequence


# One picture over HTTP.


def test_a_frame_says_which_it_is_and_when_it_was_taken(door: Server) -> None:
    answer = frame(door)
    assert answer.status == 200
    code = test_picture.read(bgr(answer.body))
    headers = answer.headers
    assert headers["Content-Type"] == "application/octet-stream" and "no-store" in headers["Cache-Control"]
    assert headers["X-Frame-Size"] == f"{WIDTH}x{HEIGHT}" and headers["X-Frame-Format"] == "bgr24"
    # Nanoseconds since 1970. A camera that pushes says no time: it counts when the picture arrived.
    taken_ms = int(headers["X-Frame-Timestamp"]) / 1e6
    assert code.captured_ms - 5 <= taken_ms <= time.time() * 1000 + 5
    assert int(headers["X-Frame-Seq"]) >= 0 and 0 <= float(headers["X-Frame-Age-Ms"])


@pytest.mark.parametrize(
    ("query", "size", "length"),
    [
        ("width=640&height=480", (640, 480), 640 * 480 * 3),
        ("size=100x75", (100, 75), 100 * 75 * 3),
        ("size=native&format=gray", SIZE, WIDTH * HEIGHT),
        ("size=101x77&format=gray", (101, 77), 101 * 77),
        ("format=i420", SIZE, WIDTH * HEIGHT * 3 // 2),
        # Chroma of odd sides is rounded up.
        ("format=i420&size=101x77", (101, 77), 101 * 77 + 2 * 51 * 39),
    ],
)
def test_formats_and_sizes(door: Server, query: str, size: tuple[int, int], length: int) -> None:
    answer = frame(door, query)
    assert answer.status == 200 and len(answer.body) == length
    assert answer.headers["X-Frame-Size"] == f"{size[0]}x{size[1]}"
    rows = np.frombuffer(answer.body, np.uint8)
    pixels = size[0] * size[1]
    shape = (size[1], size[0], 3) if length == 3 * pixels else (size[1], size[0])
    # The first plane of i420 is the picture in gray.
    assert test_picture.read(rows[: np.prod(shape)].reshape(shape)).captured_ms > 0


def test_all_formats_show_the_same_picture(server: Server) -> None:
    sent = jpegs.picture(7, SIZE)
    with Camera(server, "still") as camera:
        camera.send(sent)
        server.wait_live("still")
        assert frame(server, "format=jpeg", "still").body == sent, "the camera's own JPEG, untouched"
        image = bgr(frame(server, "", "still").body)
        gray = np.frombuffer(frame(server, "format=gray", "still").body, np.uint8).reshape(HEIGHT, WIDTH)
        planes = np.frombuffer(frame(server, "format=i420", "still").body, np.uint8)
        small = jpegs.decode(frame(server, "format=jpeg&size=160x120", "still").body)
    exact = cv2.cvtColor(jpegs.decode(sent), cv2.COLOR_BGR2GRAY)
    assert cv2.PSNR(gray, exact) > 40
    assert cv2.PSNR(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), exact) > 40
    assert cv2.PSNR(planes[: WIDTH * HEIGHT].reshape(HEIGHT, WIDTH), gray) > 24, "the same but for its range"
    assert small.shape == (120, 160, 3) and test_picture.read(small).sequence == 7
    shrunk = cv2.resize(jpegs.decode(sent), (160, 120), interpolation=cv2.INTER_AREA)
    assert cv2.PSNR(small, shrunk) > 24


def test_two_callers_get_the_same_frame_and_take_it_from_nobody(server: Server) -> None:
    with Camera(server, "shared") as camera, open_socket(server, "/ws/shared?size=native") as viewer:
        camera.send()
        server.wait_live("shared")
        assert number_in(viewer.recv(10)) == 0
        first = frame(server, "", "shared")
        assert number_in(first.body) == 0
        again = frame(server, "", "shared")
        assert (again.body, again.headers["X-Frame-Seq"]) == (first.body, first.headers["X-Frame-Seq"])
        for number in range(1, 6):
            after = int(first.headers["X-Frame-Seq"])
            answers: list[Response] = []
            callers = [
                threading.Thread(target=lambda: answers.append(frame(server, f"after={after}", "shared")))
                for _ in range(3)
            ]
            for caller in callers:
                caller.start()
            camera.send()
            for caller in callers:
                caller.join(15)
            assert [number_in(answer.body) for answer in answers] == [number] * 3
            (sequence,) = {int(answer.headers["X-Frame-Seq"]) for answer in answers}
            assert sequence > after
            assert number_in(viewer.recv(10)) == number
            first = answers[0]


def test_after_a_frame_that_is_the_newest_there_is_nothing(server: Server) -> None:
    with Camera(server, "frozen") as camera:
        camera.send()
        server.wait_live("frozen")
        sequence = frame(server, "", "frozen").headers["X-Frame-Seq"]
        answer = frame(server, f"after={sequence}", "frozen")
        assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("format=rgb", "bgr24, gray, i420, jpeg"),
        ("width=640", "`width` and `height`"),
        ("width=15&height=480", "16 to 8192"),
        ("width=640&height=8193", "16 to 8192"),
        ("size=640", "WIDTHxHEIGHT"),
        ("size=64x48&width=64&height=48", "`width` and `height`, or `size`"),
        ("width=a&height=b", "width"),
        ("after=-1", "after"),
    ],
)
def test_bad_parameters_are_400_and_say_which(door: Server, query: str, part: str) -> None:
    for what in ("frame", "bus"):
        answer = door.get(f"/api/streams/door/{what}?{query}")
        assert answer.status == 400 and part in answer.error()


def test_there_is_no_jpeg_in_shared_memory(door: Server) -> None:
    answer = door.get("/api/streams/door/bus?format=jpeg")
    assert answer.status == 400 and "raw pictures" in answer.error()


def test_unknown_streams_are_404_and_those_without_a_camera_503(server: Server) -> None:
    assert frame(server, "", "nobody").status == 404 and "nobody" in frame(server, "", "nobody").error()
    with Camera(server, "gone") as camera:
        camera.send()
        server.wait_live("gone")
        assert frame(server, "", "GONE").status == 200, "upper case is folded"
    eventually(lambda: server.stream("gone")["state"] == "offline", "it is offline")
    answer = frame(server, "", "gone")
    assert answer.status == 503 and "gone is not running" in answer.error()
    for stream, status in (("nobody", 404), ("gone", 503)):
        assert server.get(f"/api/streams/{stream}/bus").status == status
        with pytest.raises(InvalidStatus) as refused:
            open_socket(server, f"/ws/{stream}")
        assert refused.value.response.status_code == status
        # A page cannot see a status: it is told with a close code.
        with RawWebSocket(server.address, f"/ws/{stream}", headers={"Origin": PAGE}) as page:
            closed = page.read_close()
            assert closed.code == {404: 4404, 503: 1013}[status] and stream in closed.reason


# Every picture over a WebSocket.


def test_the_old_contract_is_nothing_but_frames_of_one_size(door: Server) -> None:
    with open_socket(door, "/ws/door?width=160&height=120") as viewer:
        messages = [viewer.recv(10) for _ in range(12)]
    assert all(isinstance(message, bytes) for message in messages)
    numbers = [number_in(message, (160, 120)) for message in messages]
    assert numbers == sorted(set(numbers))


def test_with_meta_each_frame_is_announced(door: Server) -> None:
    with open_socket(door, "/ws/door?meta=1&format=gray") as viewer:
        texts: list[dict[str, Any]] = []
        frames = []
        while len(frames) < 8:
            message = viewer.recv(10)
            if isinstance(message, str):
                texts.append(json.loads(message))
            else:
                assert texts[-1]["type"] == "frame", "the text before it is about it"
                frames.append((texts[-1], message))
    assert texts[0] == {"type": "stream", "name": "door"}
    assert {"type": "state", "state": "live", "reason": ""} in texts
    for meta, data in frames:
        assert (meta["width"], meta["height"], len(data)) == (WIDTH, HEIGHT, WIDTH * HEIGHT)
        code = test_picture.read(np.frombuffer(data, np.uint8).reshape(HEIGHT, WIDTH))
        assert code.captured_ms - 5 <= meta["captured"] <= time.time() * 1000 + 5
    sequences = [meta["seq"] for meta, _ in frames]
    assert sequences == sorted(set(sequences))


def test_pings_are_answered_and_what_old_clients_send_is_ignored(door: Server) -> None:
    with RawWebSocket(door.address, "/ws/door") as viewer:
        viewer.read_until(BINARY)
        # The old client keeps its connection alive with these.
        viewer.send_frame(BINARY, b"")
        viewer.send_frame(TEXT, b"not JSON")
        viewer.send_frame(PING, b"are you there")
        assert viewer.read_until(PONG) == b"are you there"
        seen = [number_in(viewer.read_until(BINARY)) for _ in range(3)]
        assert seen == sorted(set(seen))


@pytest.mark.parametrize("meta", [0, 1])
def test_a_reader_that_does_not_read_skips_to_the_newest(server: Server, meta: int) -> None:
    size = (640, 480)
    with Camera(server, "slow") as camera, open_socket(server, "/ws/slow?size=640x480") as pacemaker:
        with RawWebSocket(server.address, f"/ws/slow?size=640x480&meta={meta}", receive_buffer=16384) as slow:
            last = -1
            # More than all buffers in between hold. Each picture has been made when the next is sent.
            for _ in range(40):
                last = camera.send()
                pacemaker.recv(10)
            numbers, dropped = [], 0
            while not numbers or numbers[-1] < last:
                got = slow.read_frame()
                assert got is not None and got.opcode in (BINARY, TEXT)
                if got.opcode == BINARY:
                    numbers.append(number_in(got.payload, size))
                elif json.loads(got.payload)["type"] == "dropped":
                    dropped += json.loads(got.payload)["missed"]
            assert numbers == sorted(set(numbers)) and len(numbers) < 40, "it skipped"
            if meta:
                assert dropped == last + 1 - len(numbers), "and was told how many"


def test_who_watches_a_stream_that_is_removed_is_told(server: Server) -> None:
    with Camera(server, "removed") as camera:
        camera.send()
        server.wait_live("removed")
        with RawWebSocket(server.address, "/ws/removed") as viewer:
            viewer.read_until(BINARY)
            refused = server.request("DELETE", "/api/streams/removed")
            assert refused.status == 409 and refused.json()["client_count"] == 1
            assert server.request("DELETE", "/api/streams/removed/force").status == 200
            closed = viewer.read_close()
            assert closed.code == 4404 and "removed" in closed.reason


def test_the_server_says_goodbye(server: Server) -> None:
    with Camera(server, "bye") as camera:
        camera.send()
        server.wait_live("bye")
        with RawWebSocket(server.address, "/ws/bye") as viewer:
            viewer.read_until(BINARY)
            assert server.stop() == 0
            assert viewer.read_until(CLOSE)[:2] == (1001).to_bytes(2, "big")
