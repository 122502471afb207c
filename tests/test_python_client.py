"""The Python package against the server and real cameras, and side by side with ``cv2.VideoCapture``."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Iterator

import cv2
import numpy as np
import pytest

import jpegs
import test_picture
from camera import RunningCamera
from conftest import ServerFactory
from frame_bus import rings_of
from python_client import ROOT, Got, ReaderProcess, camherd, video_import
from rtsp_server import RtspServer
from sent_picture import number_of
from server import Server, clean_environment
from test_picture import read as read_code
from wait import eventually

SIZE = (320, 240)
FPS = 20
#: Two decoders of the same H.264 give the same picture; their conversions to BGR round differently. In dB.
SAME_PSNR = 40.0
#: What takes longer has gone wrong, also on a busy machine; in seconds.
TIMEOUT = 30.0
#: Who reads: OpenCV, and this package by either way.
READERS = ["cv2", "shm", "websocket"]
CODECS = ["h264-baseline", "h264-high", "mjpeg"]

OpenCapture = Callable[..., Any]


@pytest.fixture(scope="module", params=CODECS)
def camera(request: pytest.FixtureRequest) -> Iterator[RtspServer]:
    """An RTSP camera that sends numbered pictures."""
    codec, _, profile = request.param.partition("-")
    with RtspServer(codec=codec, profile=profile or "high", size=SIZE, fps=FPS, gop=FPS) as camera:
        yield camera


@pytest.fixture(scope="module")
def high_camera() -> Iterator[RtspServer]:
    """One of them, H.264 High, for what does not depend on the codec."""
    with RtspServer(profile="high", size=SIZE, fps=FPS, gop=FPS) as camera:
        yield camera


def open_with_opencv(url: str) -> cv2.VideoCapture:
    """OpenCV's capture of a camera, which on a busy machine once in some hundred times opens and gets nothing.

    It has to let go before the next attempt: the camera's pictures are one for all, and begin anew with the first.
    """
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 10_000, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 10_000]
    for _ in range(3):
        capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, limits)
        if capture.get(cv2.CAP_PROP_FRAME_WIDTH) > 0:
            break
        capture.release()
    return capture


@pytest.fixture
def open_capture(shared_server: Server) -> Iterator[OpenCapture]:
    """Opens a camera's URL with OpenCV or through the server: ``open_capture("shm", url)``."""
    opened: list[Any] = []

    def open_it(reader: str, *source: str, **options: Any) -> Any:
        if reader == "cv2":
            opened.append(open_with_opencv(*source))
        else:
            options = {"server": shared_server.http, "timeout": TIMEOUT, **options}
            opened.append(camherd.VideoCapture(*source, transport=reader, **options))
        return opened[-1]

    yield open_it
    for capture in opened:
        capture.setExceptionMode(False)
        capture.release()


# The same program for both.


@pytest.mark.parametrize("reader", READERS)
def test_a_program_for_opencv_runs_unchanged(camera: RtspServer, open_capture: OpenCapture, reader: str) -> None:
    full_range = camera.codec == "mjpeg"
    capture = open_capture(reader, camera.url)
    assert capture.isOpened() is True
    assert (capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)) == SIZE

    numbers, times = [], []
    for _ in range(15):
        ok, frame = capture.read()
        assert ok is True and frame.shape == (SIZE[1], SIZE[0], 3) and frame.dtype == np.uint8
        numbers.append(number_of(frame, full_range))
        times.append(capture.get(cv2.CAP_PROP_POS_MSEC))
    assert numbers == sorted(set(numbers)), "each frame comes once"
    # OpenCV has no time before the camera's first sender report.
    assert times == sorted(times) and (len(set(times)) == len(times) or reader == "cv2"), "their times go up"
    # OpenCV tells what the stream announces, and camherd what it measures.
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(FPS, rel=0.5)

    assert capture.grab() is True
    ok, grabbed = capture.retrieve()
    again = capture.retrieve()[1]
    assert ok is True and number_of(grabbed, full_range) > numbers[-1] and np.array_equal(grabbed, again)
    into = np.zeros_like(grabbed)
    ok, given = capture.read(into)
    assert ok is True and given is into and number_of(into, full_range) > number_of(grabbed, full_range)

    assert capture.getBackendName() and capture.getExceptionMode() is False
    capture.release()
    assert capture.isOpened() is False
    assert capture.read() == (False, None) and capture.grab() is False and capture.retrieve() == (False, None)
    assert capture.open(camera.url) is True
    assert number_of(capture.read()[1], full_range) > numbers[-1], "it opens again"


