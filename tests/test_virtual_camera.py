"""`camherd camera` and `camherd demo` against the server."""

import re

import pytest

import jpegs
import test_picture
from camera import open_socket
from server import Process, Server
from wait import eventually


def test_camera_sends_what_it_is_asked_for(server, processes):
    camera = processes.start(
        Process, "camera", f"{server.ws}/ws/camera/virtual", "--frames", "20", "--fps", "20", "--size", "320x240"
    )
    assert camera.wait(30) == 0, camera.log
    match = re.search(r"(\d+) frames taken, 20 sent \((\d+) bytes\), \d+ dropped, \d+ missed, 1 connections", camera.stdout)
    assert match, camera.stdout
    stream = eventually(lambda: (s := server.stream("virtual"))["received"] == 20 and s, "all of them")
    assert stream["received_bytes"] == int(match[2])
    assert (stream["width"], stream["height"], stream["dropped"]) == (320, 240, {})


def test_its_pictures_carry_number_and_time(server, processes):
    processes.start(Process, "camera", f"{server.ws}/ws/camera/virtual", "--fps", "15", "--size", "640x480")
    server.wait_live("virtual")
    with open_socket(server, "/ws/jpeg?stream=virtual") as viewer:
        pictures: list[bytes] = []
        while len(pictures) < 10:
            message = viewer.recv(timeout=10)
            if isinstance(message, bytes):
                pictures.append(message)
    codes = [test_picture.read(jpegs.decode(picture)) for picture in pictures]
    numbers = [code.sequence for code in codes]
    assert numbers == list(range(numbers[0], numbers[0] + 10))
    assert all(abs(code.captured_ms - jpegs.now_ms()) < 10_000 for code in codes)


def test_unnamed_camera(server, processes):
    processes.start(Process, "camera", f"{server.ws}/ws/camera", "--fps", "10", "--size", "160x120")
    server.wait_live("cam-127-0-0-1")


def test_camera_comes_back_after_a_restart_of_the_server(serve, processes, free_port):
    listen = ("--http-listen", f"127.0.0.1:{free_port}")
    # The camera is there first: it waits for the server.
    camera = processes.start(
        Process, "camera", f"ws://127.0.0.1:{free_port}/ws/camera/door",
        "--fps", "15", "--size", "160x120", "--reconnect", "100ms..200ms",
    )  # fmt: skip
    camera.wait_logged("cannot connect")
    for _ in range(2):
        server = serve(*listen)
        server.wait_live("door")
        assert server.stop() == 0
    camera.wait_logged("1001", "shutting down")
    assert camera.stop() == 0
    assert re.search(r" 2 connections", camera.stdout), camera.stdout


def test_refused_camera_says_why(server, processes):
    camera = processes.start(Process, "camera", f"{server.ws}/ws/camera/BAD", "--size", "160x120")
    camera.wait_logged("400", "not 'B'")


@pytest.mark.timeout(90)
def test_demo_shows_three_live_streams(processes):
    demo = processes.start(Server, "demo", "--http-listen", "127.0.0.1:0", "--tcp-push-listen", "127.0.0.1:0")
    assert f"Open http://127.0.0.1:{demo.port}/" in demo.stdout
    for name in ("front-door", "garden", "workshop"):
        demo.wait_live(name, 30)
    status = demo.status()
    assert status["camera_clients"] == 3 and len(status["streams"]) == 3
    sizes = {s["name"]: (s["width"], s["height"]) for s in status["streams"]}
    assert sizes == {"front-door": (640, 480), "garden": (1280, 720), "workshop": (320, 240)}
    assert demo.get("/").status == 200
    with demo.open("/streams/garden/ts") as viewer:
        assert viewer.read_at_least(188)[0] == 0x47
