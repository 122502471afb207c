"""``camherd push /dev/videoN``, from a stand-in for the device that is as strict as the kernel."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np
import pytest

import jpegs
from command import Command
from conftest import ServerFactory
from server import Server
from tcp_push import LISTEN, push_address
from v4l2_device import PATH, Frame, V4l2Device, build, nv12, yu12, yuyv
from wait import eventually

SIZE = (320, 240)
SNAPSHOT = "/streams/stream1/snapshot.jpg"


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("v4l2"))


Device = Callable[..., V4l2Device]


@pytest.fixture
def device(library: Path, tmp_path: Path) -> Device:
    """Makes the device of a test."""
    return lambda frames, **what: V4l2Device(library, tmp_path, frames, **what)


@pytest.fixture
def server(serve: ServerFactory) -> Server:
    return serve(*LISTEN)


def push(binary: Path, directory: Path, server: Server, camera: V4l2Device, *arguments: str) -> Command:
    """The command, on its way."""
    host, port = push_address(server)
    to = f"tcp://{host}:{port}/1"
    return Command(binary, directory, "push", PATH, "--to", to, *arguments, env=camera.environment)


def pictures(count: int, size: tuple[int, int] = SIZE) -> list[bytes]:
    return [jpegs.picture(number, size) for number in range(count)]


def images(count: int, size: tuple[int, int] = SIZE) -> list[np.ndarray]:
    """The same, decoded."""
    return [jpegs.decode(picture) for picture in pictures(count, size)]


def seen(server: Server, count: int) -> list[bytes]:
    """So many different pictures of the stream, one after the other."""
    server.wait_live("stream1")
    with server.open("/stream1") as stream:
        data = bytearray()
        found: list[bytes] = []
        while len(found) < count:
            chunk = stream.read_available()
            assert chunk, "the stream has ended"
            data += chunk
            while (end := data.find(b"\xff\xd9\r\n")) >= 0:
                found.append(bytes(data[data.index(b"\xff\xd8") : end + 2]))
                del data[: end + 2]
    return found


def test_jpeg_is_sent_as_the_device_gives_it(binary: Path, tmp_path: Path, server: Server, device: Device) -> None:
    sent = pictures(10)
    # What is behind a picture in the buffer is none of it.
    camera = device([Frame(picture) for picture in sent], formats="YUYV,MJPG")
    with push(binary, tmp_path, server, camera, "--fps", "25", "--size", "320x240") as command:
        got = seen(server, 15)
        command.popen.terminate()
        status, _, err = command.end()
    assert status == 0, err
    assert set(got) <= set(sent), "each as it was captured, whole"
    numbers = [sent.index(picture) for picture in got]
    assert all((b - a) % 10 == 1 for a, b in zip(numbers, numbers[1:])), numbers
    assert "S_PARM 1000/25000" in camera.log and "S_FMT 320x240" in camera.log
    camera.assert_used_well()


def coarse(image: np.ndarray) -> np.ndarray:
    """The mean of each 8x8 pixels."""
    return cv2.resize(image, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("padding", [0, 64], ids=["packed", "padded"])
@pytest.mark.parametrize("layout", [yuyv, nv12, yu12], ids=["YUYV", "NV12", "YU12"])
def test_raw_pictures_are_encoded_here(
    binary: Path, tmp_path: Path, server: Server, device: Device, layout: Any, padding: int
) -> None:
    shown = images(10)
    frames = [Frame(layout(image, padding)) for image in shown]
    name = layout.__name__.upper()
    row = SIZE[0] * (2 if name == "YUYV" else 1)
    # Some drivers say nothing of rows without padding.
    stride = row + padding if padding else 0
    camera = device(frames, formats=f"GREY,{name}", stride=stride, image=len(frames[0].data))
    with push(binary, tmp_path, server, camera) as command:
        got = [jpegs.decode(picture) for picture in seen(server, 5)]
        command.popen.terminate()
        assert command.end()[0] == 0
    for picture in got:
        number = jpegs.test_picture.read(picture).sequence
        # Details get lost twice; a wrong plane or row is off by dozens.
        off = cv2.absdiff(coarse(picture), coarse(shown[number]))
        assert off.max() < 24 and off.mean() < 5, (number, off.max(), off.mean())
    assert f"S_FMT {SIZE[0]}x{SIZE[1]}" in camera.log, "the size that it is set to"
    camera.assert_used_well()


@pytest.mark.timeout(90)
def test_a_device_that_gives_nothing_is_given_up(
    binary: Path, tmp_path: Path, server: Server, device: Device
) -> None:
    """Some drivers wait for more buffers than camherd has; others just hang."""
    camera = device([Frame(picture) for picture in pictures(10)], buffers=4)
    with push(binary, tmp_path, server, camera) as command:
        status, _, err = command.end()
    assert status == 2 and f"no picture: {PATH}: no picture for 15 s" in err, err
    assert camera.log[-1] == "WRONG DQBUF: it waits for ever, as 2 of 4 buffers are queued"


@pytest.mark.parametrize("layout", ["MJPG", "YUYV"])
def test_a_broken_or_short_frame_is_one_picture_less(
    binary: Path, tmp_path: Path, server: Server, device: Device, layout: str
) -> None:
    shown = images(4)
    whole = [yuyv(image) if layout == "YUYV" else jpegs.picture(n) for n, image in enumerate(shown)]
    frames = [
        Frame(whole[0]), Frame(whole[1], broken=True), Frame(whole[2][: len(whole[2]) // 2]), Frame(b""),
        Frame(whole[3]),
    ]  # fmt: skip
    camera = device(frames, formats=layout, image=max(len(frame.data) for frame in frames))
    with push(binary, tmp_path, server, camera) as command:
        numbers = [jpegs.sequence_of(picture) for picture in seen(server, 6)]
        command.popen.terminate()
        assert command.end()[0] == 0
    assert set(numbers) == {0, 3}, numbers
    camera.assert_used_well()


@pytest.mark.parametrize("call", ["DQBUF", "QBUF"])
def test_a_device_that_is_unplugged_ends_the_command(
    binary: Path, tmp_path: Path, server: Server, device: Device, call: str
) -> None:
    camera = device([Frame(picture) for picture in pictures(10)], fail=f"{call}:{errno.ENODEV}:30")
    with push(binary, tmp_path, server, camera) as command:
        server.wait_live("stream1")
        status, _, err = command.end()
    assert status == 3, err
    assert f"the source ended: {PATH}" in err and "unplugged" in err, err
    eventually(lambda: server.stream("stream1")["state"] == "offline", "the server knows")
    # A slow machine misses some.
    assert server.get("/api/streams/stream1").json()["frame_count"] >= 10, "what it gave before was sent"
    camera.assert_used_well()


def refused(binary: Path, directory: Path, server: Server, camera: V4l2Device) -> str:
    """What the command says to a device that it cannot read."""
    with push(binary, directory, server, camera) as command:
        status, _, err = command.end()
    assert status == 2, err
    assert f"no picture: {PATH} cannot be read" in err, err
    assert server.streams() == {}, "nothing was pushed"
    return err


@pytest.mark.parametrize(
    ("fail", "words"),
    [
        (f"open:{errno.ENOENT}", "there is no such device"),
        (f"open:{errno.EACCES}", "group"),
        (f"open:{errno.ENODEV}", "unplugged"),
        (f"QUERYCAP:{errno.ENOTTY}", "no camera"),
        (f"S_FMT:{errno.EBUSY}", "another program"),
        (f"REQBUFS:{errno.EBUSY}", "another program"),
        (f"REQBUFS:{errno.ENOMEM}", os.strerror(errno.ENOMEM)),
        (f"STREAMON:{errno.ENOSPC}", "USB"),
    ],
)
def test_what_cannot_be_read_is_said(
    binary: Path, tmp_path: Path, server: Server, device: Device, fail: str, words: str
) -> None:
    camera = device([Frame(picture) for picture in pictures(2)], fail=fail)
    assert words in refused(binary, tmp_path, server, camera)


def test_a_device_without_a_format_of_use_is_named(
    binary: Path, tmp_path: Path, server: Server, device: Device
) -> None:
    camera = device([Frame(b"\0" * 10)], formats="GREY,RGB3")
    said = refused(binary, tmp_path, server, camera)
    assert "GREY" in said and "RGB3" in said and "MJPG" in said, said
    camera.assert_used_well()


def test_the_other_device_of_a_camera_is_none(binary: Path, tmp_path: Path, server: Server, device: Device) -> None:
    camera = device([Frame(b"\0" * 10)], formats="")
    assert "it gives no pictures; a camera may have a second device" in refused(binary, tmp_path, server, camera)
    camera.assert_used_well()


def test_a_device_that_sets_another_format_than_it_is_asked_for_is_named(
    binary: Path, tmp_path: Path, server: Server, device: Device
) -> None:
    camera = device([Frame(b"\0" * 10)], swaps="GREY")
    said = refused(binary, tmp_path, server, camera)
    assert "MJPG" in said and "GREY" in said, said
    camera.assert_used_well()


def test_a_rate_that_cannot_be_set_is_no_obstacle(
    binary: Path, tmp_path: Path, server: Server, device: Device
) -> None:
    camera = device([Frame(picture) for picture in pictures(10)], fail=f"S_PARM:{errno.ENOTTY}")
    with push(binary, tmp_path, server, camera, "--fps", "10") as command:
        assert len(seen(server, 3)) == 3
        command.popen.terminate()
        status, _, err = command.end()
    assert status == 0 and "keeps its own frame rate" in err, err
    camera.assert_used_well()