@pytest.mark.parametrize("reader", READERS)
def test_a_camera_that_is_not_there(open_capture: OpenCapture, reader: str) -> None:
    url = "rtsp://127.0.0.1:1/nobody"
    capture = open_capture(reader, url, timeout=0.5)
    assert capture.isOpened() is False
    assert capture.read() == (False, None)
    capture.setExceptionMode(True)
    assert capture.getExceptionMode() is True
    for call in (lambda: capture.open(url), capture.read, capture.grab):
        with pytest.raises(cv2.error):
            call()


@pytest.mark.parametrize("reader", ["shm", "websocket"])
def test_it_agrees_with_opencv_frame_by_frame(camera: RtspServer, open_capture: OpenCapture, reader: str) -> None:
    """The one who reads in order is there first, so that it has every frame that OpenCV gets."""
    ours = open_capture(reader, camera.url, latest=False)
    assert ours.isOpened(), ours.reason
    images: dict[int, np.ndarray] = {}
    over = threading.Event()

    def collect() -> None:
        while not over.is_set():
            ok, frame = ours.read()
            if ok:
                images[read_code(frame).sequence] = frame

    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    theirs = open_capture("cv2", camera.url)
    compared = []
    for _ in range(10):
        ok, frame = theirs.read()
        assert ok
        number = read_code(frame).sequence
        image = eventually(lambda number=number: images.get(number) is not None, f"picture {number}") and images[number]
        assert cv2.PSNR(frame, image) >= SAME_PSNR, f"picture {number}"
        compared.append(number)
    over.set()
    thread.join(TIMEOUT)
    assert len(set(compared)) == 10 and ours.dropped == 0


# What only this package does.


def test_another_size_while_it_runs(high_camera: RtspServer, open_capture: OpenCapture) -> None:
    capture = open_capture("auto", high_camera.url)
    number = read_code(capture.read()[1]).sequence
    assert capture.set(cv2.CAP_PROP_FRAME_WIDTH, 160) is True and capture.set(cv2.CAP_PROP_FRAME_HEIGHT, 96) is True
    ok, frame = capture.read()
    assert ok and frame.shape == (96, 160, 3) and read_code(frame).sequence > number
    assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == 160.0 and capture.get(cv2.CAP_PROP_FRAME_HEIGHT) == 96.0
    assert capture.set(cv2.CAP_PROP_FRAME_WIDTH, 15) is False
    assert capture.read()[1].shape == (96, 160, 3)


def test_wait_any_names_the_captures_with_a_frame(
    shared_server: Server, high_camera: RtspServer, open_capture: OpenCapture
) -> None:
    with RunningCamera(shared_server, "any", fps=10):
        captures = [
            open_capture("shm", high_camera.url),
            open_capture("websocket", stream="any"),
            open_capture("auto", "rtsp://127.0.0.1:1/nobody", timeout=0.5),
        ]
        seen: set[int] = set()
        last = [-1, -1]

        def both() -> bool:
            ok, ready = camherd.VideoCapture.waitAny(captures, 10**10)
            assert ok and ready and 2 not in ready
            for index in ready:
                ok, frame = captures[index].retrieve()
                number = read_code(frame).sequence
                assert ok and number > last[index], "a frame that it has not had"
                last[index] = number
            seen.update(ready)
            return seen == {0, 1}

        eventually(both, "a frame of each", TIMEOUT)
    assert camherd.VideoCapture.waitAny(captures[2:], 10**8) == (False, [])


def test_times_of_a_frame(high_camera: RtspServer, open_capture: OpenCapture) -> None:
    with open_capture("shm", high_camera.url) as capture:
        ok, frame = capture.read()
        drawn_ms = test_picture.read(frame).captured_ms
        times = capture.frame_times
        assert times.captured <= times.received <= times.decoded <= times.published
        assert 0 < capture.frame_age < TIMEOUT
        # Camera and server have the same clock here; encoding and sending come in between.
        assert capture.captured * 1000 >= drawn_ms - 100
        assert capture.get(cv2.CAP_PROP_POS_MSEC) == pytest.approx(capture.captured * 1000, abs=0.01)
    assert not capture.isOpened()


