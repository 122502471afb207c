"""RTSP cameras that share no code with camherd: gst-rtsp-server in a process of its own, and one that talks rubbish.

    with RtspServer(codec="h264", profile="high", size=(640, 480), fps=30, gop=30) as camera:
        camera.url

The pictures carry the strip of docs/ref/test-picture.md; ``test_source.draw`` gives them as they were sent.
Needs the Debian packages python3-gi, gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-base, -good, -bad and -ugly.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from types import TracebackType

from sockets import hang_up

SCRIPT = Path(__file__).with_name("gst_rtsp_server.py")
#: The Python that the distribution's GStreamer bindings belong to.
SYSTEM_PYTHON = "/usr/bin/python3"
#: A start that takes longer has gone wrong, also on a busy machine; in seconds.
START_TIMEOUT = 30.0
#: Path of the stream.
PATH = "/test"


class RtspServer:
    """A camera. ``auth`` is ``None``, ``"basic"`` or ``"digest"``; ``transport`` is ``"tcp"``, ``"udp"`` or ``"any"``."""

    def __init__(
        self,
        codec: str = "h264",
        profile: str = "high",
        size: tuple[int, int] = (640, 480),
        fps: int = 30,
        gop: int = 30,
        bframes: int = 0,
        auth: str | None = None,
        user: str = "admin",
        password: str = "s3cret:p@ss",
        transport: str = "any",
        loss: float = 0.0,
        config_interval: int = 0,
    ) -> None:
        self.codec, self.size, self.fps = codec, size, fps
        self.user, self.password, self.auth = user, password, auth
        #: Known after the first start, and kept by the next ones.
        self.port = 0
        self._first = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()
        self._arguments = ["--codec", codec, "--profile", profile, "--bframes", str(bframes)]
        self._arguments += ["--width", str(size[0]), "--height", str(size[1]), "--fps", str(fps), "--gop", str(gop)]
        self._arguments += ["--transport", transport, "--loss", str(loss)]
        self._arguments += ["--config-interval", str(config_interval)]
        if auth:
            self._arguments += ["--auth", auth, user, password]

    @property
    def bare_url(self) -> str:
        """The URL without user name and password."""
        return f"rtsp://127.0.0.1:{self.port}{PATH}"

    @property
    def url(self) -> str:
        """The URL, with user name and password where they are asked for."""
        if not self.auth:
            return self.bare_url
        quoted = "".join(c if c.isalnum() else f"%{ord(c):02X}" for c in self.password)
        return f"rtsp://{self.user}:{quoted}@127.0.0.1:{self.port}{PATH}"

    @property
    def log(self) -> str:
        """What the server has complained about so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def start(self) -> None:
        """Starts it, on the port that it had; the numbers of the pictures do not begin anew."""
        assert self._process is None, "it is running"
        command = [SYSTEM_PYTHON, str(SCRIPT), "--port", str(self.port), "--first", str(self._first), *self._arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, env=_environment()
        )
        # So far apart that no number comes twice.
        self._first += 1_000_000
        line = _line(self._process)
        if not line.startswith("port "):
            self.stop()
            raise RuntimeError(f"the RTSP server does not start ({line!r}):\n{self.log}")
        self.port = int(line.split()[1])

    def stop(self) -> None:
        """Ends it at once: its connections are closed, nobody is told goodbye."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def restart(self) -> None:
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Connections stay open, and nothing comes any more."""
        self._running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running.send_signal(signal.SIGCONT)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it is not running"
        return self._process

    def __enter__(self) -> RtspServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._log.close()


def _environment() -> dict[str, str]:
    """The environment without that of a virtual Python."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}


def _line(process: subprocess.Popen[bytes]) -> str:
    """The first line that it prints; empty when it prints none in time."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return process.stdout.readline().decode() if selector.select(START_TIMEOUT) else ""


class GarbageServer:
    """A TCP server that answers the first request of each connection with ``answer`` and then closes or waits."""

    def __init__(self, answer: bytes, close: bool = True) -> None:
        self.answer, self._close = answer, close
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        #: How many connections there were.
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}{PATH}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # It was closed.
            self.connections += 1
            self._open.append(connection)
            try:
                connection.recv(4096)
                connection.sendall(self.answer)
                if self._close:
                    connection.close()
            except OSError:
                pass  # The other side has had enough.

    def __enter__(self) -> GarbageServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sock in [self._listener, *self._open]:
            hang_up(sock)
