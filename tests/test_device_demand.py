"""What a device is told of the size and rate that are of use: no more than all who read make use of."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from typing import Iterator

import pytest

import jpegs
from camera import open_socket
from conftest import ServerFactory
from device import HELLO, Device, device
from frame_bus import BusReader
from server import Server
from virtual_device import VirtualDevice
from wait import eventually

SET = (640, 480)
SHOWN = {**HELLO, "size": "640x480", "sizes": ["160x120", "240x240", "320x240", "640x480"]}
#: Less is told after 5 s of it.
PATIENCE = 30.0


@pytest.fixture
def server(serve: ServerFactory) -> Server:
    """One for which a camera that has sent a picture stays live without another."""
    return serve("--stall-timeout", "1h")


@pytest.fixture
def camera(server: Server) -> Iterator[Device]:
    """One that has sent a picture of 640x480."""
    with device(server, hello=SHOWN) as camera:
        camera.show(size=SET)
        server.wait_live("door")
        yield camera


#: What reads a stream, and the size and rate that its device is told.
READERS = {
    "/ws/{}?format=bgr24&size=320x240": ("320x240", None),
    "/ws/{}?format=jpeg&width=200&height=150": ("320x240", None),
    "/ws/{}?format=gray&size=100x100": ("160x120", None),
    "/ws/jpeg?stream={}&fps=7.5": (None, 8),
    "/ws/jpeg?stream={}&fps=0.2": (None, 2),
    # The lower quality's size follows from that of the camera's pictures: that stays. Its rate is 15.
    "/ws/jpeg?stream={}&quality=low": (None, 15),
}


@pytest.mark.timeout(120)
def test_what_the_only_reader_makes_use_of_is_told(server: Server) -> None:
    with ExitStack() as cameras, ExitStack() as readers:
        all_told = []
        for number, (reads, told) in enumerate(READERS.items()):
            camera = cameras.enter_context(device(server, f"door{number}", hello=SHOWN))
            camera.show(size=SET)
            server.wait_live(camera.name)
            readers.enter_context(open_socket(server, reads.format(camera.name)))
            all_told.append((camera, told))
        for camera, told in all_told:
            eventually(lambda: camera.wanted() == told, f"{camera.name}: less is of use", PATIENCE)
            info = camera.info()
            assert (info["wanted_size"], info["wanted_fps"], info["viewers"]) == (*told, 1)
        readers.close()
        for camera, _ in all_told:
            idle = (0, (None, None))
            eventually(lambda: (camera.demands()[-1], camera.wanted()) == idle, "nobody reads", PATIENCE)


@pytest.mark.timeout(120)
def test_the_largest_of_all_is_told_and_everything_for_who_takes_what_comes(server: Server, camera: Device) -> None:
    with ExitStack() as readers:
        readers.enter_context(open_socket(server, "/ws/door?format=bgr24&size=160x120"))
        eventually(lambda: camera.wanted() == ("160x120", None), "the small one", PATIENCE)
        larger = readers.enter_context(open_socket(server, "/ws/door?format=bgr24&size=320x240"))
        eventually(lambda: camera.wanted() == ("320x240", None), "the larger one")
        with open_socket(server, "/ws/fmp4?stream=door"):
            eventually(lambda: camera.wanted() == (None, None), "a player takes what comes")
        # The encoder goes on for some seconds, and less has to be enough for some more.
        eventually(lambda: camera.wanted() == ("320x240", None), "without the player", PATIENCE)
        # A rate alone says nothing of the size.
        with open_socket(server, "/ws/jpeg?stream=door&fps=5"):
            eventually(lambda: camera.wanted() == (None, None), "whole pictures, and all for the others")
        larger.close()
        eventually(lambda: camera.wanted() == ("160x120", None), "the small one alone", PATIENCE)


def test_a_program_that_asks_for_one_after_the_other_counts_as_well(server: Server, camera: Device) -> None:
    def asks() -> bool:
        answer = server.get("/api/streams/door/frame?format=bgr24&width=320&height=240")
        assert answer.status == 200 and len(answer.body) == 320 * 240 * 3
        return camera.wanted() == ("320x240", None)

    eventually(asks, "it is told although no request lasts", PATIENCE)


def test_the_frame_bus_wants_its_size(server: Server, camera: Device) -> None:
    with BusReader(server, "door", "size=320x240"):
        eventually(lambda: camera.wanted() == ("320x240", None), "the bus", PATIENCE)


def frame_size(message: bytes | str) -> tuple[int, int] | None:
    """Of a JPEG; None of a text."""
    if isinstance(message, str):
        return None
    height, width = jpegs.decode(message).shape[:2]
    return width, height


@pytest.mark.timeout(180)
def test_the_device_really_sends_smaller_pictures_and_nobody_is_harmed(server: Server) -> None:
    with VirtualDevice(server, "porch", "cam set size 640x480", "cam set fps 15") as camera, ExitStack() as readers:
        server.wait_live("porch")
        small = readers.enter_context(open_socket(server, "/ws/porch?format=bgr24&size=320x240"))
        sizes: set[int] = set()
        reading = threading.Thread(target=lambda: sizes.update(len(m) for m in small if isinstance(m, bytes)))
        reading.start()
        eventually(lambda: camera.status("cam status", "power").get("now_size") == "320x240", "it is small", PATIENCE)
        eventually(lambda: source_size(server, "porch") == (320, 240), "its pictures are", PATIENCE)
        # A page: video, whose encoder and player have to follow the camera to its full size.
        with open_socket(server, "/ws/fmp4?stream=porch") as page:
            inits = (json.loads(m) for m in page if isinstance(m, str))
            shown = (m for m in inits if m["type"] == "init")
            assert any((m["width"], m["height"]) == (640, 480) for m in shown), "the page never got its full size"
            assert isinstance(page.recv(timeout=10), (bytes, str)), "and nothing after it"
        with open_socket(server, "/ws/jpeg?stream=porch") as viewer:
            eventually(lambda: frame_size(viewer.recv(timeout=10)) == SET, "and who takes JPEGs")
        eventually(lambda: source_size(server, "porch") == (320, 240), "small again", 2 * PATIENCE)
        small.close()
        reading.join(10)
        assert sizes == {320 * 240 * 3}, "the program's pictures have always had its size"


def source_size(server: Server, name: str) -> tuple[int, int]:
    """Width and height of what the camera sends now."""
    answer = server.get(f"/streams/{name}/snapshot.jpg")
    assert answer.status == 200, answer
    width, height = answer.headers["X-Frame-Size"].split("x")
    return int(width), int(height)
