"""Quality that follows the viewer: down when its link is slow, up again when it is not, never later and later."""

from __future__ import annotations

import json
import threading
import time
from typing import NamedTuple

import pytest

import jpegs
import mp4
from camera import RunningCamera, open_socket
from http_client import Stream, request
from wait import eventually
from websocket import BINARY, TEXT, RawWebSocket
from websocket import connect as tcp_connect

IDR = 5
#: What is promised, in seconds: when a lower quality comes, and how old a picture is at most. A busy machine gets more:
#: this, and what a viewer whose link is quick has to wait.
TO_FOLLOW, OLDEST, BUSY = 2.0, 1.0, 1.0


class Shown(NamedTuple):
    """A picture as a viewer got it."""

    at: float
    quality: str
    age: float
    payload: bytes


class SlowViewer:
    """Reads a WebSocket with ``meta=1`` no faster than ``rate`` bytes a second; None is as fast as it comes."""

    def __init__(self, server, target: str, rate: float | None) -> None:
        self.rate = rate
        self.shown: list[Shown] = []
        self.quality = "high"
        self.dropped = 0
        self._stop = threading.Event()
        self._socket = RawWebSocket(server.address, target, receive_buffer=16 * 1024)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        captured = None
        due = time.monotonic()
        while not self._stop.is_set():
            try:
                frame = self._socket.read_frame()
            except OSError:
                return
            if frame is None:
                return
            if self.rate:
                # Who was idle does not save up what it did not read.
                due = max(due, time.monotonic() - 0.05) + len(frame.payload) / self.rate
                self._stop.wait(max(0.0, due - time.monotonic()))
            if frame.opcode == TEXT:
                message = json.loads(frame.payload)
                if message["type"] == "quality":
                    self.quality = message["quality"]
                elif message["type"] == "dropped":
                    self.dropped = message["total"]
                elif message["type"] == "frame":
                    captured = message["captured"] / 1000
            elif frame.opcode == BINARY:
                now = time.time()
                age = now - captured if captured else 0.0
                self.shown.append(Shown(time.monotonic(), self.quality, age, frame.payload))

    def oldest(self) -> float:
        """The age of the oldest picture so far, in seconds, but for the first ones, which may be of before."""
        return max(shown.age for shown in self.shown[5:])

    def __enter__(self) -> SlowViewer:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._socket.close()
        self._thread.join(5)


@pytest.fixture(scope="module")
def rough() -> list[bytes]:
    """Pictures of some 60 kB, which make 1.2 MB a second."""
    pictures = [jpegs.picture(number, (640, 480), quality=50, noise=60) for number in range(10)]
    assert all(40_000 < len(picture) < 80_000 for picture in pictures), [len(p) for p in pictures]
    return pictures


def get(server, target: str):
    """The answer to a request."""
    return request(server.address, "GET", target)


def size(jpeg: bytes) -> tuple[int, int]:
    """Width and height of a picture."""
    height, width = jpegs.decode(jpeg).shape[:2]
    return width, height


def qualities(server, name: str) -> dict[str, dict]:
    """What the API tells of a stream's qualities, by name."""
    return {entry["quality"]: entry for entry in get(server, f"/api/streams/{name}").json()["qualities"]}


def test_a_slow_viewer_goes_down_stays_on_time_and_comes_back(server, rough):
    with (
        RunningCamera(server, "door", fps=20, draw=lambda number: rough[number % 10]),
        SlowViewer(server, "/ws/jpeg?stream=door&meta=1&quality=high", None) as other,
        SlowViewer(server, "/ws/jpeg?stream=door&meta=1", None) as viewer,
    ):
        eventually(lambda: len(viewer.shown) > 20, "pictures")
        # A fifth of what the camera sends.
        slow_since, before = time.monotonic(), len(viewer.shown)
        viewer.rate = 250_000.0
        eventually(lambda: viewer.quality != "high", "a lower quality", 15)
        assert time.monotonic() - slow_since < TO_FOLLOW + BUSY + other.oldest()
        assert max(shown.age for shown in viewer.shown[before:]) < OLDEST + BUSY / 2 + other.oldest(), "nor is it late"
        eventually(lambda: qualities(server, "door")["low"]["viewers"] == 1, "the API tells of it")
        begin = len(viewer.shown)
        eventually(lambda: len(viewer.shown) > begin + 40, "pictures in it", 20)
        assert max(shown.age for shown in viewer.shown[begin:]) < OLDEST + other.oldest(), "its pictures are on time"
        assert size(viewer.shown[-1].payload) == (320, 240)
        assert other.dropped == 0, "others get every picture"
        viewer.rate = None
        eventually(lambda: viewer.quality == "high", "the best quality again", 30)
        eventually(lambda: size(viewer.shown[-1].payload) == (640, 480), "in its size")
        eventually(lambda: qualities(server, "door")["high"]["viewers"] == 2, "the API tells of it")


