"""A single picture of a device that rests: the request wakes it, and gets a picture of now."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable

import pytest

import jpegs
from http_client import Response
from server import Server
from test_device import Device, device
from wait import eventually

SNAPSHOT, FRAME = "/streams/door/snapshot.jpg", "/api/streams/door/frame?format=jpeg"
DECODED = "/api/streams/door/frame?format=bgr24"
#: So long the server waits for a picture of a device that it has woken, in seconds.
WAKE_WAIT = 1.0


class Asking:
    """A request on a thread of its own."""

    def __init__(self, server: Server, target: str) -> None:
        self._answers: list[Response] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(server.get(target)), daemon=True)
        self._thread.start()

    @property
    def is_answered(self) -> bool:
        return not self._thread.is_alive()

    def answer(self) -> Response:
        self._thread.join(20)
        assert not self._thread.is_alive(), "no answer"
        assert self._answers[0].status == 200, self._answers[0]
        return self._answers[0]


def number(answer: Response) -> int:
    """The number in the answer's picture."""
    return int(answer.headers["X-Frame-Seq"])


def rested(server: Server, camera: Device) -> None:
    """A device that has sent a picture, and was told that nobody watches."""
    camera.show()
    server.wait_live("door")
    eventually(lambda: camera.demands()[-1:] == [0], "it rests", 20)


def when(camera: Device, condition: Callable[[], bool], act: Callable[[], Any]) -> threading.Thread:
    """Acts as a device does that is told something."""

    def run() -> None:
        eventually(condition, "the device is told", 20)
        act()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("target", [SNAPSHOT, FRAME, DECODED])
def test_a_request_wakes_a_device_and_gets_what_it_sends_then(server: Server, target: str) -> None:
    with device(server) as camera:
        rested(server, camera)
        woken = when(camera, lambda: camera.demands()[-1] == 1, lambda: camera.show(1))
        answer = Asking(server, target).answer()
        woken.join(20)
        assert number(answer) == 1, "the new one"
        if target != DECODED:
            assert jpegs.sequence_of(answer.body) == 1


def test_requests_that_come_while_it_wakes_get_a_new_picture_as_well(server: Server) -> None:
    with device(server) as camera:
        rested(server, camera)
        first = Asking(server, SNAPSHOT)
        eventually(lambda: camera.demands()[-1] == 1, "it is woken")
        second = Asking(server, FRAME)
        camera.show(1)
        assert number(first.answer()) == 1
        # Whether it was asked for before that picture came or after it.
        assert number(second.answer()) == 1
        # Awake, it is not waited for.
        began = time.monotonic()
        assert number(Asking(server, SNAPSHOT).answer()) == 1
        assert time.monotonic() - began < WAKE_WAIT


@pytest.mark.parametrize("target", [SNAPSHOT, FRAME, DECODED])
def test_a_device_that_does_not_wake_is_waited_for_a_moment_only(server: Server, target: str) -> None:
    with device(server) as camera:
        rested(server, camera)
        began = time.monotonic()
        answer = Asking(server, target).answer()
        waited = time.monotonic() - began
        assert number(answer) == 0, "what there is"
        assert float(answer.headers["X-Frame-Age-Ms"]) > 1000 * WAKE_WAIT, "and true about it"
        assert waited >= WAKE_WAIT


def test_a_device_that_rested_before_its_first_picture_gives_one(server: Server) -> None:
    with device(server) as camera:
        eventually(lambda: camera.demands() == [0], "it rests", 20)
        woken = when(camera, lambda: camera.demands()[-1] == 1, lambda: camera.show(7))
        assert jpegs.sequence_of(Asking(server, SNAPSHOT).answer().body) == 7
        woken.join(20)


def test_a_camera_that_takes_the_name_does_not_inherit_the_rest(server: Server) -> None:
    with device(server) as camera:
        rested(server, camera)
    with device(server) as again:
        again.show(3)
        eventually(lambda: server.stream("door")["state"] == "live", "it is back")
        eventually(lambda: jpegs.sequence_of(server.get(SNAPSHOT).body) == 3, "its picture")
        assert 1 not in again.demands(), "it was not asked for one"
