"""Cameras: as devices speak, over the ``websockets`` library."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Iterable

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

import jpegs
from server import Server
from websocket import connect as tcp_connect

#: What a device's WebSocket client sends at a time, in bytes.
DEVICE_BUFFER = 16 * 1024


def open_socket(server: Server, target: str, *, source: str | None = None, **options: Any) -> ClientConnection:
    """A WebSocket to the server, perhaps from another address of this machine."""
    host = options.pop("host", "127.0.0.1")
    options.setdefault("compression", None)
    options.setdefault("max_size", None)
    options.setdefault("ping_interval", None)
    # All that comes is taken in: with a full queue the library would not see the server's goodbye, and wait for it.
    options.setdefault("max_queue", None)
    options.setdefault("close_timeout", 5)
    # A connection that outlives a `with` block: cameras and viewers come and go within a test.
    options.setdefault("legacy", True)
    sock = tcp_connect((host, server.port), source)
    sock.settimeout(None)
    try:
        return connect(f"ws://{host}:{server.port}{target}", sock=sock, proxy=None, **options)
    except BaseException:
        sock.close()
        raise


def fragments(jpeg: bytes, size: int = DEVICE_BUFFER) -> Iterable[bytes]:
    """A message as a device cuts it."""
    return [jpeg[at : at + size] for at in range(0, len(jpeg), size)]


class Camera:
    """A camera that sends when it is told to."""

    def __init__(self, server: Server, name: str | None = None, *, target: str | None = None, **options: Any) -> None:
        self.target = target or ("/ws/camera" if name is None else f"/ws/camera/{name}")
        self.socket = open_socket(server, self.target, **options)
        self.sequence = 0

    def send(self, jpeg: bytes | None = None, **look: Any) -> int:
        """Sends one picture, a new one unless given, in a device's fragments; gives its number."""
        if jpeg is None:
            jpeg = jpegs.picture(self.sequence, **look)
        self.socket.send(fragments(jpeg))
        self.sequence += 1
        return self.sequence - 1

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RunningCamera:
    """A camera that sends on its own, at a rate, until it is stopped.

    ``draw`` makes each picture from its number. Numbers go on over a reconnect.
    """

    def __init__(
        self,
        server: Server,
        name: str,
        fps: float = 15.0,
        draw: Callable[[int], bytes] | None = None,
        **look: Any,
    ) -> None:
        self._server, self._name, self._interval = server, name, 1 / fps
        self._draw = draw or (lambda number: jpegs.picture(number, **look))
        self._stop = threading.Event()
        #: Number of the next picture.
        self.sequence = 0
        self.error: BaseException | None = None
        self.start()

    def start(self) -> None:
        """Connects and sends; again, after a stop."""
        self._stop.clear()
        self._camera = Camera(self._server, self._name)
        self._thread = threading.Thread(target=self._run, name=f"camera {self._name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hangs up, as a camera does that is switched off."""
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive(), "the camera hangs in a send"
        self._camera.close()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            try:
                self._camera.send(self._draw(self.sequence))
            except (ConnectionClosed, OSError) as error:
                self.error = error
                return
            self.sequence += 1
            # A camera that was held up does not catch up.
            due = max(due + self._interval, time.monotonic())

    def __enter__(self) -> RunningCamera:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
