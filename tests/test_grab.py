"""``camherd grab``: what lies in the files, and how scripts see how it went."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

import jpegs
from camera import RunningCamera
from command import Command, run
from ffmpeg import decoded_sequences
from http_camera import HttpCamera, multipart, ok
from rtsp_server import RtspServer
from server import Server, clean_environment
from tcpcam import Camera as TcpCam
from wait import eventually

#: What an HTTP camera speaks, and the time between its pictures in seconds.
MJPEG, INTERVAL = multipart(ok(), "frame"), 0.02


@pytest.fixture
def http_camera() -> Iterator[HttpCamera]:
    with HttpCamera(MJPEG, INTERVAL) as camera:
        yield camera


@pytest.fixture
def door(server: Server) -> Iterator[str]:
    """The address of a stream on a server, to which a camera sends JPEGs at 20 a second."""
    with RunningCamera(server, "door", fps=20):
        server.wait_live("door")
        yield f"camherd://127.0.0.1:{server.port}/door"


def split(mjpeg: bytes) -> list[bytes]:
    """Concatenated pictures, none of which has an SOI inside: the test's own have not."""
    assert mjpeg[:2] == b"\xff\xd8" and mjpeg[-2:] == b"\xff\xd9", "it begins and ends with whole pictures"
    return [b"\xff\xd8\xff" + part for part in mjpeg.split(b"\xff\xd8\xff")[1:]]


def probe(path: Path) -> dict[str, str]:
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stderr == b"", done.stderr.decode()
    (stream,) = json.loads(done.stdout)["streams"]
    return stream


def names(directory: Path) -> list[str]:
    """All files, hidden ones too, without what the server of the test has there."""
    own = ("camherd.db", "stdout.", "stderr.")
    return sorted(path.name for path in directory.iterdir() if not path.name.startswith(own))


def test_pictures_of_an_http_camera_are_the_camera_s(binary: Path, tmp_path: Path, http_camera: HttpCamera) -> None:
    status, out, err = run(binary, tmp_path, "grab", http_camera.url(), "-n", "5", "-o", "frame-%03d.jpg")
    assert (status, out) == (0, b""), err
    assert names(tmp_path) == [f"frame-00{number}.jpg" for number in range(1, 6)]
    grabbed = [(tmp_path / name).read_bytes() for name in names(tmp_path)]
    first = http_camera.sent.index(grabbed[0])
    assert grabbed == http_camera.sent[first : first + 5]
    assert "5 frames in" in err and "0 missed" in err


def test_one_picture_needs_no_number(binary: Path, tmp_path: Path, http_camera: HttpCamera) -> None:
    (tmp_path / "now.jpg").write_bytes(b"before")
    status, _, err = run(binary, tmp_path, "grab", http_camera.url(), "-o", "now.jpg", "-q")
    assert (status, err) == (0, "")
    assert (tmp_path / "now.jpg").read_bytes() in http_camera.sent
    assert names(tmp_path) == ["now.jpg"]


def test_mjpeg_to_standard_output(binary: Path, tmp_path: Path, http_camera: HttpCamera) -> None:
    status, out, err = run(binary, tmp_path, "grab", http_camera.url(), "-n", "4", "-o", "-")
    assert status == 0, err
    grabbed = split(out)
    first = http_camera.sent.index(grabbed[0])
    assert grabbed == http_camera.sent[first : first + 4]


def test_a_reader_that_leaves_is_no_fault(binary: Path, tmp_path: Path, http_camera: HttpCamera) -> None:
    with Command(binary, tmp_path, "grab", http_camera.url(), "-o", "-", "-q") as command:
        assert command.popen.stdout is not None
        assert command.popen.stdout.read(100)[:3] == b"\xff\xd8\xff"
        command.popen.stdout.close()
        assert command.popen.wait(20) == 0
        assert command.popen.stderr is not None and command.popen.stderr.read() == b""


def test_one_frame_in_each_interval_is_the_newest(binary: Path, tmp_path: Path, http_camera: HttpCamera) -> None:
    arguments = ("grab", http_camera.url(), "-n", "4", "--every", "300ms", "-o", "%d.jpg")
    status, _, err = run(binary, tmp_path, *arguments)
    assert status == 0, err
    places = [http_camera.sent.index((tmp_path / f"{number}.jpg").read_bytes()) for number in range(1, 5)]
    # Some were left out between two; how many is the machine's affair.
    assert all(later - earlier > 1 for earlier, later in zip(places, places[1:])), places


