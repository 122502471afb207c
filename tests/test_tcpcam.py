"""TCPCam both ways: cameras that serve pictures on request, and a stream served to the clients of such cameras."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

import jpegs
import test_picture
from camera import Camera as PushingCamera
from camera import RunningCamera, open_socket
from conftest import Processes, ServerFactory
from http_client import Response
from python_client import camherd
from server import Process, Server
from tcp_push import LISTEN, marked, outliving
from tcpcam import HELLO, PIN, Camera, Client, Request, frame, hello, normal, send_apart, splits, unused_port
from wait import eventually

GOOD = jpegs.picture(1)
JSON = {"Content-Type": "application/json"}
SECRET_PIN = "86421"


# A camera as a source.


def created(server: Server, name: str, url: str) -> Response:
    body = json.dumps({"stream_id": name, "rtsp_url": url}).encode()
    answer = server.request("POST", "/api/streams", JSON, body)
    assert answer.status == 200, answer
    return answer


def wait_reason(server: Server, name: str, *parts: str) -> dict[str, Any]:
    """Waits until a stream is not live for a reason with these parts."""

    def told() -> dict[str, Any]:
        stream = server.stream(name)
        assert stream["state"] != "live" and all(part in stream["reason"] for part in parts), stream
        return stream

    return eventually(told, f"{name} says {parts}", 15)


@pytest.fixture
def sources(serve: ServerFactory) -> Server:
    """A server for cameras to fetch from; one second of silence is too long."""
    return serve(*LISTEN, "--stall-timeout", "1s")


def test_every_picture_of_a_camera_arrives_as_it_was_sent(sources: Server) -> None:
    with Camera() as camera:
        created(sources, "door", camera.url())
        sources.wait_live("door")
        with open_socket(sources, "/ws/jpeg?stream=door", max_queue=None) as viewer:
            got = [message for message in (viewer.recv(timeout=10) for _ in range(25)) if isinstance(message, bytes)]
        begin = camera.sent.index(got[0])
        assert got == camera.sent[begin : begin + len(got)] and len(got) > 15
    stream = sources.stream("door")
    assert stream["codec"] == "jpeg" and "truncated" not in stream["dropped"]


def test_pin_and_count_arrive_apart_over_many_connections(sources: Server) -> None:
    """The device reads its PIN with one `recv`: joined, a correct client would be refused."""

    def short(request: Request, _: int) -> None:
        request.send_picture()

    with Camera(short) as camera:
        created(sources, "door", camera.url())
        eventually(lambda: len(camera.requests) >= 4 and len(camera.requests[3]) == 2, "four connections", 40)
        assert [request for request in camera.requests if len(request) == 2][:4] == [[PIN, b"0"]] * 4


def test_a_stream_comes_from_the_configuration(serve: ServerFactory, tmp_path: Path) -> None:
    with Camera(pin=SECRET_PIN.encode()) as camera:
        (tmp_path / "camherd.yaml").write_text(f"streams:\n  door: {camera.url(SECRET_PIN)}\n")
        server = serve(*LISTEN)
        server.wait_live("door")
        assert camera.requests[0] == [SECRET_PIN.encode(), b"0"]
        shown = server.get("/api/streams/door").body + server.get("/status").body + server.log.encode()
        assert SECRET_PIN.encode() not in shown, "a PIN is a secret"
        assert b"tcpcam://" in shown


@pytest.mark.parametrize("transport", ["shm", "websocket"])
def test_the_python_package_opens_a_camera(sources: Server, transport: str) -> None:
    with Camera() as camera:
        capture = camherd.VideoCapture(
            camera.url("1235"), server=sources.http, transport=transport, latest=False, timeout=20
        )
        try:
            assert capture.isOpened(), capture.reason
            numbers = [test_picture.read(capture.read()[1]).sequence for _ in range(10)]
        finally:
            capture.release()
    assert numbers == list(range(numbers[0], numbers[0] + 10))


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("tcpcam://127.0.0.1:1?pin=12a5", "pin"),
        ("tcpcam://127.0.0.1:1?pin=", "pin"),
        ("tcpcam://127.0.0.1:1?pni=1", "pni"),
        ("tcpcam://127.0.0.1:99999", "port"),
        ("tcpcam://", "host"),
    ],
)
def test_a_bad_url_says_what_is_wrong(sources: Server, url: str, part: str) -> None:
    body = json.dumps({"stream_id": "door", "rtsp_url": url}).encode()
    answer = sources.request("POST", "/api/streams", JSON, body)
    assert answer.status == 400 and part in answer.error().lower(), answer
    assert "12a5" not in answer.error()


def test_a_camera_that_hangs_up_is_connected_to_again(sources: Server) -> None:
    with Camera() as camera:
        created(sources, "door", camera.url())
        sources.wait_live("door")
        with open_socket(sources, "/ws/jpeg?stream=door") as viewer:
            for _ in range(2):
                camera.switch_off()
                wait_reason(sources, "door")
                before = len(camera.sent)
                camera.switch_on()
                sources.wait_live("door", 20)
                eventually(lambda: viewer.recv(timeout=10) in camera.sent[before:], "the viewer goes on")


def test_a_camera_that_hangs_up_within_a_picture_shows_no_part_of_it(sources: Server) -> None:
    def cut_off(request: Request, _: int) -> None:
        request.send_picture()
        request.wait()
        request.send(frame(GOOD)[: len(GOOD) // 2])

    with Camera(cut_off) as camera:
        created(sources, "door", camera.url())
        eventually(lambda: len(camera.sent) >= 3, "three connections", 30)
        answer = sources.get("/streams/door/snapshot.jpg")
        assert answer.status == 200 and answer.body in camera.sent
        assert sources.stream("door")["received"] <= len(camera.sent)


def test_a_wrong_pin_is_told_as_what_it_may_be(sources: Server) -> None:
    with Camera(pin=b"9999") as camera:
        created(sources, "door", camera.url("8642"))
        stream = wait_reason(sources, "door", "PIN")
        assert "8642" not in json.dumps(stream) and "8642" not in sources.log
        assert stream["received"] == 0


def test_a_camera_that_is_not_there_is_told(sources: Server, free_port: int) -> None:
    created(sources, "door", f"tcpcam://127.0.0.1:{free_port}")
    wait_reason(sources, "door", "refused")


def test_a_test_build_that_sends_a_text_is_told_by_it(sources: Server) -> None:
    with Camera(hello) as camera:
        created(sources, "door", camera.url())
        stream = wait_reason(sources, "door", "not a JPEG", "'Hello World")
        assert stream["received"] == 0
        eventually(lambda: sources.stream("door")["dropped"].get("not_jpeg", 0) > 3, "they are counted")


def test_a_test_build_that_becomes_a_camera_is_live(sources: Server) -> None:
    def both(request: Request, count: int) -> None:
        for _ in range(3):
            request.send(frame(HELLO))
        normal(request, count)

    with Camera(both) as camera:
        created(sources, "door", camera.url())
        sources.wait_live("door")
        assert sources.stream("door")["dropped"]["not_jpeg"] == 3
        assert len(camera.requests) == 1, "on the same connection"


def test_text_that_is_not_printable_is_shown_harmless(sources: Server) -> None:
    def rude(request: Request, _: int) -> None:
        while not request.wait():
            request.send(frame(b"\x1b[31mHello\n\0\xff" + "✓".encode() + b"x" * 5000))

    with Camera(rude) as camera:
        created(sources, "door", camera.url())
        reason = wait_reason(sources, "door", "not a JPEG")["reason"]
        assert reason.isprintable() and len(reason) < 400
        assert "\x1b" not in sources.log and camera.requests


@pytest.mark.parametrize("length", [0, (10 << 20) + 1, 2**31, 2**32 - 1], ids=["0", "10 MiB + 1", "2^31", "2^32 - 1"])
def test_a_length_that_no_picture_has_ends_the_connection(sources: Server, length: int) -> None:
    def liar(request: Request, _: int) -> None:
        request.send(struct.pack(">I", length) + GOOD)
        request.wait_closed()

    with Camera(liar) as camera:
        created(sources, "door", camera.url())
        wait_reason(sources, "door", str(length))
        eventually(lambda: len(camera.requests) >= 2, "it is tried again", 20)


def test_a_camera_that_falls_silent_is_connected_to_again(sources: Server) -> None:
    def silent(request: Request, _: int) -> None:
        request.send_picture()
        request.wait_closed()

    with Camera(silent) as camera:
        created(sources, "door", camera.url())
        sources.wait_live("door")
        wait_reason(sources, "door", "1 s")
        eventually(lambda: len(camera.sent) >= 2, "the next connection", 20)


# The server for such cameras' clients.


@pytest.fixture(scope="module")
def port() -> int:
    """A port for the TCPCam server."""
    return unused_port()


def flags(port: int, pin: str = PIN.decode(), **more: Any) -> list[str]:
    """Serves the stream `door` to clients of a TCPCam."""
    options = {"listen": f"127.0.0.1:{port}", "pin": pin, "stream": "door", **more}
    pairs = ((f"--tcpcam-server-{key.replace('_', '-')}", str(value)) for key, value in options.items())
    return [*LISTEN, *itertools.chain(*pairs)]


@pytest.fixture(scope="module")
def shared(binary: Path, tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Server]:
    """A server whose stream `door` has a camera with 20 pictures a second."""
    processes = Processes(binary, tmp_path_factory.mktemp("tcpcam"))
    with outliving(processes, *flags(port, max_clients=20)) as server, RunningCamera(server, "door", fps=20):
        server.wait_live("door")
        yield server


@pytest.fixture
def cam(shared: Server, port: int) -> tuple[str, int]:
    """Where its clients connect; its seats are free."""
    eventually(lambda: shared.stream("door")["viewers"] == 0, "no clients")
    return ("127.0.0.1", port)


def assert_live(pictures: list[bytes]) -> None:
    """They are pictures of a camera, one after the other."""
    numbers = [jpegs.sequence_of(picture) for picture in pictures]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@pytest.mark.parametrize("ending", [b"", b"\r\n", b"\n", b"\0", b"\r\n\0"], ids=["", "CR LF", "LF", "NUL", "all"])
def test_so_many_pictures_as_asked_for_and_then_the_end(cam: tuple[str, int], ending: bytes) -> None:
    with Client(cam, PIN + ending, b"5" + ending) as client:
        assert_live(client.pictures(5))
        assert client.read() is None


@pytest.mark.parametrize("pieces", list(splits(b"12353\n")), ids=repr)
def test_pin_and_count_may_be_joined_or_split_anywhere(cam: tuple[str, int], pieces: tuple[bytes, ...]) -> None:
    with Client(cam) as client:
        send_apart(client, pieces)
        assert_live(client.pictures(3))
        assert client.read() is None


@pytest.mark.parametrize("pieces", list(splits(b"1235\r\n12\r\n")), ids=repr)
def test_line_ends_may_be_anywhere_in_the_pieces(cam: tuple[str, int], pieces: tuple[bytes, ...]) -> None:
    with Client(cam) as client:
        send_apart(client, pieces, 0.002)
        assert_live(client.pictures(12))
        assert client.read() is None


@pytest.mark.parametrize("count", [b"0", b"-1", b"-100", b"0\n"], ids=repr)
@pytest.mark.parametrize("joined", [True, False], ids=["joined", "apart"])
def test_no_count_above_zero_is_pictures_without_end(cam: tuple[str, int], count: bytes, joined: bool) -> None:
    with Client(cam) as client:
        send_apart(client, (PIN + count,) if joined else (PIN, count))
        assert_live(client.pictures(40))


class TestRealClients:
    """As clients in the field ask: with a string and its NUL, with a buffer of fixed length, for one picture a time."""

    def test_one_that_sends_the_nul_of_its_strings(self, cam: tuple[str, int]) -> None:
        with Client(cam, PIN + b"\0") as client:
            client.send(b"3\0")
            assert_live(client.pictures(3))
            assert client.read() is None

    def test_one_that_sends_whole_buffers(self, cam: tuple[str, int]) -> None:
        with Client(cam, PIN.ljust(16, b"\0"), b"3".ljust(16, b"\0")) as client:
            assert_live(client.pictures(3))
            assert client.read() is None

    def test_one_that_asks_again_and_again_for_one_picture(self, cam: tuple[str, int]) -> None:
        numbers = []
        for _ in range(5):
            with Client(cam, PIN, b"1") as client:
                numbers += [jpegs.sequence_of(picture) for picture in client.pictures(1)]
                assert client.read() is None
        assert numbers == sorted(numbers)


WRONG = {
    "another": (b"1236", b"0"),
    "shorter": (b"123\n", b"0"),
    "empty": (b"\n", b"0"),
    "in letters": (b"abcd", b"0"),
    "binary": (bytes(range(128, 160)),),
    "HTTP": (b"GET / HTTP/1.1\r\n\r\n",),
    "long": (b"9" * 5000,),
}
ADDRESSES = (f"127.0.1.{last}" for last in itertools.count(1))


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_pin_is_answered_by_hanging_up(cam: tuple[str, int], shared: Server, case: str) -> None:
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        with Client(cam, *WRONG[case], source=next(ADDRESSES)) as client:
            assert client.is_refused()
    assert PIN.decode() not in shared.log, "the right one is not told"


@pytest.mark.parametrize("count", [b"x", b"1x\n", b"--1\n", b"99999999999999999999\n", b"1.5\n"], ids=repr)
def test_a_count_that_is_none_is_answered_by_hanging_up(cam: tuple[str, int], count: bytes) -> None:
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        with Client(cam, PIN, count, source=next(ADDRESSES)) as client:
            assert client.is_refused()


def test_who_guesses_is_kept_out_and_others_are_not(cam: tuple[str, int]) -> None:
    guesser = next(ADDRESSES)
    for guess in range(30):
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            with Client(cam, f"{5000 + guess}".encode(), b"0", source=guesser) as client:
                assert client.is_refused()
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        with Client(cam, PIN, b"1", source=guesser) as client:
            assert client.is_refused(), "a PIN of four digits can be guessed: the right one is no better now"
    with Client(cam, PIN, b"1", source=next(ADDRESSES)) as other:
        assert_live(other.pictures(1))


def test_who_asks_for_nothing_is_hung_up_on(cam: tuple[str, int]) -> None:
    with contextlib.ExitStack() as opened:
        requests: list[tuple[bytes, ...]] = [(), (b"12",), (PIN,)]
        clients = [Client(cam, *pieces, source=next(ADDRESSES), timeout=30) for pieces in requests]
        for client in clients:
            opened.enter_context(client)
        assert all([client.is_refused() for client in clients])


def test_all_clients_get_every_picture_though_one_does_not_read(serve: ServerFactory) -> None:
    """Also who does not read gets whole pictures, and new ones, when it does."""
    server = serve(*flags(port := unused_port()))
    large = [jpegs.picture(n, (640, 480), noise=80) for n in range(10)]
    with RunningCamera(server, "door", fps=20, draw=lambda n: marked(large[n % 10], n)):
        server.wait_live("door")
        address = ("127.0.0.1", port)
        with contextlib.ExitStack() as opened:
            idle = opened.enter_context(Client(address, PIN, b"0", receive_buffer=4096))
            first = idle.pictures(1)[0]
            readers = [opened.enter_context(Client(address, PIN, b"0")) for _ in range(4)]
            got: list[list[bytes]] = [[] for _ in readers]
            threads = [
                threading.Thread(target=lambda c=client, g=g: g.extend(c.pictures(100)), daemon=True)
                for client, g in zip(readers, got)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(40)
            for pictures in got:
                numbers = [number_of(picture) for picture in pictures]
                assert len(numbers) == 100 and numbers == list(range(numbers[0], numbers[0] + 100))
            newest = max(number_of(pictures[-1]) for pictures in got)
            late = [number_of(picture) for picture in idle.pictures(30)]
            assert late == sorted(set(late)) and late[0] > number_of(first)
            assert late[-1] > newest, "it has skipped what it did not read"


def number_of(picture: bytes) -> int:
    """What `marked` put into it."""
    return struct.unpack_from(">Q", picture, 6)[0]


def test_clients_are_viewers_and_their_number_is_limited(serve: ServerFactory) -> None:
    port = unused_port()
    server = serve(*flags(port, max_clients=2))
    with PushingCamera(server, "door") as camera:
        camera.send()
        server.wait_live("door")
        with Client(("127.0.0.1", port), PIN, b"0") as one, Client(("127.0.0.1", port), PIN, b"0") as two:
            one.pictures(1), two.pictures(1)
            assert server.stream("door")["viewers"] == 2
            with Client(("127.0.0.1", port), PIN, b"0") as three:
                assert three.is_refused()
            server.wait_logged("max_clients")

        def left() -> bool:
            # That they take no more shows when something is sent.
            camera.send()
            return server.stream("door")["viewers"] == 0

        eventually(left, "they have left")
        with Client(("127.0.0.1", port), PIN, b"1") as four:
            assert four.pictures(1)


def test_a_client_waits_for_a_camera_that_comes_later(serve: ServerFactory) -> None:
    port = unused_port()
    server = serve(*flags(port))
    with Client(("127.0.0.1", port), PIN, b"2", timeout=30) as client:
        with RunningCamera(server, "door", fps=10):
            assert_live(client.pictures(2))


def test_a_source_reads_a_server(serve: ServerFactory) -> None:
    """camherd is a camera for camherd."""
    port = unused_port()
    server = serve(*flags(port, pin=SECRET_PIN))
    with RunningCamera(server, "door", fps=20):
        server.wait_live("door")
        created(server, "copy", f"tcpcam://127.0.0.1:{port}?pin={SECRET_PIN}")
        server.wait_live("copy")
        eventually(lambda: server.stream("copy")["received"] > 20, "its pictures")
        assert SECRET_PIN not in server.log


def test_it_is_off_unless_it_is_configured(serve: ServerFactory) -> None:
    server = serve(*LISTEN)
    assert "tcpcam" not in (server.stdout + server.log).lower()


@pytest.mark.parametrize(
    ("left_out", "part"),
    [("pin", "tcpcam_server.pin"), ("stream", "tcpcam_server.stream")],
)
def test_what_is_missing_in_the_configuration_is_named(
    binary: Path, tmp_path: Path, left_out: str, part: str
) -> None:
    lines = {"listen": "127.0.0.1:0", "pin": '"86421"', "stream": "door"}
    del lines[left_out]
    text = "tcp_push: {listen: off}\ntcpcam_server:\n" + "".join(f"  {key}: {value}\n" for key, value in lines.items())
    (tmp_path / "camherd.yaml").write_text(text)
    process = Process(binary, tmp_path, ["serve", "--http-listen", "127.0.0.1:0"])
    assert process.wait() != 0
    assert part in process.log and "86421" not in process.log


def test_a_taken_port_is_named_with_its_setting(serve: ServerFactory, binary: Path, tmp_path: Path) -> None:
    server = serve(*LISTEN)
    arguments = ["serve", "--http-listen", "127.0.0.1:0", *flags(server.port)]
    second = Process(binary, tmp_path, arguments)
    assert second.wait() == 1 and second.stdout == ""
    for part in (str(server.port), "in use", "tcpcam_server.listen", "--tcpcam-server-listen"):
        assert part in second.log


def test_a_client_is_served_until_the_server_ends(serve: ServerFactory) -> None:
    port = unused_port()
    server = serve(*flags(port))
    with RunningCamera(server, "door", fps=20) as camera, Client(("127.0.0.1", port), PIN, b"0") as client:
        client.pictures(3)
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < 10
        while client.read() is not None:
            pass
        assert camera.sequence > 0


def test_a_client_that_says_no_more_gets_its_pictures(cam: tuple[str, int]) -> None:
    """As `printf 12350 | ncat HOST PORT` does."""
    with Client(cam, PIN + b"0") as client:
        client.sock.shutdown(socket.SHUT_WR)
        assert_live(client.pictures(40))


def test_the_last_picture_of_a_camera_that_is_gone_is_not_sent(serve: ServerFactory) -> None:
    port = unused_port()
    server = serve(*flags(port))
    with PushingCamera(server, "door") as camera:
        camera.send(jpegs.picture(1))
        server.wait_live("door")
    eventually(lambda: server.stream("door")["state"] != "live", "the camera is gone")
    with Client(("127.0.0.1", port), PIN, b"1\n", timeout=30) as client:
        eventually(lambda: server.stream("door")["viewers"] == 1, "the client is in")
        with PushingCamera(server, "door") as camera:
            camera.send(jpegs.picture(77))
            assert [jpegs.sequence_of(picture) for picture in client.pictures(1)] == [77]


def test_idle_connections_of_one_address_lock_out_nobody(serve: ServerFactory) -> None:
    port = unused_port()
    server = serve(*flags(port, max_clients=2))
    address = ("127.0.0.1", port)
    with RunningCamera(server, "door", fps=20), contextlib.ExitStack() as opened:
        server.wait_live("door")
        for _ in range(60):
            opened.enter_context(Client(address, source="127.0.2.1"))
        with Client(address, PIN, b"2\n") as client:
            assert_live(client.pictures(2))
    server.wait_logged("sent no request yet")
