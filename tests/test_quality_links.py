"""Quality over links that carry a part of what the camera sends: how old pictures get, and how often it changes."""

from __future__ import annotations

import functools
import itertools
import re
import threading
import time
from statistics import mean
from typing import NamedTuple

import pytest

import jpegs
from tcp_push import HIGH, LISTEN, LOW, RunningPusher, push_address
from wait import eventually
from websocket import connect as tcp_connect

FPS = 30
#: Pictures in a cycle: it lasts four seconds, which no picture is old.
CYCLE = 120
#: What is promised, in seconds: when a lower quality comes, and how old a picture is at most. A busy machine gets more.
TO_FOLLOW, OLDEST, BUSY = 2.0, 1.0, 1.0
#: Bytes that the slow reader takes at once.
STEP = 2048
#: Bytes that it takes while it is fast.
FULL_STEP = 1 << 16


class Shown(NamedTuple):
    """A picture as the viewer got it."""

    at: float
    jpeg: bytes
    #: Bytes that the viewer had read when the picture's last one had come.
    read: int


class Reader:
    """Reads MJPEG over HTTP no faster than ``rate`` bytes a second; None is as fast as it comes."""

    def __init__(self, server, target: str) -> None:
        self.rate: float | None = None
        self.read = 0
        self.shown: list[Shown] = []
        self._buffer = bytearray()
        self._socket = tcp_connect(server.address, None, 16 * 1024, 20.0)
        # HTTP/1.0 has no chunks.
        self._socket.sendall(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            try:
                chunk = self._socket.recv(STEP if self.rate else FULL_STEP)
            except OSError:
                return
            if not chunk:
                return
            self.read += len(chunk)
            self._buffer += chunk
            self._take_parts()
            if self.rate:
                # Who had nothing to read does not save up for later.
                due = max(due, time.monotonic() - 0.05) + len(chunk) / self.rate
                self._stop.wait(max(0.0, due - time.monotonic()))

    def _take_parts(self) -> None:
        while head := re.search(rb"Content-Length: (\d+)\r\n(?:[^\r\n]+\r\n)*\r\n", self._buffer):
            end = head.end() + int(head[1])
            if len(self._buffer) < end:
                return
            jpeg = bytes(self._buffer[head.end() : end])
            del self._buffer[:end]
            self.shown.append(Shown(time.monotonic(), jpeg, self.read - len(self._buffer)))

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._socket.close()
        self._thread.join(5)


class Scene:
    """A camera that pushes two qualities, and one reader. Nothing is decoded, which a busy machine would do late."""

    def __init__(self, server, pictures: dict[int, list[bytes]]) -> None:
        self._server, self._pictures = server, pictures
        self.reader: Reader | None = None
        #: For each picture that was sent, by quality, what the reader had read by then.
        self.sent: dict[int, list[int]] = {HIGH: [], LOW: []}

    def _draw(self, quality: int, number: int) -> bytes:
        self.sent[quality].append(self.reader.read if self.reader else 0)
        return self._pictures[quality][number % CYCLE]

    def __enter__(self) -> Scene:
        address = push_address(self._server)
        self._pushers = [
            RunningPusher(address, 7, quality=quality, fps=FPS, payload=functools.partial(self._draw, quality))
            for quality in (HIGH, LOW)
        ]
        self._server.wait_live("stream7")
        self.reader = Reader(self._server, "/stream7")
        # By then the server knows how fast its viewer is.
        eventually(lambda: len(self.reader.shown) > 2 * FPS, "pictures over a good link", 30)
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.__exit__()
        for pusher in self._pushers:
            pusher.stop()

    def bytes_old(self, shown: Shown) -> int:
        """How many bytes the viewer read since the picture was sent: its age, whatever else the machine does."""
        sent = self.sent[LOW if is_low(shown) else HIGH]
        place = jpegs.sequence_of(shown.jpeg)
        numbers = (place + CYCLE * turn for turn in range((len(sent) - 1 - place) // CYCLE, -1, -1))
        return next(shown.read - sent[number] for number in numbers if sent[number] <= shown.read)


@pytest.fixture(scope="module")
def pictures() -> dict[int, list[bytes]]:
    """A cycle of them in both qualities: 0.75 MB a second, and a third of that."""
    high = [jpegs.picture(number, (640, 480), quality=25, noise=16) for number in range(CYCLE)]
    low = [jpegs.picture(number, (320, 240), quality=25, noise=16) for number in range(CYCLE)]
    assert 18_000 < mean(map(len, high)) < 32_000 and mean(map(len, low)) < 12_000
    return {HIGH: high, LOW: low}


@pytest.fixture
def pushed(serve):
    """A server that takes pushed streams."""
    return serve(*LISTEN)


def is_low(shown: Shown) -> bool:
    """Whether it is of the low quality."""
    return jpegs.decode(shown.jpeg).shape[0] == 240


def test_at_a_tenth_of_the_rate_no_picture_is_older_than_a_second(pushed, pictures):
    rate = FPS * mean(map(len, pictures[HIGH])) / 10
    with Scene(pushed, pictures) as scene:
        reader = scene.reader
        slow_since, before = time.monotonic(), len(reader.shown)
        reader.rate = rate
        time.sleep(6)
        shown = list(reader.shown[before:])
        first = next(picture for picture in shown if is_low(picture))
        assert first.at - slow_since < TO_FOLLOW + BUSY
        ages = [scene.bytes_old(picture) / rate for picture in shown]
        assert max(ages) < OLDEST, [round(age, 2) for age in ages]


def test_a_link_that_carries_more_than_half_does_not_make_the_quality_flap(pushed, pictures):
    rate = FPS * mean(map(len, pictures[HIGH])) * 0.6
    with Scene(pushed, pictures) as scene:
        reader = scene.reader
        before = len(reader.shown)
        reader.rate = rate
        time.sleep(12)
        low = [is_low(picture) for picture in reader.shown[before:]]
        assert any(low), "it goes down"
        changes = sum(a != b for a, b in itertools.pairwise(low))
        assert changes <= 3, "down; and once up, to try, and down again"
        assert max(scene.bytes_old(picture) / rate for picture in reader.shown[before:]) < OLDEST