def test_a_duration_ends_it(binary: Path, tmp_path: Path, http_camera: HttpCamera) -> None:
    status, _, err = run(binary, tmp_path, "grab", http_camera.url(), "--duration", "1s", "-o", "clip.mjpeg")
    assert status == 0, err
    assert re.search(r" frames in \d+\.\d s ", err), err
    grabbed = split((tmp_path / "clip.mjpeg").read_bytes())
    first = http_camera.sent.index(grabbed[0])
    assert len(grabbed) > 3 and grabbed == http_camera.sent[first : first + len(grabbed)]


def test_a_stream_of_a_server(binary: Path, tmp_path: Path, door: str) -> None:
    status, _, err = run(binary, tmp_path, "grab", door, "-n", "6", "-o", "f%d.jpg")
    assert status == 0, err
    numbers = [jpegs.sequence_of((tmp_path / f"f{number}.jpg").read_bytes()) for number in range(1, 7)]
    assert numbers == list(range(numbers[0], numbers[0] + 6))


@pytest.mark.parametrize("source", ["server", "camera"])
def test_mp4_of_jpegs_is_encoded_once_and_true_in_time(
    binary: Path, tmp_path: Path, door: str, http_camera: HttpCamera, source: str
) -> None:
    url = door if source == "server" else http_camera.url()
    status, _, err = run(binary, tmp_path, "grab", url, "-n", "30", "-o", "clip.mp4")
    assert status == 0, err
    stream = probe(tmp_path / "clip.mp4")
    assert (stream["codec_name"], stream["nb_read_frames"]) == ("h264", "30")
    assert (stream["width"], stream["height"]) == (320, 240)
    assert float(stream["start_time"]) == 0
    # 29 intervals as they were, and the last picture's.
    interval = 0.05 if source == "server" else 0.02
    # A busy machine takes in the first ones late, and the others not.
    assert 29 * interval * 0.6 < float(stream["duration"]) < 20
    assert ("camherd makes h264 of it" in err) == (source == "camera")


@pytest.mark.parametrize(("codec", "profile"), [("h264", "High"), ("h265", "Main")])
def test_video_of_an_rtsp_camera_is_not_encoded_again(binary: Path, tmp_path: Path, codec: str, profile: str) -> None:
    with RtspServer(codec=codec, size=(320, 240), fps=25, gop=10, auth="digest") as camera:
        arguments = ("grab", camera.url, "--duration", "2s", "-o", "clip.mp4")
        status, _, err = run(binary, tmp_path, *arguments)
    assert status == 0, err
    stream = probe(tmp_path / "clip.mp4")
    # camherd's own encoder makes Constrained Baseline.
    assert (stream["codec_name"], stream["profile"]) == ({"h265": "hevc"}.get(codec, codec), profile)
    assert int(stream["nb_read_frames"]) > 20 and float(stream["start_time"]) == 0
    if codec == "h264":
        numbers = decoded_sequences(tmp_path / "clip.mp4")
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_jpegs_of_an_rtsp_camera_are_decoded_from_its_video(binary: Path, tmp_path: Path) -> None:
    with RtspServer(size=(320, 240), fps=25, gop=10) as camera:
        status, _, err = run(binary, tmp_path, "grab", camera.url, "-n", "12", "-o", "%02d.jpg")
    assert status == 0, err
    assert "the camera sends h264: camherd makes jpeg of it" in err
    numbers = [jpegs.sequence_of((tmp_path / f"{number:02}.jpg").read_bytes()) for number in range(1, 13)]
    assert numbers == sorted(set(numbers))


def test_pictures_of_a_tcpcam(binary: Path, tmp_path: Path) -> None:
    with TcpCam() as camera:
        status, _, err = run(binary, tmp_path, "grab", camera.url(), "-n", "5", "-o", "%d.jpg")
    assert status == 0, err
    numbers = [jpegs.sequence_of((tmp_path / f"{number}.jpg").read_bytes()) for number in range(1, 6)]
    assert numbers == list(range(numbers[0], numbers[0] + 5))


def test_h264_in_annex_b(binary: Path, tmp_path: Path, door: str) -> None:
    status, _, err = run(binary, tmp_path, "grab", door, "-n", "12", "-o", "clip.h264")
    assert status == 0, err
    assert (tmp_path / "clip.h264").read_bytes()[:5] == b"\0\0\0\1\x67"
    assert probe(tmp_path / "clip.h264")["nb_read_frames"] == "12"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mjpeg", "f-%06d.jpg"])
