"""Slow viewers among others, and crowds that come and go."""

import asyncio
import json
import random
import socket
import time
from http.client import HTTPException

import pytest
from websockets.asyncio.client import connect as async_connect
from websockets.exceptions import WebSocketException

import jpegs
import mp4
from camera import Camera, RunningCamera, open_socket
from wait import eventually
from websocket import BINARY, TEXT, RawWebSocket

IDR = 5


def frame_numbers(viewer, count: int) -> list[int]:
    """Numbers of the next frames on a socket with ``meta=1``."""
    numbers: list[int] = []
    while len(numbers) < count:
        message = viewer.recv(timeout=10)
        if isinstance(message, str) and '"frame"' in message:
            numbers.append(json.loads(message)["seq"])
    return numbers


def test_slow_jpeg_viewer_harms_nobody_and_resumes_at_the_newest(server):
    large = [jpegs.picture(number, (640, 480), noise=160) for number in range(10)]
    assert min(map(len, large)) > 60_000
    with (
        RunningCamera(server, "door", fps=20, draw=lambda number: large[number % 10]),
        open_socket(server, "/ws/jpeg?stream=door&meta=1") as quick,
        # One that names its quality keeps it, and with it the numbers of its pictures.
        RawWebSocket(server.address, "/ws/jpeg?stream=door&meta=1&quality=high", receive_buffer=4096) as slow,
    ):
        eventually(lambda: server.stream("door")["viewers"] == 2, "both viewers")
        # 80 pictures, 4 s: several times what socket buffers hold. Nobody reads `slow` meanwhile.
        numbers = frame_numbers(quick, 80)
        assert numbers == list(range(numbers[0], numbers[0] + 80)), "the quick viewer got every frame"
        newest = frame_numbers(quick, 1)[0]
        missed = total = 0
        while True:
            got = slow.read_frame()
            assert got is not None, "the slow viewer was thrown out"
            if got.opcode != TEXT:
                continue
            message = json.loads(got.payload)
            if message["type"] == "dropped":
                missed, total = message["missed"], message["total"]
            elif message["type"] == "frame" and missed:
                resumed = message["seq"]
                break
        assert missed > 20 and total == missed
        assert resumed >= newest - 12, f"resumed at {resumed}, while the newest was {newest}"
        picture = slow.read_until(BINARY)
        assert picture in large
        assert server.status()["viewer_clients"] == 2


def test_slow_mp4_viewer_resumes_at_a_keyframe(serve):
    server = serve("--h264-bitrate", "8M")
    rough = [jpegs.picture(number, (640, 480), noise=200) for number in range(20)]
    with (
        RunningCamera(server, "door", fps=15, draw=lambda number: rough[number % 20]),
        open_socket(server, "/ws/fmp4?stream=door") as quick,
        RawWebSocket(server.address, "/ws/fmp4?stream=door&quality=high", receive_buffer=4096) as slow,
    ):
        eventually(lambda: server.stream("door")["viewers"] == 2, "both viewers")
        fragments = 0
        while fragments < 60:
            message = quick.recv(timeout=10)
            if isinstance(message, bytes):
                fragments += 1
            else:
                assert json.loads(message)["type"] != "dropped", "the quick viewer misses nothing"
        while True:
            got = slow.read_frame()
            assert got is not None, "the slow viewer was thrown out"
            if got.opcode == TEXT and json.loads(got.payload)["type"] == "dropped":
                assert json.loads(got.payload)["missed"] > 5
                break
        resumed = slow.read_until(BINARY)
        assert IDR in mp4.nal_types(resumed), "a decoder can go on only at a keyframe"


def test_slow_mjpeg_viewer_is_told_in_the_part(server):
    large = [jpegs.picture(number, (640, 480), noise=160) for number in range(10)]
    with RunningCamera(server, "door", fps=20, draw=lambda number: large[number % 10]):
        server.wait_live("door")
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(10)
            slow.connect(server.address)
            slow.sendall(b"GET /streams/door/mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n")
            eventually(lambda: server.stream("door")["viewers"] == 1, "the viewer")
            start = server.stream("door")["received"]
            eventually(lambda: server.stream("door")["received"] > start + 70, "70 pictures it does not read")
            data = b""
            while b"X-Missed: " not in data:
                chunk = slow.recv(1 << 16)
                assert chunk, "the slow viewer was thrown out"
                data = data[-100:] + chunk
            assert int(data.split(b"X-Missed: ")[1].split(b"\r\n")[0]) > 10


