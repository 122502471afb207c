"""The Python package of the repository, for tests in this process and for readers in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from server import Server, clean_environment
from wait import eventually

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "clients/python/src"

sys.path.insert(0, str(SOURCES))

import camherd  # noqa: E402
import video_import  # noqa: E402

__all__ = ["ROOT", "SOURCES", "Got", "ReaderProcess", "camherd", "video_import"]

#: Reads each frame in order, and says of each which it was, as long as its standard input is open.
PROGRAM = """
import sys, threading
import camherd, test_picture
source, transport = sys.argv[1:]
capture = camherd.VideoCapture(source, transport=transport, latest=False, timeout=30)
if not capture.isOpened():
    sys.exit(f"cannot open it: {capture.reason}")
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
for frame in capture:
    print(capture.sequence, test_picture.read(frame).sequence, capture.dropped, flush=True)
    if over.is_set():
        break
"""


class Got(NamedTuple):
    """What a reader says of a frame."""

    #: The server's number.
    sequence: int
    #: The number that is drawn into the picture.
    picture: int
    #: Frames that the reader has missed so far.
    dropped: int


class ReaderProcess:
    """A program that reads every frame of a stream."""

    def __init__(self, server: Server, stream: str, transport: str) -> None:
        source = f"camherd://127.0.0.1:{server.port}/{stream}"
        path = os.pathsep.join([str(SOURCES), str(Path(__file__).parent)])
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, source, transport],
            env=clean_environment({"PYTHONPATH": path}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.got: list[Got] = []
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.got.append(Got(*map(int, line.split())))

    def wait_for(self, count: int) -> None:
        """Waits until it has had so many frames."""

        def had() -> bool:
            assert len(self.got) >= count, f"{len(self.got)} frames"
            return True

        eventually(had, f"{count} frames", 40)

    def kill(self) -> None:
        """SIGKILL, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._thread.join()

    def stop(self) -> list[Got]:
        """Has it end; what it got."""
        assert self._process.stdin is not None and self._process.stderr is not None
        self._process.stdin.close()
        status = self._process.wait(40)
        self._thread.join()
        assert status == 0, self._process.stderr.read()
        return self.got

    def __enter__(self) -> ReaderProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.kill()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