def test_an_interrupted_run_leaves_whole_files(
    binary: Path, tmp_path: Path, door: str, name: str, number: signal.Signals, status: int
) -> None:
    def begun() -> bool:
        files = [path for path in tmp_path.iterdir() if "clip" in path.name or path.name.startswith("f-")]
        return sum(path.stat().st_size for path in files) > 20_000

    with Command(binary, tmp_path, "grab", door, "-o", name) as command:
        eventually(begun)
        command.signal(number)
        got, _, err = command.end()
    assert got == status, err
    if name == "clip.mp4":
        assert int(probe(tmp_path / name)["nb_read_frames"]) > 1
        assert names(tmp_path) == [name]
    elif name == "clip.mjpeg":
        grabbed = [jpegs.sequence_of(picture) for picture in split((tmp_path / name).read_bytes())]
        assert grabbed == list(range(grabbed[0], grabbed[0] + len(grabbed)))
        assert names(tmp_path) == [name]
    else:
        files = names(tmp_path)
        assert files == [f"f-{place:06}.jpg" for place in range(1, len(files) + 1)]
        for file in files:
            jpegs.sequence_of((tmp_path / file).read_bytes())


def test_a_closed_terminal_leaves_a_whole_file(binary: Path, tmp_path: Path, door: str) -> None:
    """The shell and the system each send a SIGHUP, and nothing can be written to the terminal any more."""
    ours, theirs = os.openpty()
    arguments = [str(binary), "grab", door, "-o", "clip.mjpeg"]
    with subprocess.Popen(
        arguments, cwd=tmp_path, env=clean_environment({"LOG_LEVEL": "info"}), stdin=theirs, stdout=theirs, stderr=theirs
    ) as command:
        os.close(theirs)
        eventually(lambda: any(path.stat().st_size > 20_000 for path in tmp_path.glob(".clip.mjpeg.*.part")))
        os.close(ours)
        command.send_signal(signal.SIGHUP)
        command.send_signal(signal.SIGHUP)
        assert command.wait(20) == 129
    assert names(tmp_path) == ["clip.mjpeg"]
    for picture in split((tmp_path / "clip.mjpeg").read_bytes()):
        jpegs.sequence_of(picture)


def test_nohup_outlives_the_terminal(binary: Path, tmp_path: Path, http_camera: HttpCamera) -> None:
    arguments = ["nohup", str(binary), "grab", http_camera.url(), "-o", "clip.mjpeg"]
    with subprocess.Popen(
        arguments, cwd=tmp_path, env=clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as command:
        eventually(lambda: len(http_camera.sent) > 3)
        command.send_signal(signal.SIGHUP)
        more = len(http_camera.sent) + 10
        eventually(lambda: len(http_camera.sent) > more)
        assert command.poll() is None
        command.send_signal(signal.SIGTERM)
        assert command.wait(20) == 143


def test_a_file_that_is_killed_in_the_making_does_not_appear(binary: Path, tmp_path: Path, door: str) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"before")
    with Command(binary, tmp_path, "grab", door, "-o", "clip.mp4") as command:
        eventually(lambda: any(path.stat().st_size > 5000 for path in tmp_path.glob(".clip.mp4.*.part")))
        command.signal(signal.SIGKILL)
        command.popen.wait(10)
    assert (tmp_path / "clip.mp4").read_bytes() == b"before"


def test_fewer_frames_than_asked_for(binary: Path, tmp_path: Path) -> None:
    with HttpCamera(MJPEG, INTERVAL, limit=4) as camera:
        status, _, err = run(binary, tmp_path, "grab", camera.url(), "-n", "9", "--timeout", "2s", "-o", "c.mjpeg")
        assert status == 3, err
        assert "ended early: nothing came within 2 s" in err
        # What came is there.
        assert split((tmp_path / "c.mjpeg").read_bytes()) == camera.sent


def test_a_camera_that_comes_back_is_taken_up_again(binary: Path, tmp_path: Path, server: Server) -> None:
    url = f"camherd://127.0.0.1:{server.port}/door"
    with RunningCamera(server, "door", fps=20) as camera:
        server.wait_live("door")
        with Command(binary, tmp_path, "grab", url, "-n", "40", "-o", "f-%03d.jpg") as command:
            eventually(lambda: len(list(tmp_path.glob("f-*.jpg"))) > 3)
            camera.stop()
            camera.start()
            status, _, err = command.end()
    assert status == 0, err
    assert len(list(tmp_path.glob("f-*.jpg"))) == 40


