"""Shared memory: what its header must say, and frames that are overwritten while they are read."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest

import camherd
from camherd.errors import RingUnusable
from camherd.frames import ArrayPool, array_shape
from camherd.ring import HEADER_BYTES, Ring, RingHeader
from fake_server import number_of, picture
from ring_writer import RingWriter
from test_capture import read

VECTORS = Path(__file__).parents[3] / "testdata/vectors/frame_bus.json"
SIZE = (64, 48)


@pytest.fixture
def writer(tmp_path: Path) -> RingWriter:
    return RingWriter(tmp_path / "ring", "door", "bgr24", *SIZE, SIZE[0] * SIZE[1] * 3, slots=4)


def opened(writer: RingWriter) -> Ring:
    return Ring(str(writer.path), writer.ring.hex())


def pixels_of(number: int) -> np.ndarray:
    return picture(number, *SIZE)


def test_the_header_is_read(writer):
    header = opened(writer).header
    assert (header.stream, header.format, header.width, header.height) == ("door", "bgr24", *SIZE)
    assert (header.slots, header.slot_bytes, header.frame_bytes) == (4, 12288, 9216)
    assert (header.next, header.closed, header.ring) == (0, False, writer.ring.hex())


@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors are in the repository only")
def test_vectors_that_all_readers_share():
    vectors = json.loads(VECTORS.read_text())
    assert vectors["headers"] and vectors["refused"]
    for vector in vectors["headers"]:
        data = bytes.fromhex(vector["hex"]).ljust(HEADER_BYTES, b"\0")
        header = RingHeader.parse(data, vector["file_bytes"])
        assert {name: getattr(header, name) for name in vector["values"]} == vector["values"], vector["about"]
    for vector in vectors["refused"]:
        data = bytes.fromhex(vector["hex"]).ljust(HEADER_BYTES, b"\0")
        with pytest.raises(RingUnusable):
            RingHeader.parse(data, vector["file_bytes"])


@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors are in the repository only")
def test_slots_of_the_vectors_that_all_readers_share(tmp_path):
    for index, vector in enumerate(json.loads(VECTORS.read_text())["slots"]):
        wanted = vector["number_wanted"]
        writer = RingWriter(tmp_path / f"ring{index}", "door", "bgr24", *SIZE, SIZE[0] * SIZE[1] * 3, slots=2)
        data = bytes.fromhex(vector["hex"])
        at = HEADER_BYTES + wanted % 2 * writer.slot_bytes
        writer.memory[at : at + len(data)] = data
        frame = opened(writer).frame(wanted)
        assert (frame is not None) == vector["complete"], vector["about"]
        if frame is not None:
            values = vector["values"]
            assert (frame.sequence, frame.captured_ns) == (values["number"], values["captured_unix"])
            assert frame.times == (values["captured"], values["received"], values["decoded"], values["published"])


def test_a_file_of_any_length(writer):
    """Cut off anywhere it is refused, and nothing beyond it is touched."""
    whole = writer.path.read_bytes()
    for length in (0, 1, 7, 8, 63, 4095, 4096, len(whole) - 1):
        with pytest.raises(RingUnusable):
            RingHeader.parse(whole[:length][:HEADER_BYTES], length)
    RingHeader.parse(whole[:HEADER_BYTES], len(whole))


def test_a_frame_is_read_while_and_after_it_is_written(writer):
    ring, pool = opened(writer), ArrayPool()
    assert ring.newest() is None and ring.frame(0) is None
    writer.begin(0)
    assert ring.frame(0) is None
    writer.fill(0, pixels_of(0), 1700000000.5)
    assert ring.frame(0) is None
    writer.finish(0)
    frame = ring.frame(0)
    assert frame is not None and ring.newest() == 0
    assert frame.captured_ns == 1_700_000_000_500_000_000
    assert number_of(frame.pixels(pool, None, True, True)) == 0


def test_a_frame_that_is_overwritten_is_not_given(writer):
    ring, pool = opened(writer), ArrayPool()
    writer.write(0, pixels_of(0))
    frame, view = ring.frame(0), None
    view = frame.pixels(pool, None, False, True)
    assert frame.intact() and number_of(view) == 0
    writer.begin(4)
    assert not frame.intact()
    assert frame.pixels(pool, None, True, True) is None
    assert frame.pixels(pool, None, False, True) is None
    writer.fill(4, pixels_of(4), 0)
    writer.finish(4)
    assert not frame.intact() and ring.frame(0) is None
    assert number_of(ring.frame(4).pixels(pool, None, True, True)) == 4


def test_a_frame_that_is_overwritten_while_it_is_copied_is_not_given(writer, monkeypatch):
    ring, pool = opened(writer), ArrayPool()
    writer.write(0, pixels_of(0))
    frame = ring.frame(0)
    copyto = np.copyto

    def interrupted(target: np.ndarray, source: np.ndarray) -> None:
        copyto(target[:24], source[:24])
        writer.write(4, pixels_of(4))
        copyto(target[24:], source[24:])

    monkeypatch.setattr(np, "copyto", interrupted)
    every_other = np.empty((SIZE[1], 2 * SIZE[0], 3), np.uint8)[:, ::2]
    assert frame.pixels(pool, every_other, True, True) is None


def overtaking(monkeypatch, write) -> None:
    """Has a frame written each time that a reader has looked at one and is about to copy it."""
    take = ArrayPool.take

    def overtaken(pool: ArrayPool, shape: tuple[int, ...]) -> np.ndarray:
        write()
        return take(pool, shape)

    monkeypatch.setattr(ArrayPool, "take", overtaken)


def test_a_frame_that_is_overwritten_before_it_is_copied_is_not_given(writer, monkeypatch):
    ring, pool = opened(writer), ArrayPool()
    writer.write(0, pixels_of(0))
    frame = ring.frame(0)
    overtaking(monkeypatch, lambda: writer.write(4, pixels_of(4)))
    assert frame.pixels(pool, None, True, True) is None


def test_a_frame_goes_into_any_array_of_its_shape(writer):
    writer.write(0, pixels_of(0))
    frame, pool = opened(writer).frame(0), ArrayPool()
    whole = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    every_other = np.zeros((SIZE[1], 2 * SIZE[0], 3), np.uint8)[:, ::2]
    for out in (whole, every_other, np.asfortranarray(whole)):
        assert frame.pixels(pool, out, True, True) is out
        assert np.array_equal(out, pixels_of(0))


def test_a_writer_that_died_in_the_middle_of_a_frame_harms_nobody(writer):
    ring = opened(writer)
    writer.write(0, pixels_of(0))
    writer.begin(1)
    assert ring.frame(0) is not None and ring.newest() == 0


def test_views_are_read_only_and_outlive_the_ring(writer):
    writer.write(0, pixels_of(0))
    view = opened(writer).frame(0).pixels(ArrayPool(), None, False, True)
    with pytest.raises(ValueError):
        view[0, 0, 0] = 1
    os.unlink(writer.path)
    assert number_of(view) == 0


def test_the_file_must_be_the_one_that_was_named(writer, tmp_path):
    with pytest.raises(RingUnusable, match="belongs to another server"):
        Ring(str(writer.path), "00" * 16)
    with pytest.raises(RingUnusable, match="is not there") as raised:
        Ring(str(tmp_path / "nothing"), writer.ring.hex())
    assert raised.value.elsewhere
    with pytest.raises(RingUnusable, match="not absolute"):
        Ring("ring", writer.ring.hex())
    with pytest.raises(RingUnusable, match="not a file"):
        Ring(str(tmp_path), writer.ring.hex())
    (tmp_path / "link").symlink_to(writer.path)
    with pytest.raises(RingUnusable, match="cannot be opened"):
        Ring(str(tmp_path / "link"), writer.ring.hex())
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RingUnusable, match="not a file"):
        Ring(str(tmp_path / "pipe"), writer.ring.hex())


def test_shapes_of_formats():
    assert array_shape("i420", 64, 48) == (72, 64)
    assert array_shape("i420", 17, 15) == (399,)
    assert array_shape("gray", 17, 15) == (15, 17)


@pytest.mark.parametrize(
    ("offset", "value", "why"),
    [
        (0, b"WRONG", "does not begin as a frame bus does"),
        (8, b"\x09", "is of version 9"),
        (44, b"\xff\xff\xff\xff", "slots cannot be"),
        (44, b"\xff\x0f\0\0", "need more"),
        (48, b"\0\0\0\0\0\0\0\x80", "need more"),
        (32, b"\xff\xff\xff\x7f", "cannot be"),
        (56, b"\xff\xff\xff\xff\xff\xff\xff\xff", "bytes a frame"),
        (40, b"\x04", "unknown number 4"),
        (16, b"\xaa", "belongs to another server"),
    ],
)
def test_a_hostile_header_makes_frames_come_over_the_network(make_server, capture, caplog, offset, value, why):
    server = make_server()
    description = server.description

    def spoilt(ring: RingWriter) -> dict:
        ring.memory[offset : offset + len(value)] = value
        return description(ring)

    server.description = spoilt
    server.stream().publish()
    cap = capture(server)
    assert cap.isOpened() and cap.transport == "websocket"
    assert read(cap) == 0
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "WebSocket instead of shared memory" in record.getMessage() and why in record.getMessage()


def test_a_server_elsewhere_is_nothing_to_warn_of(make_server, capture, caplog):
    server = make_server()
    server.description = lambda ring: {**ring.description(), "path": "/dev/shm/camherd-of-another-machine"}
    server.stream().publish()
    cap = capture(server)
    assert read(cap) == 0 and cap.transport == "websocket"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_nothing_but_shared_memory_when_so_asked(make_server, capture):
    server = make_server()
    server.description = lambda ring: {**ring.description(), "path": "/dev/shm/camherd-of-another-machine"}
    server.stream().publish()
    cap = capture(server, transport="shm", timeout=1)
    assert not cap.isOpened()
    assert "the server runs on another machine" in cap.reason


def test_a_server_without_room_for_a_ring(make_server, capture):
    server = make_server()
    server.no_room = "a ring of 24997888 bytes does not fit"
    server.stream().publish()
    cap = capture(server)
    assert read(cap) == 0 and cap.transport == "websocket"
    cap = capture(server, transport="shm", timeout=1)
    assert not cap.isOpened() and server.no_room in cap.reason


def test_views_without_a_copy(make_server, capture):
    server = make_server(slots=4)
    stream = server.stream()
    stream.publish()
    cap = capture(server, copy=False)
    ok, view = cap.read()
    assert ok and number_of(view) == 0 and not view.flags.writeable
    assert cap.intact and cap.frame_intact()
    for _ in range(4):
        stream.publish()
    assert not cap.intact
    ok, view = cap.read()
    assert number_of(view) == 4 and cap.intact
    image = np.empty_like(view)
    stream.publish()
    assert cap.read(image)[1] is image and number_of(image) == 5


def test_a_frame_that_is_overwritten_between_grab_and_retrieve(make_server, capture):
    server = make_server(slots=4)
    stream = server.stream()
    stream.publish()
    cap = capture(server)
    assert cap.grab()
    for _ in range(6):
        stream.publish()
    ok, pixels = cap.retrieve()
    assert ok and number_of(pixels) == 6 == cap.sequence


def test_a_reader_in_order_that_was_overtaken_goes_on_and_knows(make_server, capture):
    server = make_server(slots=8)
    stream = server.stream()
    stream.publish()
    cap = capture(server, latest=False)
    assert read(cap) == 0
    for _ in range(50):
        stream.publish()
    numbers = [read(cap) for _ in range(5)]
    assert numbers == list(range(numbers[0], 51)), "from where it goes on, every frame"
    assert cap.dropped == numbers[0] - 1


def test_a_writer_that_overtakes_each_copy_is_not_waited_for_without_end(make_server, capture, monkeypatch):
    server = make_server(slots=1)
    stream = server.stream()
    stream.publish()
    cap = capture(server)
    overtaking(monkeypatch, stream.publish)
    assert cap.read() == (False, None)


def test_the_ring_is_gone_while_it_is_changed_for_another(make_server, capture):
    """The camera changes its size twice in a row: the first description names a file that is there no more."""
    server = make_server()
    stream = server.stream()
    stream.publish()
    cap = capture(server)
    assert read(cap) == 0
    description = server.description
    server.description = lambda ring: {**description(ring), "path": str(server.directory / "gone")}
    with server.lock:
        (rendition,) = stream.renditions.values()
        rendition.new_ring()
        server.description = description
    stream.publish()
    assert read(cap) == 1
    assert cap.transport == "shm"
    assert isinstance(cap.frame_times, camherd.FrameTimes)