def test_the_old_module_gives_vga(shared_server: Server, high_camera: RtspServer, monkeypatch: Any) -> None:
    monkeypatch.setenv("CAMHERD_URL", shared_server.http)
    for capture in (
        video_import.VideoCapture(high_camera.url),
        video_import.SimpleVideoCapture(high_camera.url, server_url=shared_server.http),
    ):
        with capture:
            ok, frame = capture.read()
            assert ok and frame.shape == (480, 640, 3)
            assert read_code(frame).sequence >= 0


# Several programs.


@pytest.mark.parametrize("transport", ["shm", "websocket"])
@pytest.mark.timeout(120)
def test_every_reader_gets_every_frame_and_a_killed_one_harms_nobody(
    serve: ServerFactory, tmp_path: Path, transport: str
) -> None:
    name = f"each-{transport}"
    with RtspServer(size=SIZE, fps=10, gop=10) as camera:
        server = serve("--streams", f"{name}={camera.url}")
        server.wait_live(name, TIMEOUT)
        with (
            ReaderProcess(server, name, transport) as first,
            ReaderProcess(server, name, transport) as second,
            ReaderProcess(server, name, transport) as victim,
            server.open(f"/streams/{name}/ts") as recorder,
        ):
            victim.wait_for(5)
            # Who sees the camera's own packets, undecoded, begins before the frames that are compared.
            recorded = bytearray(recorder.read_available())
            begin = [len(reader.got) for reader in (first, second)]
            victim.kill()
            for reader, count in zip((first, second), begin):
                reader.wait_for(count + 15)
            got = [reader.stop() for reader in (first, second)]
            last = min(each[-1].picture for each in got)
            film = tmp_path / "film.ts"

            def recorded_until_last() -> list[int]:
                recorded.extend(recorder.read_available())
                film.write_bytes(recorded)
                numbers = pictures_of(film)
                assert numbers and numbers[-1] >= last
                return numbers

            sent = eventually(recorded_until_last, f"picture {last} in the recording", TIMEOUT)
        for each in got:
            assert_in_order(each)
            numbers = [one.picture for one in each]
            from_, to = max(numbers[0], sent[0]), last
            expected = [number for number in sent if from_ <= number <= to]
            assert len(expected) >= 15
            assert [number for number in numbers if from_ <= number <= to] == expected
        # Nobody reads any more: the killed one has left nothing behind.
        eventually(lambda: server.stream(name)["viewers"] == 0, "no viewers")
        eventually(lambda: server.active(name) == ["source"], "nothing is decoded", TIMEOUT)
        eventually(lambda: not rings_of(name), "its shared memory is gone")


def pictures_of(film: Path) -> list[int]:
    """The numbers of the pictures of a film, as OpenCV reads them; its last picture may be cut off."""
    capture = cv2.VideoCapture(str(film))
    numbers = []
    with contextlib.suppress(test_picture.ReadError):
        while (answer := capture.read())[0]:
            numbers.append(read_code(answer[1]).sequence)
    capture.release()
    return numbers


def assert_in_order(got: list[Got]) -> None:
    """Each frame of the server, once, none missing."""
    sequences = [one.sequence for one in got]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    assert got[-1].dropped == 0
    pictures = [one.picture for one in got]
    assert pictures == sorted(set(pictures))


# Outages and broken video.


@pytest.mark.timeout(120)
def test_lost_packets_cost_frames_and_spoil_none(serve: ServerFactory) -> None:
    with RtspServer(profile="high", size=SIZE, fps=FPS, gop=10, transport="udp", loss=0.05) as camera:
        server = serve("--streams", f"lossy={camera.url},lossy.rtsp.transport=udp")
        with camherd.VideoCapture(stream="lossy", server=server.http, latest=False, timeout=TIMEOUT) as capture:
            numbers = []

            def enough() -> bool:
                ok, frame = capture.read()
                assert ok, capture.reason
                # Fails for a picture that is not as it was sent.
                numbers.append(number_of(frame))
                return len(numbers) >= 40 and server.stream("lossy")["dropped"].get("lost_packets", 0) >= 3

            eventually(enough, "frames and losses", 60)
        assert numbers == sorted(set(numbers))
        assert numbers[-1] - numbers[0] > len(numbers), "what depends on a lost packet was left out"
        assert "RTP packet" in server.stream("lossy")["last_error"]


