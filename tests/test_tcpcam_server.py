"""The TCPCam server: a stream for the clients of cameras that serve pictures on request over plain TCP."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from pathlib import Path
from typing import Iterator

import pytest

import jpegs
from camera import Camera as PushingCamera
from camera import RunningCamera
from conftest import Processes, ServerFactory
from server import Process, Server
from sockets import unused_port
from tcp_push import LISTEN, mark_of, marked, outliving
from tcpcam import PIN, Client, send_apart, serving, splits
from wait import eventually


@pytest.fixture(scope="module")
def port() -> int:
    """A port for the TCPCam server."""
    return unused_port()


@pytest.fixture(scope="module")
def shared(binary: Path, tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Server]:
    """A server whose stream `door` has a camera with 40 pictures a second."""
    processes = Processes(binary, tmp_path_factory.mktemp("tcpcam"))
    with outliving(processes, *serving(port, max_clients=20)) as server, RunningCamera(server, "door", fps=40):
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
        assert_live(client.pictures(25))


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
    server = serve(*serving(port := unused_port()))
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
                numbers = [mark_of(picture) for picture in pictures]
                assert len(numbers) == 100 and numbers == list(range(numbers[0], numbers[0] + 100))
            newest = max(mark_of(pictures[-1]) for pictures in got)
            late = [mark_of(picture) for picture in idle.pictures(30)]
            assert late == sorted(set(late)) and late[0] > mark_of(first)
            assert late[-1] > newest, "it has skipped what it did not read"


def test_clients_are_viewers_and_their_number_is_limited(serve: ServerFactory) -> None:
    port = unused_port()
    server = serve(*serving(port, max_clients=2))
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
    server = serve(*serving(port))
    with Client(("127.0.0.1", port), PIN, b"2", timeout=30) as client:
        with RunningCamera(server, "door", fps=10):
            assert_live(client.pictures(2))


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
    arguments = ["serve", "--http-listen", "127.0.0.1:0", *serving(server.port)]
    second = Process(binary, tmp_path, arguments)
    assert second.wait() == 1 and second.stdout == ""
    for part in (str(server.port), "in use", "tcpcam_server.listen", "--tcpcam-server-listen"):
        assert part in second.log


def test_a_client_is_served_until_the_server_ends(serve: ServerFactory) -> None:
    port = unused_port()
    server = serve(*serving(port))
    with RunningCamera(server, "door", fps=20) as camera, Client(("127.0.0.1", port), PIN, b"0") as client:
        client.pictures(3)
        assert server.stop() == 0
        while client.read() is not None:
            pass
        assert camera.sequence > 0


def test_a_client_that_says_no_more_gets_its_pictures(cam: tuple[str, int]) -> None:
    """As `printf 12350 | ncat HOST PORT` does."""
    with Client(cam, PIN + b"0") as client:
        client.sock.shutdown(socket.SHUT_WR)
        assert_live(client.pictures(25))


def test_the_last_picture_of_a_camera_that_is_gone_is_not_sent(serve: ServerFactory) -> None:
    port = unused_port()
    server = serve(*serving(port))
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
    server = serve(*serving(port, max_clients=2))
    address = ("127.0.0.1", port)
    with RunningCamera(server, "door", fps=20), contextlib.ExitStack() as opened:
        server.wait_live("door")
        for _ in range(60):
            opened.enter_context(Client(address, source="127.0.2.1"))
        with Client(address, PIN, b"2\n") as client:
            assert_live(client.pictures(2))
    server.wait_logged("sent no request yet")
