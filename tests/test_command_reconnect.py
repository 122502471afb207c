"""``camherd grab`` and ``camherd push`` where the other side is away: restarted, or silent."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Iterator

import pytest

import jpegs
from camera import RunningCamera
from command import Command, pipe
from conftest import ServerFactory
from push_server import PushServer
from sockets import silent_port
from wait import eventually


@pytest.fixture
def receiver() -> Iterator[PushServer]:
    with PushServer() as server:
        yield server


def wait_said(command: Command, part: str) -> None:
    """Reads standard error up to a line with ``part``."""
    assert command.popen.stderr is not None
    seen = b""
    while part.encode() not in seen:
        line = command.popen.stderr.readline()
        assert line, f"it ended without {part!r}: {seen.decode()}"
        seen += line


class Restarted:
    """A server with a camera that comes back a while after the server does."""

    def __init__(self, serve: ServerFactory, port: int) -> None:
        self._serve, self._listen = serve, ("--http-listen", f"127.0.0.1:{port}")
        self._server = serve(*self._listen)
        self._camera = RunningCamera(self._server, "door", fps=20)
        self._server.wait_live("door")
        self.url = f"camherd://127.0.0.1:{port}/door"

    def restart(self, command: Command) -> None:
        """Ends the server and starts it, and the camera when ``command`` has been told that there is none."""
        self._camera.stop()
        self._server.stop()
        self._server = self._serve(*self._listen)
        wait_said(command, "there is no stream door")
        self._camera.start()

    def __enter__(self) -> Restarted:
        return self

    def __exit__(self, *_: object) -> None:
        self._camera.stop()


def test_grab_outlives_a_restart_of_the_server(
    serve: ServerFactory, binary: Path, tmp_path: Path, free_port: int
) -> None:
    def grabbed() -> int:
        return len(list(tmp_path.glob("f-*.jpg")))

    with Restarted(serve, free_port) as source:
        arguments = ("grab", source.url, "-o", "f-%06d.jpg", "--timeout", "40s")
        with Command(binary, tmp_path, *arguments) as command:
            eventually(lambda: grabbed() > 3)
            source.restart(command)
            before = grabbed()
            eventually(lambda: grabbed() > before + 3, "more pictures", 30)
            command.signal(signal.SIGTERM)
            status, _, err = command.end()
    assert status == 143, err


def test_push_outlives_a_restart_of_its_source(
    serve: ServerFactory, binary: Path, tmp_path: Path, free_port: int, receiver: PushServer
) -> None:
    def pushed() -> int:
        return sum(len(push.chunks) for push in receiver.pushes)

    with Restarted(serve, free_port) as source:
        with Command(binary, tmp_path, "push", source.url, "--to", receiver.url()) as command:
            eventually(lambda: pushed() > 3)
            source.restart(command)
            before = pushed()
            eventually(lambda: pushed() > before + 3, "more pictures", 30)
            command.signal(signal.SIGTERM)
            status, _, err = command.end()
    assert status == 0, err
    assert len(receiver.pushes) == 1, "the server that takes the pictures was there all the time"


def test_a_server_that_does_not_answer_is_told_from_a_name_without_address(binary: Path, tmp_path: Path) -> None:
    reading, writing = pipe()
    with silent_port() as port, writing:
        to = f"tcp://127.0.0.1:{port}/1"
        with Command(binary, tmp_path, "push", "-", "--to", to, stdin=reading) as command:
            writing.write(jpegs.picture(0))
            writing.write(jpegs.picture(1))
            wait_said(command, "no connection within 5 s; next attempt in")
            command.signal(signal.SIGTERM)
            status, _, err = command.end()
    assert status == 0, err
