"""What ``cv2.VideoCapture`` does, camherd's does for a stream, whichever way the frames come."""

from __future__ import annotations

import math
import threading
import time

import cv2
import numpy as np
import pytest

import camherd
from conftest import eventually
from fake_server import number_of

#: Long enough that nothing is missed on a busy machine, short enough to wait for; seconds.
SHORT = 0.2


def read(cap: camherd.VideoCapture) -> int:
    """The number of the frame read."""
    ok, pixels = cap.read()
    assert ok and pixels is not None
    return number_of(pixels)


def test_frames_come_by_the_transport_that_there_is(server, capture):
    server.stream(width=64, height=48).publish()
    cap = capture(server)
    assert cap.isOpened()
    assert cap.transport == server.transport
    ok, pixels = cap.read()
    assert ok and pixels.shape == (48, 64, 3) and pixels.dtype == np.uint8
    assert number_of(pixels) == 0 == cap.sequence
    assert cap.state == "live" and cap.reason == "" and cap.stream == "door"


def test_read_gives_the_newest_and_never_one_twice(server, capture):
    stream = server.stream()
    stream.publish()
    cap = capture(server)
    assert read(cap) == 0
    for _ in range(3):
        stream.publish()
        stream.flush()
    assert read(cap) == 3
    assert cap.dropped == 2
    cap.set(cv2.CAP_PROP_READ_TIMEOUT_MSEC, SHORT * 1000)
    assert cap.read() == (False, None)
    stream.publish()
    cap.set(cv2.CAP_PROP_READ_TIMEOUT_MSEC, 20_000)
    assert read(cap) == 4


def test_a_frame_that_comes_wakes_the_reader(server, capture):
    stream = server.stream()
    stream.publish()
    cap = capture(server)
    read(cap)
    numbers = []
    reader = threading.Thread(target=lambda: numbers.append(read(cap)))
    reader.start()
    stream.publish()
    reader.join(20)
    assert numbers == [1]


def test_latest_false_gives_every_frame_in_order(server, capture):
    stream = server.stream()
    stream.publish()
    cap = capture(server, latest=False)
    for _ in range(6):
        stream.publish()
        stream.flush()
    assert [read(cap) for _ in range(7)] == list(range(7))
    assert cap.dropped == 0


def test_two_readers_each_get_every_frame(server, capture):
    stream = server.stream()
    stream.publish()
    caps = [capture(server, latest=False) for _ in range(2)]
    for _ in range(5):
        stream.publish()
        stream.flush()
    assert [[read(cap) for _ in range(6)] for cap in caps] == [list(range(6))] * 2


def test_grab_takes_a_frame_and_retrieve_gives_that_one(server, capture):
    stream = server.stream()
    stream.publish()
    cap = capture(server)
    assert cap.retrieve() == (False, None)
    assert cap.grab()
    stream.publish()
    stream.flush()
    # As often as one likes, and whatever has come since.
    assert number_of(cap.retrieve()[1]) == 0
    assert number_of(cap.retrieve()[1]) == 0
    assert cap.grab()
    stream.publish()
    stream.flush()
    assert cap.grab()
    assert number_of(cap.retrieve()[1]) == 2


def test_a_frame_goes_into_the_array_that_is_given_where_it_fits(server, capture):
    stream = server.stream()
    stream.publish()
    cap = capture(server)
    image = np.zeros((48, 64, 3), np.uint8)
    ok, same = cap.read(image)
    assert ok and same is image and number_of(image) == 0
    stream.publish()
    other = np.full((10, 10, 3), 77, np.uint8)
    ok, pixels = cap.read(other)
    assert ok and pixels is not other and pixels.shape == (48, 64, 3)
    assert (other == 77).all()


def test_frames_that_a_program_keeps_stay_as_they_are(server, capture):
    stream = server.stream()
    stream.publish()
    cap = capture(server)
    kept = [cap.read()[1]]
    parts = []
    for _ in range(40):
        stream.publish()
        stream.flush()
        kept.append(cap.read()[1])
        # Of this one only a part is kept.
        stream.publish()
        stream.flush()
        parts.append((cap.sequence + 1, cap.read()[1][10:20, 10:20, 1]))
    assert [number_of(pixels) for pixels in kept] == [0, *range(1, 81, 2)]
    assert all((part == number % 256).all() for number, part in parts)


def test_memory_of_frames_is_used_again(server, capture):
    stream = server.stream()
    stream.publish()
    cap = capture(server)
    places = set()
    for _ in range(30):
        _, pixels = cap.read()
        places.add(pixels.ctypes.data)
        del pixels
        stream.publish()
        stream.flush()
    assert len(places) <= 4