def test_who_asks_for_a_quality_gets_it_whatever_its_link_does(server, rough):
    with RunningCamera(server, "door", fps=20, draw=lambda number: rough[number % 10]):
        server.wait_live("door")
        with SlowViewer(server, "/ws/jpeg?stream=door&meta=1&quality=low", None) as viewer:
            eventually(lambda: len(viewer.shown) > 5, "pictures")
            assert {size(shown.payload) for shown in viewer.shown} == {(320, 240)}
            assert viewer.quality == "low"
        with (
            SlowViewer(server, "/ws/jpeg?stream=door&meta=1&quality=high", None) as other,
            SlowViewer(server, "/ws/jpeg?stream=door&meta=1&quality=high", 250_000.0) as viewer,
        ):
            eventually(lambda: viewer.dropped > 30, "fewer pictures", 20)
            assert {shown.quality for shown in viewer.shown} == {"high"}
            assert viewer.oldest() < OLDEST + BUSY / 2 + other.oldest(), "fewer, not later and later"


def test_video_changes_at_a_keyframe_with_its_own_initialisation(serve, rough):
    server = serve("--h264-bitrate", "8M")
    with RunningCamera(server, "door", fps=20, draw=lambda number: rough[number % 10]):
        server.wait_live("door")
        with SlowViewer(server, "/ws/fmp4?stream=door", None) as viewer:
            eventually(lambda: len(viewer.shown) > 30, "video")
            viewer.rate = 150_000.0
            eventually(lambda: any(shown.quality == "low" for shown in viewer.shown), "a lower quality", 20)
            first = next(n for n, shown in enumerate(viewer.shown) if shown.quality == "low")
            eventually(lambda: len(viewer.shown) > first + 10, "video in it", 20)
            init, fragment = viewer.shown[first].payload, viewer.shown[first + 1].payload
            assert init[4:8] == b"ftyp", "the first message in a quality is its initialisation"
            assert IDR in mp4.nal_types(fragment), "and a keyframe comes next"


def test_a_quality_is_made_only_while_somebody_watches_it(server):
    with RunningCamera(server, "door", fps=10, size=(640, 480)):
        server.wait_live("door")
        assert list(qualities(server, "door")) == ["high"], "nobody asked for more"
        with open_socket(server, "/ws/fmp4?stream=door&quality=low") as viewer:
            while not isinstance(viewer.recv(timeout=10), bytes):
                pass
            low = eventually(lambda: (q := qualities(server, "door")["low"])["viewers"] == 1 and q, "it is counted")
            assert (low["made"], low["height"]) == (True, 240)
            eventually(lambda: 0 < qualities(server, "door")["low"]["fps"] <= 15, "its rate")
        eventually(lambda: list(qualities(server, "door")) == ["high"], "no longer made", 20)


class SlowReader:
    """Reads an HTTP answer at 250 kB a second, a fifth of what the camera sends."""

    def __init__(self, server, target: str, accept: str = "*/*") -> None:
        self.data = bytearray()
        self._socket = tcp_connect(server.address, None, 16 * 1024, 10.0)
        head = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n"
        self._socket.sendall(head.encode())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            try:
                self.data += self._socket.recv(5_000)
            except OSError:
                return

    def __enter__(self) -> SlowReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._socket.close()
        self._thread.join(5)


@pytest.mark.parametrize(
    ("target", "accept", "moved"),
    [
        ("/streams/door/mjpeg", "*/*", False),
        ("/streams/door/mjpeg", "image/avif,image/webp,*/*", True),
        ("/streams/door/mjpeg?quality=auto", "*/*", True),
        ("/stream7", "*/*", True),
        ("/stream7?quality=high", "*/*", False),
    ],
)
def test_pages_are_moved_and_programs_that_are_busy_are_not(server, rough, target, accept, moved):
    name = "stream7" if target.startswith("/stream7") else "door"
    with RunningCamera(server, name, fps=20, draw=lambda number: rough[number % 10]):
        server.wait_live(name)
        with SlowReader(server, target, accept) as reader:
            if moved:
                eventually(lambda: qualities(server, name).get("low", {}).get("viewers") == 1, "a lower quality", 15)
            else:
                eventually(lambda: reader.data.count(b"X-Missed: ") > 15, "fewer pictures", 30)
                assert list(qualities(server, name)) == ["high"]


@pytest.mark.parametrize("target", ["/streams/door/mjpeg", "/ws/jpeg?stream=door&x=1"])
def test_an_unknown_quality_is_refused_by_name(server, target):
    with RunningCamera(server, "door", fps=10):
        server.wait_live("door")
        mark = "&" if "?" in target else "?"
        answer = get(server, f"{target}{mark}quality=best")
        assert answer.status == 400
        assert "best" in answer.json()["error"] and "medium" in answer.json()["error"]


def test_a_quality_that_cannot_be_made_is_the_next_better_one(serve, rough):
    server = serve("--limits-decoders", "1")
    with RunningCamera(server, "door", fps=10, draw=lambda number: rough[number % 10]):
        server.wait_live("door")
        with SlowViewer(server, "/ws/jpeg?stream=door&meta=1&quality=low", None) as viewer:
            eventually(lambda: len(viewer.shown) > 5, "pictures nevertheless")
            assert size(viewer.shown[-1].payload) == (640, 480)
        with Stream(server.address, "/streams/door/stream.mp4?quality=low") as file:
            assert b"ftyp" in file.read_at_least(64)
