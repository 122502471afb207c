"""Decoding once for everybody, and the frame bus in shared memory."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

import jpegs
import test_picture
from camera import Camera, RunningCamera
from conftest import Processes, ServerFactory
from frame_bus import BusReader, Ring, rings_of
from python_client import camherd
from rtsp_server import RtspServer
from sent_picture import number_of
from server import Server
from wait import eventually

SIZE = (320, 240)
#: What takes longer has gone wrong, also on a busy machine; in seconds.
TIMEOUT = 30.0


def threads(server: Server, work: str) -> list[str]:
    """The threads of a server whose names begin so."""
    return [name for name in server.threads() if name.startswith(work)]


def open_capture(server: Server, stream: str, **options: object) -> camherd.VideoCapture:
    options.setdefault("timeout", TIMEOUT)
    capture = camherd.VideoCapture(stream=stream, server=server.http, **options)  # type: ignore[arg-type]
    assert capture.isOpened(), capture.reason
    return capture


@pytest.mark.timeout(90)
def test_a_camera_is_decoded_once_for_all_and_not_at_all_for_nobody(serve: ServerFactory) -> None:
    with RtspServer(size=SIZE, fps=15, gop=15) as camera:
        server = serve("--streams", f"once={camera.url}")
        server.wait_live("once", TIMEOUT)
        assert server.active("once") == ["source"] and threads(server, "picture") == []
        with ExitStack() as readers:
            captures = [
                readers.enter_context(open_capture(server, "once", size=size, transport=transport))
                for size in ("native", (160, 120), (640, 480))
                for transport in ("shm", "websocket")
            ]
            for capture in captures:
                assert capture.read()[0], capture.reason
            active = server.active("once")
            assert active.count("picture") == 1
            # Each size is made once as well, though two read it.
            assert sorted(name for name in active if name.startswith("bgr24") and not name.endswith("/shm")) == [
                "bgr24/160x120",
                "bgr24/640x480",
                "bgr24/native",
            ]
            assert len(threads(server, "picture")) == 1
            assert server.stream("once")["viewers"] == len(captures)
        eventually(lambda: server.active("once") == ["source"], "nothing is decoded", TIMEOUT)
        eventually(lambda: not threads(server, "picture") and not threads(server, "bgr24"), "their threads end")
        assert server.wait_live("once")["viewers"] == 0, "the camera stays connected"


def test_the_ring_is_as_documented(server: Server) -> None:
    with Camera(server, "ring") as camera, BusReader(server, "ring") as reader:
        camera.send(size=SIZE)
        assert reader.status == 200
        line = reader.next("ring")
        assert {key: line[key] for key in ("version", "stream", "format", "width", "height", "frame_bytes")} == {
            "version": 1, "stream": "ring", "format": "bgr24", "width": 320, "height": 240, "frame_bytes": 320 * 240 * 3,
        }  # fmt: skip
        assert [str(path) for path in rings_of("ring")] == [line["path"]]
        ring = Ring(line["path"])
        assert ring.mode == 0o600
        assert ring.memory[:8] == b"CAMHERD\x01" and ring.memory[16:32].hex() == line["ring"]
        assert ring.memory[128:192].rstrip(b"\0") == b"ring"
        assert len(ring.memory) == 4096 + line["slots"] * line["slot_bytes"]
        pictures = []
        for _ in range(8):
            number = reader.frame()
            # The next one comes when this one has been looked at: none is overwritten meanwhile.
            image = ring.bgr(number)
            assert ring.holds(number) and ring.newest >= number
            pictures.append(test_picture.read(image).sequence)
            times = np.frombuffer(ring.memory, np.uint64, 4, ring.slot(number) + 32)
            assert all(times) and list(times) == sorted(times)
            camera.send(size=SIZE)
        assert pictures == sorted(set(pictures))


def test_a_reader_that_keeps_a_frame_too_long_knows(server: Server) -> None:
    # Pictures so large that the ring has few of them.
    size = (1600, 1200)
    with Camera(server, "late") as camera:
        camera.send()
        server.wait_live("late")
        with BusReader(server, "late", "size=1600x1200") as reader:
            slots = reader.next("ring")["slots"]
            first = reader.frame()
            with open_capture(server, "late", size=size, copy=False) as capture:
                ok, view = capture.read()
                assert ok and capture.intact and capture.sequence == first and view.shape == (1200, 1600, 3)
                number = first
                while number < first + slots:
                    assert capture.intact
                    camera.send()
                    number = reader.frame()
                assert not capture.intact
                ok, view = capture.read()
                assert ok and capture.intact and capture.sequence == number
                assert test_picture.read(view).sequence == camera.sequence - 1
                assert capture.dropped == slots - 1


def test_a_camera_that_changes_its_size_gets_another_ring(server: Server) -> None:
    with Camera(server, "turned") as camera:
        camera.send(size=(320, 240))
        server.wait_live("turned")
        with BusReader(server, "turned") as reader, open_capture(server, "turned", latest=False) as capture:
            first = reader.next("ring")
            old = Ring(first["path"])
            assert capture.read()[1].shape == (240, 320, 3)
            reader.frame()
            camera.send(size=(240, 320))
            second = reader.next("ring")
            assert (second["width"], second["height"]) == (240, 320) and second["ring"] != first["ring"]
            assert old.closed and [str(path) for path in rings_of("turned")] == [second["path"]]
            assert test_picture.read(Ring(second["path"]).bgr(reader.frame())).sequence == 1
            ok, frame = capture.read()
            assert ok and frame.shape == (320, 240, 3) and test_picture.read(frame).sequence == 1
            assert capture.get(camherd.CAP_PROP_FRAME_WIDTH) == 240.0


def test_nothing_stays_in_shared_memory_when_the_server_ends(server: Server) -> None:
    with RunningCamera(server, "tidy", fps=15), BusReader(server, "tidy") as reader:
        ring = Ring(reader.next("ring")["path"])
        reader.frame()
        assert rings_of("tidy") != []
        assert server.stop() == 0
        assert rings_of("tidy") == []
        while reader.line() is not None:
            pass
    assert ring.memory[:7] == b"CAMHERD", "who has it open may still look at it"


def test_the_next_server_removes_what_a_killed_one_left(processes: Processes) -> None:
    killed, living = processes.serve(), processes.serve()
    with RunningCamera(killed, "left-over", fps=15), RunningCamera(living, "in-use", fps=15):
        with BusReader(killed, "left-over") as lost, BusReader(living, "in-use") as reader:
            lost.frame()
            reader.frame()
            killed.signal(signal.SIGKILL)
            assert killed.wait() == -signal.SIGKILL
            assert len(rings_of("left-over")) == 1
            processes.serve()
            eventually(lambda: rings_of("left-over") == [], "what was left is removed")
            assert len(rings_of("in-use")) == 1, "that of a server that runs is left alone"
            reader.frame()


def test_without_shared_memory_frames_come_over_the_websocket(serve: ServerFactory) -> None:
    server = serve("--bus-enabled", "false")
    with RunningCamera(server, "plain", fps=15):
        answer = server.get("/api/streams/plain/bus")
        assert answer.status == 501 and "bus.enabled" in answer.error()
        with open_capture(server, "plain") as capture:
            assert capture.read()[0] and capture.transport == "websocket"
        capture = camherd.VideoCapture(stream="plain", server=server.http, transport="shm", timeout=2)
        assert not capture.isOpened() and "bus.enabled" in capture.reason
    assert rings_of("plain") == []


def test_a_ring_that_does_not_fit_is_said_and_frames_still_come(serve: ServerFactory) -> None:
    server = serve("--bus-max-bytes", "1M")
    with RunningCamera(server, "tight", fps=15):
        with BusReader(server, "tight", "size=640x480") as reader:
            # The last thing that is said.
            reasons = []
            while (line := reader.line()) is not None:
                reasons.append(line.get("reason", ""))
            assert "does not fit" in reasons[-1] and "bus.max_bytes" in reasons[-1]
        with open_capture(server, "tight") as capture:
            assert capture.read()[0] and capture.transport == "websocket"
        capture = camherd.VideoCapture(stream="tight", server=server.http, transport="shm", timeout=2)
        assert not capture.isOpened() and "bus.max_bytes" in capture.reason
    assert rings_of("tight") == []


def test_rings_are_where_they_are_wanted(serve: ServerFactory, tmp_path: Path) -> None:
    directory = tmp_path / "rings"
    directory.mkdir()
    server = serve("--bus-directory", str(directory))
    with RtspServer(profile="baseline", size=SIZE, fps=15, gop=15) as camera:
        with camherd.VideoCapture(camera.url, server=server.http, timeout=TIMEOUT) as capture:
            assert number_of(capture.read()[1]) >= 0 and capture.transport == "shm"
            assert len(rings_of(capture.stream, directory)) == 1 and rings_of(capture.stream) == []


def test_a_file_that_a_program_shortens_ends_nobody(server: Server) -> None:
    with RunningCamera(server, "cut", fps=15):
        with BusReader(server, "cut") as reader:
            path = Path(reader.next("ring")["path"])
            reader.frame()
            with path.open("r+b") as file:
                file.truncate(0)
            numbers = [reader.frame() for _ in range(3)]
            assert numbers == sorted(set(numbers))
        jpeg = server.get("/streams/cut/snapshot.jpg")
        assert jpeg.status == 200 and jpegs.sequence_of(jpeg.body) > 0