@pytest.mark.parametrize(
    ("pixel_format", "shape"), [("bgr24", (30, 40, 3)), ("gray", (30, 40)), ("i420", (45, 40)), ("jpeg", (30, 40, 3))]
)
def test_formats_and_sizes(server, capture, pixel_format, shape):
    server.stream().publish(100)
    cap = capture(server, format=pixel_format, size="40x30")
    ok, pixels = cap.read()
    assert ok and pixels.shape == shape
    assert abs(float(pixels[5:, 5:].mean()) - 100) < 2
    # The bus has no JPEG, and is not asked for it.
    assert cap.transport == ("websocket" if pixel_format == "jpeg" else server.transport)


def test_i420_with_odd_sides_is_flat(server, capture):
    server.stream().publish(7)
    cap = capture(server, format="i420", size=(17, 19))
    ok, pixels = cap.read()
    assert ok and pixels.shape == (17 * 19 + 2 * 9 * 10,)


def test_jpeg_as_it_is(server, capture):
    server.stream().publish()
    cap = capture(server, format="jpeg")
    assert cap.set(cv2.CAP_PROP_CONVERT_RGB, 0)
    ok, data = cap.read()
    assert ok and data.ndim == 1 and bytes(data[:2]) == b"\xff\xd8" and bytes(data[-2:]) == b"\xff\xd9"


def test_properties(server, capture):
    stream = server.stream(width=320, height=240)
    captured = time.time() - 0.25
    stream.publish(41, captured)
    cap = capture(server)
    assert cap.get(cv2.CAP_PROP_FRAME_WIDTH) == 320
    assert cap.get(cv2.CAP_PROP_FRAME_HEIGHT) == 240
    assert cap.get(cv2.CAP_PROP_FPS) == 30.0
    assert cap.get(cv2.CAP_PROP_FOURCC) == cv2.VideoWriter_fourcc(*"h264")
    assert cap.get(cv2.CAP_PROP_BITRATE) == 2000
    assert cap.get(cv2.CAP_PROP_FRAME_COUNT) == -1
    assert cap.get(cv2.CAP_PROP_POS_MSEC) == 0
    read(cap)
    assert cap.get(cv2.CAP_PROP_POS_MSEC) == pytest.approx(captured * 1000, abs=0.01)
    assert cap.captured == pytest.approx(captured, abs=1e-5)
    assert cap.get(cv2.CAP_PROP_POS_FRAMES) == 41
    assert cap.frame_age >= 0.25
    assert cap.getBackendName() == "CAMHERD"
    assert cap.get(cv2.CAP_PROP_BACKEND) == camherd.CAP_CAMHERD
    assert cap.get(cv2.CAP_PROP_BRIGHTNESS) == 0
    assert not cap.set(cv2.CAP_PROP_BRIGHTNESS, 1)
    assert cap.set(cv2.CAP_PROP_BUFFERSIZE, 1) and cap.get(cv2.CAP_PROP_BUFFERSIZE) == 1
    assert (cap.frame_times is not None) == (server.transport == "shm")


def test_the_constants_are_those_of_opencv():
    names = [name for name in camherd.__all__ if name.startswith("CAP_") and name != "CAP_CAMHERD"]
    assert len(names) > 10
    for name in names:
        assert getattr(camherd, name) == getattr(cv2, name), name


def test_fps_is_measured_by_capture_times_also_when_frames_are_left_out(server, capture):
    stream = server.stream()
    stream.info["fps"] = 99.0
    start = time.time() - 100
    stream.publish(0, start)
    cap = capture(server)
    read(cap)
    # 12.5 fps, of which the reader gets a third.
    for number in range(1, 31):
        stream.publish(number, start + number * 0.08)
        stream.flush()
        if number % 3 == 0:
            assert read(cap) == number
    assert cap.get(cv2.CAP_PROP_FPS) == pytest.approx(12.5, abs=0.01)


def test_timeouts_are_properties_as_in_opencv(server, capture):
    server.stream().publish()
    cap = capture(server, timeout=3)
    assert cap.get(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC) == cap.get(cv2.CAP_PROP_READ_TIMEOUT_MSEC) == 3000
    assert cap.set(cv2.CAP_PROP_READ_TIMEOUT_MSEC, 500)
    assert cap.get(cv2.CAP_PROP_READ_TIMEOUT_MSEC) == 500
    assert not cap.set(cv2.CAP_PROP_READ_TIMEOUT_MSEC, -1)
    assert not cap.set(cv2.CAP_PROP_READ_TIMEOUT_MSEC, math.nan)


def test_params_of_the_constructor(server, capture):
    server.stream().publish()
    params = [cv2.CAP_PROP_FRAME_WIDTH, 32, cv2.CAP_PROP_FRAME_HEIGHT, 24, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 700]
    cap = capture(server, apiPreference=cv2.CAP_FFMPEG, params=params)
    assert cap.get(cv2.CAP_PROP_READ_TIMEOUT_MSEC) == 700
    assert cap.read()[1].shape == (24, 32, 3)


