"""Sources that are OpenCV's, the older module's names, and the command."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import camherd
import video_import
from camherd.cli import main
from conftest import eventually
from fake_server import number_of, picture

SOURCES = Path(__file__).parents[1] / "src"


@pytest.fixture
def film(tmp_path: Path) -> str:
    path = str(tmp_path / "film.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 12.5, (64, 48))
    for number in range(5):
        writer.write(np.full((48, 64, 3), number * 40, np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize("kind", [cv2.VideoCapture, camherd.VideoCapture, video_import.VideoCapture])
def test_a_file_is_as_in_opencv(kind, film):
    cap = kind(film)
    assert cap.isOpened()
    assert cap.get(cv2.CAP_PROP_FPS) == pytest.approx(12.5)
    assert cap.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    assert cap.grab() and cap.retrieve()[0]
    image = np.zeros((48, 64, 3), np.uint8)
    assert cap.read(image)[1] is image
    means = []
    while (answer := cap.read())[0]:
        means.append(round(float(answer[1].mean()), -1))
    assert means == [80, 120, 160]
    assert cap.read() == (False, None)
    assert cap.getBackendName() == cv2.VideoCapture(film).getBackendName()
    cap.setExceptionMode(True)
    with pytest.raises(cv2.error):
        cap.read()
    cap.release()
    assert not cap.isOpened()


def test_a_file_that_is_not_there():
    cap = camherd.VideoCapture("/nowhere/film.avi")
    assert not cap.isOpened() and cap.read() == (False, None)
    cap.setExceptionMode(True)
    with pytest.raises(cv2.error):
        cap.open("/nowhere/film.avi")


def test_wait_any_of_a_file_and_a_stream(film, server, capture):
    server.stream().publish()
    live, file = capture(server), camherd.VideoCapture(film)
    assert camherd.VideoCapture.waitAny([live, file]) == (True, [0, 1])
    assert camherd.VideoCapture.waitAny([live, file]) == (True, [1])
    assert file.transport == "opencv" and file.state == "live"


def test_without_opencv_it_says_what_to_do(film, server, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ImportError, match=r"pip install 'camherd\[opencv\]'"):
        camherd.VideoCapture(film)
    monkeypatch.setattr("camherd.capture.find_jpeg_decoder", lambda: None)
    with pytest.raises(ImportError, match="CAP_PROP_CONVERT_RGB"):
        camherd.VideoCapture(stream="door", server=server.url, format="jpeg")
    # Streams need it for nothing.
    server.stream().publish()
    cap = camherd.VideoCapture(stream="door", server=server.url, timeout=0.2)
    assert number_of(cap.read()[1]) == 0
    cap.setExceptionMode(True)
    with pytest.raises(camherd.CaptureError):
        cap.read()


def test_opencv_is_not_imported_for_a_stream(server):
    server.stream().publish()
    code = (
        f"import sys, camherd\nwith camherd.VideoCapture(stream='door', server={server.url!r}) as cap:\n"
        "    assert cap.read()[0]\nsys.exit('cv2' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(SOURCES)}, check=True, timeout=60)


def test_a_web_url_that_the_server_does_not_want_goes_to_opencv(server, monkeypatch, film):
    server.refused_urls = ("http://cam",)
    asked = []

    class Recorder:
        def setExceptionMode(self, _: bool) -> None: ...

        def open(self, *arguments: object) -> bool:
            asked.append(arguments)
            return True

        def isOpened(self) -> bool:
            return True

        def release(self) -> None: ...

    monkeypatch.setattr(cv2, "VideoCapture", Recorder)
    assert camherd.VideoCapture("http://cam/a", server=server.url).transport == "opencv"
    assert camherd.VideoCapture("http://cam/b", cv2.CAP_FFMPEG, [1, 2], server="http://127.0.0.1:1").isOpened()
    assert asked == [("http://cam/a", 0), ("http://cam/b", cv2.CAP_FFMPEG, [1, 2])]
    cap = camherd.VideoCapture("http://other/stream", server=server.url)
    assert cap.transport == server.transport


def test_the_older_module(server):
    url = "rtsp://user:secret@cam/1"
    with video_import.SimpleVideoCapture(url, server_url=server.url) as cap:
        assert cap.isOpened() and cap.read()[1].shape == (480, 640, 3)
    with video_import.SimpleVideoCapture(url, server.url, 320, 240) as cap:
        assert cap.read()[1].shape == (240, 320, 3)
    with video_import.VideoCapture(url, server_url=server.url) as cap:
        assert cap.read()[1].shape == (480, 640, 3)
    bodies = [body for method, path, _, body in server.requests if path == "/api/streams/start-with-url"]
    assert bodies[0] == {"rtsp_url": url, "width": 640, "height": 480}
    for method in [
        "read",
        "grab",
        "retrieve",
        "get",
        "set",
        "isOpened",
        "release",
        "open",
        "getBackendName",
        "waitAny",
    ]:
        assert callable(getattr(video_import.VideoCapture, method))


def test_the_older_module_asks_at_8091_unless_told_otherwise(server, monkeypatch):
    assert video_import.DEFAULT_SERVER == "http://localhost:8091"
    monkeypatch.setenv("CAMHERD_URL", server.url)
    assert video_import.VideoCapture("rtsp://cam/1").isOpened()


def test_the_command_prints_a_line_a_second(server, capsys):
    server.stream().publish()
    assert main(["door", "--server", server.url, "--seconds", "1.2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    fps, rest = lines[0].split(" ", 1)
    assert 0.0 < float(fps) <= 1.0, "one frame, in a second that a busy machine makes longer"
    assert rest.startswith("fps  age ") and rest.endswith(f" ms  dropped 0  {server.transport}  live")
    assert lines[1] == f"0.0 fps  age -  dropped 0  {server.transport}  live"


def test_the_command_says_why_there_is_nothing(server, capsys):
    assert main(["nowhere", "--server", server.url]) == 1
    assert "cannot open: offline: there is no stream nowhere (HTTP 404)" in capsys.readouterr().err
    for wrong in (["door", "--size", "big"], ["door", "--server", "nonsense"], []):
        with pytest.raises(SystemExit) as raised:
            main(wrong)
        assert raised.value.code == 2


def test_the_command_ends_at_ctrl_c(server):
    stream = server.stream()
    stream.publish()
    process = subprocess.Popen(
        [sys.executable, "-m", "camherd", f"camherd://127.0.0.1:{server.port}/door"],
        env={"PYTHONPATH": str(SOURCES)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert "fps" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130 and errors == ""
    eventually(lambda: stream.readers == 0)


def test_a_reader_that_is_killed_harms_nobody(server, capture):
    stream = server.stream()
    stream.publish()
    code = (
        f"import camherd\ncap = camherd.VideoCapture(stream='door', server={server.url!r}, copy=False)\n"
        "while cap.read()[0]: print('read', flush=True)"
    )
    victim = subprocess.Popen(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(SOURCES)}, stdout=subprocess.PIPE, text=True
    )
    assert victim.stdout.readline() == "read\n"
    cap = capture(server, latest=False)
    assert cap.read()[0]
    victim.kill()
    victim.communicate(timeout=20)
    eventually(lambda: stream.readers == 1)
    for _ in range(20):
        number = stream.publish()
        assert number_of(cap.read()[1]) == number
    assert np.array_equal(picture(20, 64, 48)[5:], np.full((43, 64, 3), 20, np.uint8))
