"""What the tests share: a fake server, and captures that end with their test."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import camherd
from fake_server import FakeServer

#: What takes longer has gone wrong, also on a busy machine; in seconds.
PATIENCE = 20.0


def eventually(what: Callable[[], Any], message: str = "it did not come about") -> Any:
    """The first true answer of ``what``."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := what()):
        assert time.monotonic() < deadline, message
        time.sleep(0.005)
    return answer


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of whoever runs the tests have no effect."""
    for name in ("CAMHERD_URL", "CAMHERD_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., FakeServer]]:
    """Starts fake servers."""
    servers: list[FakeServer] = []

    def make(**options: Any) -> FakeServer:
        servers.append(FakeServer(tmp_path, **options))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()


@pytest.fixture(params=["shm", "websocket"])
def server(request: pytest.FixtureRequest, make_server: Callable[..., FakeServer]) -> FakeServer:
    """A server with or without shared memory: every test that uses it runs over both transports."""
    server = make_server(bus=request.param == "shm")
    server.transport = request.param  # type: ignore[attr-defined]
    return server


@pytest.fixture
def capture() -> Iterator[Callable[..., camherd.VideoCapture]]:
    """Opens captures."""
    captures: list[camherd.VideoCapture] = []

    def open_capture(server: FakeServer | None = None, stream: str | None = "door", **options: Any) -> Any:
        options.setdefault("timeout", PATIENCE)
        if server is not None:
            options["server"] = server.url
        captures.append(camherd.VideoCapture(options.pop("source", None), stream=stream, **options))
        return captures[-1]

    yield open_capture
    for one in captures:
        one.release()
