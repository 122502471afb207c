"""Servers and cameras that go away and come back, and what a program is told of it."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import cv2
import pytest

import camherd
from conftest import eventually
from fake_server import number_of
from test_capture import read


def test_a_server_that_is_not_there(caplog):
    cap = camherd.VideoCapture("rtsp://user:secret@camera/1?key=secret", server="http://127.0.0.1:1")
    assert not cap.isOpened()
    assert cap.state == "offline"
    assert cap.reason == "cannot connect to http://127.0.0.1:1: connection refused; is the server running?"
    assert "rtsp://camera/1 by http://127.0.0.1:1: cannot connect" in caplog.text
    assert "secret" not in caplog.text


def test_a_stream_that_is_not_there(server, capture):
    cap = capture(server, "nothing")
    assert not cap.isOpened()
    assert cap.reason == "there is no stream nothing (HTTP 404)"
    # It may be there later.
    server.stream("nothing").publish()
    assert read(cap) == 0
    assert cap.isOpened()


def test_a_camera_that_is_not_there(server, capture):
    stream = server.stream()
    stream.say("offline", "the camera at 10.0.0.9 does not answer")
    cap = capture(server, timeout=0.3)
    assert not cap.isOpened()
    assert (cap.state, cap.reason) == ("offline", "the camera at 10.0.0.9 does not answer")
    assert cap.read() == (False, None)
    stream.say("live")
    stream.publish()
    cap.set(cv2.CAP_PROP_READ_TIMEOUT_MSEC, 20_000)
    assert read(cap) == 0
    assert (cap.state, cap.reason) == ("live", "")


def test_what_a_camera_left_behind_is_no_picture_of_now(server, capture):
    stream = server.stream()
    stream.publish()
    stream.say("offline", "the camera went away")
    cap = capture(server, timeout=0.3)
    assert not cap.isOpened()
    assert cap.read() == (False, None)


def test_a_camera_goes_away_and_comes_back(server, capture):
    stream = server.stream()
    stream.publish()
    cap = capture(server)
    assert read(cap) == 0
    stream.say("offline", "no frame for 10 s")
    cap.set(cv2.CAP_PROP_READ_TIMEOUT_MSEC, 200)
    assert cap.read() == (False, None)
    assert not cap.isOpened()
    assert (cap.state, cap.reason) == ("offline", "no frame for 10 s")
    assert cap.retrieve() == (False, None), "a frame that failed is not repeated as if new"
    stream.say("live")
    stream.publish()
    cap.set(cv2.CAP_PROP_READ_TIMEOUT_MSEC, 20_000)
    assert read(cap) == 1
    assert cap.isOpened()


def test_a_server_restarts(server, capture, caplog):
    caplog.set_level(logging.INFO, logger="camherd")
    stream = server.stream()
    stream.publish()
    cap = capture(server)
    assert read(cap) == 0
    server.stop()
    cap.set(cv2.CAP_PROP_READ_TIMEOUT_MSEC, 300)
    assert cap.read() == (False, None)
    assert cap.state == "offline" and "cannot connect" in cap.reason
    assert not cap.isOpened()
    server.start()
    # The newest frame of the server is the one that was read already.
    cap.set(cv2.CAP_PROP_READ_TIMEOUT_MSEC, 20_000)
    answers = []
    reader = threading.Thread(target=lambda: answers.append(read(cap)))
    reader.start()
    eventually(lambda: stream.readers == 1)
    assert not answers
    stream.publish()
    reader.join(20)
    assert answers == [1]
    assert cap.transport == server.transport
    assert cap.isOpened() and cap.reason == ""
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1, "one line for each outage"
    assert "frames come again" in caplog.text


def test_a_new_server_counts_anew(server, capture):
    stream = server.stream()
    stream.publish(1000)
    cap = capture(server, latest=False)
    assert read(cap) == 1000
    server.stop()
    stream.newest = None
    server.start()
    stream.publish()
    assert read(cap) == 0
    assert cap.dropped == 0


def test_a_connection_that_breaks_costs_no_frame_and_repeats_none(server, capture):
    stream = server.stream()
    stream.publish()
    cap = capture(server, latest=False)
    assert read(cap) == 0
    for number in range(1, 6):
        server.drop_connections()
        stream.publish()
        assert read(cap) == number


def test_connections_are_not_left_open(server, capture):
    stream = server.stream()
    stream.publish()
    cap = capture(server)
    read(cap)

    def held() -> tuple[int, int]:
        files = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
        maps = Path("/proc/self/maps").read_text().splitlines()
        return sum("socket:" in name for name in files), sum("r--s" in line and "/ring-" in line for line in maps)

    eventually(lambda: stream.readers == 1)
    before = held()
    for _ in range(10):
        server.drop_connections()
        stream.publish()
        read(cap)
    # Fewer: connections of the server of the test before may have ended meanwhile.
    eventually(lambda: all(now <= then for now, then in zip(held(), before)), f"{held()} are left of {before}")


def test_a_url_is_started_again_at_a_server_that_forgot_it(server, capture):
    url = "rtsp://camera/1"
    cap = capture(server, None, source=url)
    assert cap.isOpened() and cap.stream.startswith("stream_") and len(cap.stream) == 16
    assert read(cap) == 0
    server.stop()
    server.streams.clear()
    server.start()
    assert read(cap) == 0
    assert server.calls("POST", "/api/streams/start-with-url") == 2


def test_a_token(make_server, capture, monkeypatch):
    server = make_server(token="t0k3n")
    server.stream().publish()
    assert not capture(server).isOpened()
    assert capture(server).reason == "a token is needed (HTTP 401)"
    assert capture(server, token="t0k3n").isOpened()
    assert capture(source=f"camherd://t0k3n@127.0.0.1:{server.port}/door", stream=None).isOpened()
    monkeypatch.setenv("CAMHERD_TOKEN", "t0k3n")
    assert capture(server).isOpened()
    monkeypatch.setenv("CAMHERD_URL", server.url)
    assert capture().isOpened()


def test_exception_mode(server, capture):
    stream = server.stream()
    stream.publish()
    cap = capture(server, timeout=0.2)
    assert cap.getExceptionMode() is False
    cap.setExceptionMode(True)
    assert cap.getExceptionMode() is True
    read(cap)
    failing = {
        "no frame: live": cap.read,
        "no frame has been grabbed": cap.retrieve,
        "property 10 cannot be set to 1": lambda: cap.set(cv2.CAP_PROP_BRIGHTNESS, 1),
        "there is no stream nowhere": lambda: cap.open(f"camherd://127.0.0.1:{server.port}/nowhere"),
    }
    for message, call in failing.items():
        with pytest.raises(camherd.CaptureError, match=message) as raised:
            call()
        assert isinstance(raised.value, cv2.error)
    cap.release()
    with pytest.raises(cv2.error, match="no frame: closed"):
        cap.grab()


def test_a_forked_process_has_a_connection_of_its_own(server, capture):
    stream = server.stream()
    stream.publish()
    cap = capture(server, latest=False)
    assert read(cap) == 0
    child = os.fork()
    if child == 0:
        # What the child finds, the parent sees in its exit status.
        status = 1
        try:
            status = 0 if read(cap) == 1 else 2
            cap.release()
        finally:
            os._exit(status)
    eventually(lambda: stream.readers == 2)
    stream.publish()
    stream.flush()
    assert read(cap) == 1
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    stream.publish()
    assert read(cap) == 2


def test_a_reader_that_ignores_the_bus_is_refused_by_name(make_server, capture):
    server = make_server(bus=False)
    server.stream().publish()
    cap = capture(server, transport="shm")
    assert not cap.isOpened()
    assert cap.reason == "there is no shared memory here (HTTP 501)"


def test_the_server_serves_something_else(capture, make_server):
    server = make_server()
    server.route = lambda sock, *_: sock.sendall(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    cap = capture(server)
    assert cap.reason == "the answer is not HTTP; is it a camherd server?"
    server.route = lambda sock, *_: sock.sendall(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 10_000)
    assert "endless head" in capture(server).reason
    server.route = lambda sock, *_: sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n{not json}\n")
    assert "neither a number nor JSON" in capture(server, timeout=1).reason
    server.route = lambda sock, *_: sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"7" * 200_000)
    assert "endless line" in capture(server, timeout=1).reason


def test_frames_of_a_camera_that_never_stops(server, capture):
    """A camera at full speed in a thread of its own: nothing torn, nothing twice, nothing back in time."""
    stream = server.stream(width=160, height=120)
    stream.publish()
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            stream.publish()

    camera = threading.Thread(target=run)
    camera.start()
    try:
        cap = capture(server)
        last, reads = -1, 0
        while reads < 300:
            ok, pixels = cap.read()
            assert ok
            number = number_of(pixels)
            assert number == cap.sequence > last
            last, reads = number, reads + 1
    finally:
        stop.set()
        camera.join()