def test_viewer_that_never_reads_is_given_up(server):
    """Its place is free again, without anybody's doing."""
    rough = [jpegs.picture(number, (640, 480), noise=160) for number in range(5)]
    with RunningCamera(server, "door", fps=20, draw=lambda number: rough[number % 5]):
        server.wait_live("door")
        with RawWebSocket(server.address, "/ws/jpeg?stream=door", receive_buffer=4096):
            eventually(lambda: server.stream("door")["viewers"] == 1, "the viewer")
            eventually(lambda: server.stream("door")["viewers"] == 0, "given up after 10 s", 25)


def test_more_viewers_than_allowed(serve):
    server = serve("--limits-viewers", "2")
    with Camera(server, "door") as camera:
        camera.send()
        server.wait_live("door")
        with open_socket(server, "/ws/viewer"), open_socket(server, "/ws/jpeg"):
            answer = server.get("/streams/door/mjpeg")
            assert answer.status == 503 and "limits.viewers" in answer.error()
            assert int(answer.headers["Retry-After"]) > 0
        eventually(lambda: server.status()["viewer_clients"] == 0, "seats are given back")
        with server.open("/streams/door/mjpeg") as viewer:
            assert viewer.status == 200


def test_more_connections_than_allowed(serve):
    server = serve("--http-max-connections", "3")
    idle = [socket.create_connection(server.address) for _ in range(3)]
    try:

        def overloaded() -> bool:
            try:
                with socket.create_connection(server.address, timeout=5) as one_more:
                    return b"max_connections" in one_more.recv(4096)
            except OSError:
                return False

        eventually(overloaded, "the fourth connection is answered with the setting")
    finally:
        for connection in idle:
            connection.close()

    def room() -> bool:
        try:
            return server.get("/health").status == 200
        except (OSError, HTTPException):
            return False  # Turned away before it had said what it wants.

    eventually(room, "room again")


#: Viewers at a time, and for how long they come and go, in seconds.
CROWD, CROWD_TIME = 200, 8.0
TARGETS = ["/ws/jpeg", "/ws/jpeg?meta=1&fps=5", "/ws/viewer", "/ws/fmp4"]


async def visit(url: str, chance: random.Random) -> None:
    """Watches for a while, and leaves politely or not."""
    socket_ = await async_connect(url, compression=None, proxy=None, ping_interval=None, open_timeout=20)
    try:
        async with asyncio.timeout(chance.uniform(0.05, 3.0)):
            while True:
                await socket_.recv()
    except TimeoutError:
        pass
    if chance.random() < 0.5:
        socket_.transport.abort()
    else:
        await socket_.close()


class Visits:
    """What has become of all visits."""

    def __init__(self) -> None:
        self.good = 0
        self.errors: list[str] = []


async def visitor(server, chance: random.Random, until: float, visits: Visits) -> None:
    """One visit after the other, until the time is over."""
    while time.monotonic() < until:
        try:
            await visit(server.ws + chance.choice(TARGETS), chance)
            visits.good += 1
        except (WebSocketException, OSError) as error:
            visits.errors.append(repr(error))


async def crowd(server, camera: RunningCamera) -> Visits:
    """Visitors, while the camera reconnects about once a second."""
    visits = Visits()
    until = time.monotonic() + CROWD_TIME
    tasks = [asyncio.create_task(visitor(server, random.Random(seed), until, visits)) for seed in range(CROWD)]
    while time.monotonic() < until:
        await asyncio.sleep(1.0)
        await asyncio.to_thread(camera.stop)
        await asyncio.to_thread(camera.start)
    await asyncio.gather(*tasks)
    return visits


@pytest.mark.timeout(120)
def test_two_hundred_viewers_come_and_go_while_the_camera_reconnects(server):
    with RunningCamera(server, "door", fps=10, size=(160, 120)) as camera:
        server.wait_live("door")
        before = server.resident_mib()
        visits = asyncio.run(crowd(server, camera))
        assert visits.good > CROWD and visits.errors == [], visits.errors[:5]
        after = server.resident_mib()
        eventually(lambda: server.status()["viewer_clients"] == 0, "all viewers are gone", 20)
        server.wait_live("door")
        eventually(lambda: server.stream("door")["viewers"] == 0, "the stream counts none")
        assert after < before + 150, f"from {before:.0f} to {after:.0f} MiB"
        readers = {r["name"]: r["readers"] for r in server.stream("door")["renditions"]}
        eventually(lambda: server.active("door") == ["source"], f"encoders stop: {readers}", 20)
    eventually(lambda: server.status()["camera_clients"] == 0, "the camera is gone")
