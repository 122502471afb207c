"""What cameras that push over plain TCP send when something is wrong: each case has one outcome, and is counted."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path
from typing import Iterator, NamedTuple

import pytest

import jpegs
from conftest import Processes, ServerFactory
from server import Server
from tcp_push import (
    DONE, H264, LISTEN, MJPEG, MOST, Pusher, header, marked, message, outliving, push_address, size, snapshot,
    wait_count, wait_refused,
)  # fmt: skip
from wait import eventually

GOOD = jpegs.picture(1)
#: An int32's ends.
LEAST, GREATEST = -(2**31), 2**31 - 1
@pytest.fixture(scope="module")
def shared(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the tests that push numbers of their own."""
    with outliving(Processes(binary, tmp_path_factory.mktemp("push")), *LISTEN, "--stall-timeout", "1s") as server:
        yield server


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
    refused = wait_refused(shared, part)
    assert refused["address"] == "127.0.0.1"
    shared.wait_logged(refused["reason"])
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
    shared.wait_logged(f"stream={name} ", str(length))
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
    eventually(lambda: shared.stream(name)["state"] == "offline", "offline")
    assert shared.stream(name)["received"] == 1


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
        dropped = shared.stream(name)["dropped"]
        # On a machine that stops for a second, that is told.
        assert dropped.pop("silence", 0) >= 0 and dropped == {label: 1}