def test_another_size_while_it_runs(server, capture):
    stream = server.stream()
    stream.publish()
    cap = capture(server)
    assert cap.read()[1].shape == (48, 64, 3)
    assert cap.set(cv2.CAP_PROP_FRAME_WIDTH, 128)
    assert cap.set(cv2.CAP_PROP_FRAME_HEIGHT, 96)
    assert not cap.set(cv2.CAP_PROP_FRAME_HEIGHT, 10)
    assert cap.get(cv2.CAP_PROP_FRAME_WIDTH) == 128 and cap.get(cv2.CAP_PROP_FRAME_HEIGHT) == 96
    number = stream.publish()
    ok, pixels = cap.read()
    assert ok and pixels.shape == (96, 128, 3)
    # The picture that was read before is not given again only because it has another size now.
    assert number_of(pixels) == number


def test_the_camera_changes_its_size(server, capture):
    stream = server.stream()
    stream.publish()
    cap = capture(server)
    assert cap.read()[1].shape == (48, 64, 3)
    with server.lock:
        (rendition,) = stream.renditions.values()
        rendition.width, rendition.height = 80, 60
        if rendition.ring is not None:
            rendition.new_ring()
    stream.publish()
    assert cap.read()[1].shape == (60, 80, 3)
    assert cap.get(cv2.CAP_PROP_FRAME_WIDTH) == 80


def test_context_manager_and_iteration(server, capture):
    stream = server.stream()
    stream.publish()
    with camherd.VideoCapture(stream="door", server=server.url, latest=False, timeout=SHORT * 5) as cap:
        for _ in range(4):
            stream.publish()
            stream.flush()
        assert [number_of(pixels) for pixels in cap] == [0, 1, 2, 3, 4]
        assert cap.isOpened() is False
    assert cap.state == "closed" and cap.transport == ""
    assert cap.read() == (False, None)
    eventually(lambda: stream.readers == 0, "the connection was not ended")


def test_open_again(server, capture):
    server.stream("a").publish(1)
    server.stream("b").publish(2)
    cap = camherd.VideoCapture()
    assert not cap.isOpened() and cap.read() == (False, None) and cap.get(cv2.CAP_PROP_FPS) == 0
    for name, number in (("a", 1), ("b", 2)):
        assert cap.open(f"camherd://127.0.0.1:{server.port}/{name}")
        assert read(cap) == number and cap.stream == name
    cap.release()
    cap.release()


def test_a_reader_that_is_forgotten_ends_its_connection(server, capture):
    stream = server.stream()
    stream.publish()
    cap = camherd.VideoCapture(stream="door", server=server.url)
    _, pixels = cap.read()
    assert stream.readers == 1
    del cap
    eventually(lambda: stream.readers == 0)
    assert number_of(pixels) == 0


def test_wait_any(server, capture):
    streams = [server.stream(name) for name in ("a", "b", "c")]
    for stream in streams:
        stream.publish()
    caps = [capture(server, name) for name in ("a", "b", "c")]
    assert camherd.VideoCapture.waitAny(caps) == (True, [0, 1, 2])
    assert camherd.VideoCapture.waitAny(caps, 20_000_000) == (False, [])
    streams[1].publish()
    assert camherd.VideoCapture.waitAny(caps, 20_000_000_000) == (True, [1])
    assert number_of(caps[1].retrieve()[1]) == 1
    for cap in caps:
        cap.release()
    assert camherd.VideoCapture.waitAny(caps) == (False, [])


def test_release_from_another_thread_ends_a_read(server, capture):
    stream = server.stream()
    stream.publish()
    cap = capture(server, timeout=600)
    read(cap)
    answers = []
    reader = threading.Thread(target=lambda: answers.append(cap.read()))
    reader.start()
    eventually(reader.is_alive)
    cap.release()
    reader.join(20)
    assert answers == [(False, None)]
    eventually(lambda: stream.readers == 0)


@pytest.mark.parametrize(
    "options",
    [
        {"format": "rgb"},
        {"transport": "pigeon"},
        {"size": "15x480"},
        {"size": (640, 9000)},
        {"size": "large"},
        {"size": 640},
        {"timeout": 0},
        {"timeout": math.nan},
        {"format": "jpeg", "transport": "shm"},
        {"server": "ftp://host"},
        {"server": "http://host:port"},
        {"token": "line\nbreak"},
        {"stream": "../etc"},
        {"params": [3]},
    ],
)
def test_arguments_that_cannot_be_are_errors(options):
    with pytest.raises(ValueError):
        camherd.VideoCapture(**{"stream": "door", "server": "http://127.0.0.1:1", **options})
