"""``camherd push`` against a server that knows the plain protocol only, and against camherd itself."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Iterator

import pytest

import jpegs
from camera import RunningCamera
from command import Command, pipe, run
from conftest import ServerFactory
from push_server import H264, HIGH, LOW, MJPEG, PushServer
from server import Server, clean_environment
from tcp_push import LISTEN, push_address
from wait import eventually

VECTORS = Path(__file__).parents[1] / "testdata"


def pictures(count: int, **look: object) -> list[bytes]:
    return [jpegs.picture(number, **look) for number in range(count)]


def ffmpeg(*arguments: str) -> list[str]:
    return ["ffmpeg", "-v", "error", "-re", "-f", "lavfi", *arguments]


def nal_types(data: bytes) -> list[int]:
    """Types of the NAL units of a chunk that begins with a start code of four bytes."""
    assert data[:4] == b"\0\0\0\1", data[:8].hex()
    return [unit.lstrip(b"\0")[:1][0] & 31 for unit in data.split(b"\0\0\1")[1:]]


@pytest.fixture
def receiver() -> Iterator[PushServer]:
    with PushServer() as server:
        yield server


def test_every_picture_of_a_file_arrives_as_it_is(binary: Path, tmp_path: Path, receiver: PushServer) -> None:
    sent = pictures(20)
    (tmp_path / "clip.mjpeg").write_bytes(b"".join(sent))
    status, out, err = run(binary, tmp_path, "push", "clip.mjpeg", "--to", receiver.url(7), "--fps", "60")
    assert status == 0, err
    assert out == b"" and "20 frames sent" in err and "0 dropped" in err
    (push,) = receiver.ended()
    assert push.header == (7, MJPEG, HIGH)
    assert push.chunks == sent
    assert push.done and push.left_over == b""


def test_a_file_keeps_its_pace_and_its_quality_is_said(binary: Path, tmp_path: Path, receiver: PushServer) -> None:
    (tmp_path / "clip.mjpeg").write_bytes(b"".join(pictures(11)))
    url = receiver.url(0, "?quality=low")
    begun = time.monotonic()
    assert run(binary, tmp_path, "push", "clip.mjpeg", "--to", url, "--fps", "20", "-q") == (0, b"", "")
    (push,) = receiver.ended()
    assert push.header == (0, MJPEG, LOW)
    # Ten intervals of 50 ms, of which the sender may catch up on one; how much longer is the machine's affair.
    assert push.times[-1] - begun >= 0.4


def test_ffmpeg_pipes_mjpeg(binary: Path, tmp_path: Path, receiver: PushServer) -> None:
    command = ffmpeg("-i", "testsrc=size=320x240:rate=30", "-frames:v", "45", "-c:v", "mjpeg", "-f", "mjpeg", "-")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as source:
        with Command(binary, tmp_path, "push", "-", "--to", receiver.url(), stdin=source.stdout) as push:
            status, _, err = push.end()
    assert status == 0, err
    (received,) = receiver.ended()
    assert received.header == (1, MJPEG, HIGH) and received.done
    # ffmpeg is deterministic: the same pictures again.
    again = [*command[:3], *command[4:]]
    whole = subprocess.run(again, capture_output=True, check=True).stdout
    assert b"".join(received.chunks) == whole
    assert len(received.chunks) == 45


def test_ffmpeg_pipes_h264(binary: Path, tmp_path: Path, receiver: PushServer) -> None:
    command = ffmpeg(
        "-i", "testsrc=size=320x240:rate=30", "-frames:v", "45", "-c:v", "libx264", "-preset", "ultrafast",
        "-tune", "zerolatency", "-g", "15", "-f", "h264", "-",
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE) as source:
        with Command(binary, tmp_path, "push", "-", "--to", receiver.url(3), stdin=source.stdout) as push:
            status, _, err = push.end()
    assert status == 0, err
    (received,) = receiver.ended()
    assert received.header == (3, H264, HIGH) and received.done
    assert len(received.chunks) == 45, "each chunk is one picture"
    for number, chunk in enumerate(received.chunks):
        types = nal_types(chunk)
        if number % 15 == 0:
            assert types[:2] == [7, 8] and 5 in types, (number, types)
        else:
            assert set(types) <= {1, 6}, (number, types)
    probe = ["ffprobe", "-v", "error", "-f", "h264", "-count_frames", "-show_entries", "stream=nb_read_frames"]
    done = subprocess.run([*probe, "-of", "csv=p=0", "-"], input=b"".join(received.chunks), capture_output=True, check=True)
    assert (done.stdout.split(), done.stderr) == ([b"45"], b"")


def test_h264_of_a_pipe_is_sent_before_the_next_picture(binary: Path, tmp_path: Path, receiver: PushServer) -> None:
    encode = ffmpeg(
        "-i", "testsrc=size=160x120:rate=30", "-frames:v", "12", "-c:v", "libx264", "-preset", "ultrafast",
        "-tune", "zerolatency", "-x264-params", "aud=1", "-f", "h264", "-",
    )
    stream = subprocess.run(encode, capture_output=True, check=True).stdout
    delimiter = b"\0\0\0\1\x09"
    written = [delimiter + rest for rest in stream.split(delimiter)[1:]]
    assert len(written) == 12
    reading, writing = pipe()
    with writing, Command(binary, tmp_path, "push", "-", "--to", receiver.url(), stdin=reading) as push:
        os.close(reading)
        for index, picture in enumerate(written):
            writing.write(picture)
            # Three more pictures show that what is written ends with one; the first two may be read as one.
            due = index + 1 if index >= 4 else index
            eventually(lambda: sum(len(connection.chunks) for connection in receiver.pushes) >= due)
        writing.close()
        status, _, err = push.end()
    assert status == 0, err
    assert len(receiver.ended()[0].chunks) == 12


def test_it_reconnects_for_ever_and_begins_with_a_keyframe(binary: Path, tmp_path: Path, free_port: int) -> None:
    (tmp_path / "clip.h264").write_bytes((VECTORS / "h264/baseline_4slices_64x64.h264").read_bytes())
    url = f"tcp://127.0.0.1:{free_port}/1"
    with Command(binary, tmp_path, "push", "clip.h264", "--loop", "--to", url) as push:
        # It tries before there is a server, ...
        for _ in range(3):
            with PushServer(port=free_port) as server:
                received = eventually(lambda: server.pushes and server.pushes[0], "a connection", 15)
                eventually(lambda: len(received.chunks) >= 4, "pictures")
                assert received.header == (1, H264, HIGH)
                assert nal_types(received.chunks[0])[:3] == [7, 8, 5]
            # ... and when it has hung up.
        push.signal(signal.SIGTERM)
        status, _, err = push.end()
    assert status == 0, err
    assert "next attempt in" in err


def test_a_server_that_closes_gets_the_next_pictures_on_a_new_connection(
    binary: Path, tmp_path: Path, receiver: PushServer
) -> None:
    reading, writing = pipe()
    stop = threading.Event()

    def feed() -> None:
        number = 0
        while not stop.wait(0.02):
            try:
                writing.write(jpegs.picture(number))
            except BrokenPipeError:
                return
            number += 1

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        with Command(binary, tmp_path, "push", "-", "--to", receiver.url(), stdin=reading) as push:
            first = eventually(lambda: receiver.pushes and receiver.pushes[0])
            eventually(lambda: len(first.chunks) > 5)
            first.hang_up()
            second = eventually(lambda: len(receiver.pushes) > 1 and receiver.pushes[1])
            eventually(lambda: len(second.chunks) > 5)
            push.signal(signal.SIGINT)
            status, _, err = push.end()
            eventually(lambda: second.closed)
    finally:
        stop.set()
        feeder.join(10)
        writing.close()
    assert status == 0, err
    assert second.header == (1, MJPEG, HIGH) and second.done
    numbers = [jpegs.sequence_of(chunk) for chunk in first.chunks + second.chunks]
    assert numbers == sorted(set(numbers)), "each once, in order"
    assert " dropped, 2 connections" in err


@pytest.mark.parametrize("kind", ["mjpeg", "h264"])
def test_a_slow_server_costs_pictures_and_no_memory(binary: Path, tmp_path: Path, kind: str) -> None:
    """A reader of some 600 kB/s behind small buffers, against several MB/s."""
    go_on = threading.Event()
    size = 640, 480
    if kind == "mjpeg":
        (tmp_path / "clip.mjpeg").write_bytes(b"".join(pictures(10, size=size, noise=90, quality=95)))
    else:
        noise = ["-f", "lavfi", "-i", "nullsrc=s=640x480:r=30,geq=random(1)*255:128:128", "-frames:v", "60"]
        encode = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "15", "-qp", "20", "-f", "h264", "clip.h264"]
        subprocess.run(["ffmpeg", "-v", "error", *noise, *encode], check=True, cwd=tmp_path)
    pause = lambda _: None if go_on.wait(0.3) else None  # noqa: E731
    with PushServer(pause=pause, receive_buffer=16 * 1024) as server:
        with Command(
            binary, tmp_path, "push", f"clip.{kind}", "--loop", "--fps", "60", "--to", server.url()
        ) as push:
            received = eventually(lambda: server.pushes and server.pushes[0])
            eventually(lambda: len(received.chunks) >= 3)
            early = push.resident_mib()
            eventually(lambda: len(received.chunks) >= 15, timeout=30)
            late = push.resident_mib()
            # Now it is fast enough: all that comes from here on is of now.
            go_on.set()
            push.signal(signal.SIGTERM)
            status, _, err = push.end()
    assert status == 0, err
    assert len(server.pushes) == 1, "slow is not gone"
    dropped = int(err.rsplit(" dropped", 1)[0].split()[-1])
    assert dropped > 20, err
    # The hub holds 16 MiB at most.
    assert late - early < 24, (early, late)
    if kind == "h264":
        data = b"".join(received.chunks)
        # What was dropped was dropped up to a keyframe: a decoder has nothing to complain about.
        done = subprocess.run(
            ["ffmpeg", "-v", "error", "-f", "h264", "-i", "-", "-f", "null", "-"], input=data, capture_output=True, check=True
        )
        assert done.stderr == b"", done.stderr.decode()


def test_a_server_that_takes_nothing_is_given_up(binary: Path, tmp_path: Path) -> None:
    """The first connection is never read; the pictures of the second are fresh."""
    (tmp_path / "clip.mjpeg").write_bytes(b"".join(pictures(5, size=(640, 480), noise=90)))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}/1"
        with Command(binary, tmp_path, "push", "clip.mjpeg", "--loop", "--to", url) as push:
            listener.settimeout(30)
            first, _ = listener.accept()
            second, _ = listener.accept()
            second.settimeout(10)
            assert second.recv(12, socket.MSG_WAITALL)[:4] == b"\1\0\0\0"
            push.signal(signal.SIGTERM)
            first.close()
            second.close()
            status, _, err = push.end()
    assert status == 0, err
    assert "could not be sent within 10 s" in err


def test_multipart_on_standard_input(binary: Path, tmp_path: Path, receiver: PushServer) -> None:
    sent = pictures(3)
    body = b"".join(
        b"--ffmpeg\r\nContent-type: image/jpeg\r\nContent-length: %d\r\n\r\n%s\r\n" % (len(picture), picture)
        for picture in sent
    )
    status, _, err = run(binary, tmp_path, "push", "-", "--to", receiver.url(), "--fps", "60", stdin=body)
    assert status == 0, err
    assert receiver.ended()[0].chunks == sent


def test_a_picture_alone(binary: Path, tmp_path: Path, receiver: PushServer) -> None:
    picture = jpegs.picture(5)
    status, _, err = run(binary, tmp_path, "push", "-", "--to", receiver.url(), stdin=picture)
    assert status == 0, err
    (push,) = receiver.ended()
    assert (push.chunks, push.done) == ([picture], True)


def test_a_picture_waits_for_a_server_that_comes_late(binary: Path, tmp_path: Path, free_port: int) -> None:
    picture = jpegs.picture(5)
    reading, writing = pipe()
    with Command(binary, tmp_path, "push", "-", "--to", f"tcp://127.0.0.1:{free_port}/1", stdin=reading) as push:
        writing.write(picture)
        writing.close()
        # It has been refused at least once.
        assert push.popen.stderr is not None
        while b"next attempt in" not in push.popen.stderr.readline():
            assert push.popen.poll() is None
        with PushServer(port=free_port) as server:
            status, _, err = push.end()
            assert status == 0, err
            assert [(p.chunks, p.done) for p in server.ended()] == [([picture], True)]


@pytest.mark.parametrize(
    ("content", "status", "part"),
    [
        (b"", 2, "it is empty"),
        (b"RIFF....AVI LIST", 2, "neither MJPEG nor H.264"),
        ((VECTORS / "h265/main_bframes_70x50.h265").read_bytes(), 2, "H.265"),
        (jpegs.picture(0)[:500], 2, "no whole picture"),
    ],
    ids=["empty", "avi", "h265", "cut"],
)
def test_what_holds_no_picture(binary: Path, tmp_path: Path, receiver: PushServer, content: bytes, status: int, part: str) -> None:
    got, _, err = run(binary, tmp_path, "push", "-", "--to", receiver.url(), stdin=content)
    assert got == status, err
    assert part in err.splitlines()[-1], err
    assert receiver.pushes == []


def test_what_cannot_be_sent_after_the_end_is_said(binary: Path, tmp_path: Path, free_port: int) -> None:
    arguments = ("push", "-", "--to", f"tcp://127.0.0.1:{free_port}/1", "-q")
    status, _, err = run(binary, tmp_path, *arguments, stdin=jpegs.picture(0))
    assert status == 4, err
    assert "could not be sent" in err and "refused" in err


@pytest.mark.parametrize(
    ("arguments", "status", "part"),
    [
        (["-"], 1, "--to"),
        (["-", "--to", "http://host/1"], 1, "tcp:// nor ws://"),
        (["-", "--to", "tcp://host/one"], 1, "stream number"),
        (["nothing.mjpeg", "--to", "tcp://127.0.0.1:1/1"], 2, "nothing.mjpeg cannot be read"),
        ([".", "--to", "tcp://127.0.0.1:1/1"], 2, "directory"),
    ],
)
def test_exit_statuses(binary: Path, tmp_path: Path, arguments: list[str], status: int, part: str) -> None:
    got, _, err = run(binary, tmp_path, "push", *arguments)
    assert got == status, err
    assert part in err, err


def test_jpeg_to_a_camherd_server(server: Server, binary: Path, tmp_path: Path) -> None:
    (tmp_path / "clip.mjpeg").write_bytes(b"".join(pictures(30)))
    to = f"{server.ws}/ws/camera/pushed"
    with Command(binary, tmp_path, "push", "clip.mjpeg", "--loop", "--to", to) as push:
        stream = server.wait_live("pushed")
        assert stream["codec"] == "jpeg", stream
        eventually(lambda: server.stream("pushed")["received"] > 10)
        push.signal(signal.SIGTERM)
        status, _, err = push.end()
    assert status == 0, err
    eventually(lambda: server.stream("pushed")["state"] == "offline")


def test_h264_becomes_jpeg_for_a_websocket(server: Server, binary: Path, tmp_path: Path) -> None:
    source = ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=30", "-frames:v", "60"]
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "15", "-f", "h264", "clip.h264"]
    subprocess.run(["ffmpeg", "-v", "error", *source, *encode], check=True, cwd=tmp_path)
    to = f"{server.ws}/ws/camera/pushed"
    with Command(binary, tmp_path, "push", "clip.h264", "--loop", "--to", to) as push:
        stream = server.wait_live("pushed")
        assert (stream["codec"], stream["width"], stream["height"]) == ("jpeg", 320, 240), stream
        push.signal(signal.SIGTERM)
        status, _, err = push.end()
    assert status == 0, err
    assert "camherd makes JPEGs of it" in err


def test_h264_to_a_websocket_ends_on_a_terminal_too(server: Server, binary: Path, tmp_path: Path) -> None:
    """The line of progress is written again and again while the last JPEG is waited for."""
    (tmp_path / "clip.h264").write_bytes((VECTORS / "h264/baseline_4slices_64x64.h264").read_bytes())
    arguments = [str(binary), "push", "clip.h264", "--to", f"{server.ws}/ws/camera/pushed"]
    ours, theirs = os.openpty()
    with open(ours, "rb", buffering=0) as terminal, subprocess.Popen(
        arguments, cwd=tmp_path, env=clean_environment(), stdin=subprocess.DEVNULL, stderr=theirs
    ) as push:
        os.close(theirs)
        try:
            status = push.wait(30)
        finally:
            push.kill()
        shown = b""
        try:
            while more := terminal.read(4096):
                shown += more
        except OSError:
            pass  # How Linux says that the other side is closed.
    assert status == 0, shown
    assert b" sent  " in shown and b" frames sent (" in shown, shown


def test_from_one_server_to_another(server: Server, binary: Path, tmp_path: Path, receiver: PushServer) -> None:
    with RunningCamera(server, "door", fps=20):
        server.wait_live("door")
        source = f"camherd://127.0.0.1:{server.port}/door"
        with Command(binary, tmp_path, "push", source, "--to", receiver.url()) as push:
            received = eventually(lambda: receiver.pushes and receiver.pushes[0])
            eventually(lambda: len(received.chunks) > 5)
            push.signal(signal.SIGTERM)
            assert push.end()[0] == 0
    receiver.ended()
    numbers = [jpegs.sequence_of(chunk) for chunk in received.chunks]
    assert numbers == sorted(set(numbers))
    assert received.done


def test_both_qualities_and_codecs_to_a_camherd_listener(serve: ServerFactory, binary: Path, tmp_path: Path) -> None:
    server = serve(*LISTEN)
    host, port = push_address(server)
    (tmp_path / "clip.mjpeg").write_bytes(b"".join(pictures(30)))
    (tmp_path / "clip.h264").write_bytes((VECTORS / "h264/baseline_4slices_64x64.h264").read_bytes())
    to = f"tcp://{host}:{port}"
    with (
        Command(binary, tmp_path, "push", "clip.mjpeg", "--loop", "--to", f"{to}/1?quality=high") as high,
        Command(binary, tmp_path, "push", "clip.mjpeg", "--loop", "--to", f"{to}/1?quality=low", "--fps", "5") as low,
        Command(binary, tmp_path, "push", "clip.h264", "--loop", "--to", f"{to}/2") as video,
    ):
        assert server.wait_live("stream1")["codec"] == "jpeg"
        eventually(lambda: server.status()["camera_clients"] == 3, "all three are connected")
        stream = server.wait_live("stream2")
        assert (stream["codec"], stream["width"], stream["height"]) == ("h264", 64, 64)
        for command in (high, low, video):
            command.signal(signal.SIGTERM)
            status, _, err = command.end()
            assert status == 0, err
            # Whoever is refused comes back again and again.
            assert err.count("connected") == 1, err
    assert server.stream("stream2")["dropped"] == {}