def luma(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


@pytest.mark.parametrize("transport", ["shm", "websocket"])
def test_a_camera_that_pushes_goes_and_comes_back(server: Server, transport: str) -> None:
    with RunningCamera(server, "esp", fps=15) as camera:
        capture = camherd.VideoCapture(stream="ESP", server=server.http, transport=transport, timeout=TIMEOUT)
        with capture:
            for _ in range(5):
                ok, frame = capture.read()
                assert ok
                code = read_code(frame)
                exact = jpegs.decode(jpegs.picture(code.sequence, captured_ms=code.captured_ms))
                # Decoders differ in how they enlarge the colours.
                assert cv2.PSNR(luma(frame), luma(exact)) >= SAME_PSNR
            camera.stop()
            assert capture.set(cv2.CAP_PROP_READ_TIMEOUT_MSEC, 300)
            eventually(lambda: not capture.grab() and capture.state == "offline", "it is told", TIMEOUT)
            assert not capture.isOpened() and capture.reason
            before = camera.sequence
            camera.start()
            assert capture.set(cv2.CAP_PROP_READ_TIMEOUT_MSEC, TIMEOUT * 1000)
            ok, frame = capture.read()
            assert ok and read_code(frame).sequence >= before, "a picture of now"
            # The frame may come before the word that there are some.
            eventually(lambda: capture.grab() and capture.state == "live", "it is live", TIMEOUT)
            assert capture.isOpened()


@pytest.mark.parametrize("transport", ["shm", "websocket"])
def test_the_server_restarts(serve: ServerFactory, free_port: int, transport: str) -> None:
    listen = ("--http-listen", f"127.0.0.1:{free_port}")
    server = serve(*listen)
    with RtspServer(size=SIZE, fps=FPS, gop=FPS) as camera:
        with camherd.VideoCapture(camera.url, server=server.http, transport=transport, timeout=TIMEOUT) as capture:
            number = number_of(capture.read()[1])
            assert server.stop() == 0
            assert capture.set(cv2.CAP_PROP_READ_TIMEOUT_MSEC, 300)
            while capture.grab():
                pass
            assert not capture.isOpened() and capture.reason
            serve(*listen)
            assert capture.set(cv2.CAP_PROP_READ_TIMEOUT_MSEC, TIMEOUT * 1000)
            ok, frame = capture.read()
            assert ok and number_of(frame) > number and capture.transport == transport
            eventually(lambda: capture.grab() and capture.state == "live", "it is live", TIMEOUT)


def test_an_rtsp_camera_restarts(serve: ServerFactory) -> None:
    server = serve()
    with RtspServer(size=SIZE, fps=FPS, gop=FPS) as camera:
        with camherd.VideoCapture(camera.url, server=server.http, latest=False, timeout=TIMEOUT) as capture:
            before = number_of(capture.read()[1])
            camera.restart()

            def beyond() -> bool:
                ok, frame = capture.read()
                # The numbers of the restarted camera are far above.
                return ok and number_of(frame) > before + 100_000

            eventually(beyond, "frames after the restart", TIMEOUT)


# The package itself.


@pytest.mark.timeout(240)
def test_the_package_installs_and_its_command_prints_a_line_a_second(server: Server, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin/python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    install = [*pip, "install", "-q", "--no-compile", ROOT / "clients/python"]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with RunningCamera(server, "door", fps=15):
        command = [python, "-m", "camherd", "door", "--server", server.http, "--seconds", "3"]
        # Away from the sources, so that it is what was installed.
        done = subprocess.run(
            command, cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=False, timeout=60
        )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert re.fullmatch(r"[\d.]+ fps  age [\d.]+/[\d.]+/[\d.]+ ms  dropped \d+  shm  live", line), line
    site = subprocess.run([python, "-c", "import camherd; print(camherd.__file__)"], capture_output=True, text=True,
                          cwd=tmp_path, env=clean_environment(), check=True)  # fmt: skip
    assert Path(site.stdout.strip()).is_relative_to(environment)