@pytest.mark.parametrize(
    ("arguments", "status", "part"),
    [
        (["rtsp://127.0.0.1:1/x"], 1, "--output"),
        (["rtsp://127.0.0.1:1/x", "-o", "a.gif"], 1, "--format"),
        (["rtsp://127.0.0.1:1/x", "-o", "a.jpg", "-n", "2"], 1, "frame-%06d.jpg"),
        (["tcp://127.0.0.1:1/1", "-o", "a.jpg"], 1, "camherd://HOST"),
        (["ftp://u:hunter2@127.0.0.1/", "-o", "a.jpg"], 1, "scheme"),
        (["http://u:hunter2@127.0.0.1:1/x", "-o", "a.jpg", "--timeout", "1s"], 2, "refused"),
        (["rtsp://u:hunter2@127.0.0.1:1/x", "-o", "a.mp4", "--timeout", "1s"], 2, "refused"),
        (["camherd://127.0.0.1:1/x", "-o", "a.mjpeg", "--timeout", "1s"], 2, "refused"),
        (["camherd://127.0.0.1:1/x", "-o", "none/a.jpg"], 4, "none/a.jpg: No such file"),
        (["camherd://127.0.0.1:1/x", "-o", "/proc/a.mp4"], 4, "/proc/a.mp4"),
    ],
)
def test_exit_statuses(binary: Path, tmp_path: Path, arguments: list[str], status: int, part: str) -> None:
    got, out, err = run(binary, tmp_path, "grab", *arguments)
    assert (got, out) == (status, b""), err
    assert part in err, err
    assert "hunter2" not in err, "no password is shown"
    assert names(tmp_path) == [], "nothing is left"


def test_a_stream_that_is_not_there_is_said_at_once(binary: Path, tmp_path: Path, server: Server) -> None:
    url = f"camherd://127.0.0.1:{server.port}/none"
    status, _, err = run(binary, tmp_path, "grab", url, "-o", "a.jpg", "--timeout", "30s")
    assert status == 2, err
    assert "there is no stream none" in err


def test_a_full_disk_is_said_and_what_was_whole_stays_whole(binary: Path, tmp_path: Path, http_camera: HttpCamera) -> None:
    status, _, err = run(binary, tmp_path, "grab", http_camera.url(), "-o", "/dev/full", "--format", "mjpeg")
    assert status == 4, err
    assert "/dev/full: No space left on device" in err
    assert Path("/dev/full").is_char_device()


def test_the_line_of_progress_is_on_a_terminal_only(binary: Path, tmp_path: Path, http_camera: HttpCamera) -> None:
    arguments = [str(binary), "grab", http_camera.url(), "--duration", "2s", "-o", "c.mjpeg"]
    for quiet in [False, True]:
        ours, theirs = os.openpty()
        with subprocess.Popen(
            [*arguments, *(["-q"] if quiet else [])], cwd=tmp_path, env=clean_environment(), stdin=subprocess.DEVNULL, stderr=theirs
        ) as command:
            os.close(theirs)
            shown = b""
            while True:
                try:
                    shown += os.read(ours, 4096)
                except OSError:
                    break  # How Linux says that the other side is closed.
            os.close(ours)
            assert command.wait(20) == 0
        assert (shown == b"") == quiet, shown
        if not quiet:
            lines = re.findall(rb"\r\x1b\[K(\d+) frames  [\d.]+/s  \d+ ms old  0 missed  [\d.]+ [kM]B", shown)
            assert len(lines) >= 2 and lines == sorted(lines, key=int), shown
            # It is cleared before the last word.
            last, count = shown.rsplit(b"\x1b[K", 1)[1], len(split((tmp_path / "c.mjpeg").read_bytes()))
            assert re.match(rb"%d frames in [2-9]\.\d s " % count, last), shown


def test_a_token_is_sent_and_not_shown(binary: Path, tmp_path: Path, serve: object) -> None:
    server = serve("--auth", "token", "--http-listen", "0.0.0.0:0")  # type: ignore[operator]
    token = server.token
    url = f"camherd://127.0.0.1:{server.port}/door"
    with RunningCamera(server, "door", fps=20):
        arguments = ("grab", url, "-o", "a.jpg")
        eventually(lambda: run(binary, tmp_path, *arguments, env={"CAMHERD_TOKEN": token})[0] == 0)
        status, _, err = run(binary, tmp_path, *arguments, "--token", token)
        assert status == 0 and token not in err
        status, _, err = run(binary, tmp_path, *arguments)
        assert status == 2 and "401" in err, err
