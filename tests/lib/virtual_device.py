"""The device's own logic as a program: `firmware/build/virtual-device`, with a console and a simulated network."""

from __future__ import annotations

import queue
import re
import subprocess
import threading
import time
from pathlib import Path
from typing import NamedTuple, Sequence

import memory
from server import Server

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "firmware/build/virtual-device"
#: The longest that it may take to answer or to end, in seconds.
PATIENCE = 60.0


class VirtualDevice:
    """A device that has joined its network and sends to a server as ``name``; more ``lines`` for its console first.

    ``flags`` are the program's.
    """

    def __init__(self, server: Server | None, name: str, *lines: str, flags: Sequence[str | Path] = ()) -> None:
        assert PROGRAM.is_file(), f"{PROGRAM} is missing: `make -C firmware virtual-device` builds it"
        target = [f"stream set name {name}", f"stream set host 127.0.0.1 {server.port}"] if server else []
        runs = [word for line in ("wifi set Home password1", *lines, *target) for word in ("--run", line)]
        self._process = subprocess.Popen(
            [PROGRAM, *flags, *runs], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._keep(line.rstrip("\n"))

    def _keep(self, line: str) -> None:
        """Called on the reader's thread with each line that the console prints."""
        self._lines.append(line)

    def type(self, line: str) -> None:
        """Types a line on its console."""
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def status(self, command: str, first: str) -> dict[str, str]:
        """The newest answer that begins with this key, after asking once more."""
        self.type(command)
        answers = [line for line in self._lines if line.startswith(f"{first}=")]
        pairs = re.findall(r'(\w+)=("[^"]*"|\S*)', answers[-1]) if answers else []
        return {key: value.strip('"') for key, value in pairs}

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(10)

    def __enter__(self) -> VirtualDevice:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Sample(NamedTuple):
    """What the device's console said, and when it was asked and had answered, on the clock of ``time.monotonic``."""

    asked: float
    answered: float
    ws: str
    now_fps: int
    captured: int
    sent: int
    replaced: int
    stale: int
    failed: int
    camera_errors: int
    connects: int


class MeasuredDevice(VirtualDevice):
    """A device that is asked again and again, for as long as it runs."""

    QUESTIONS = "stream status", "cam status", "sys info"

    def __init__(self, server: Server | None, name: str, *lines: str) -> None:
        self._answers: queue.Queue[str] = queue.Queue()
        super().__init__(server, name, *lines)

    def _keep(self, line: str) -> None:
        self._answers.put(line)

    def ask(self) -> Sample:
        """One look at it. Nobody else may ask meanwhile."""
        asked = time.monotonic()
        self.type("\n".join(self.QUESTIONS))
        facts: dict[str, str] = {}
        while "connects" not in facts:
            line = self._answers.get(timeout=PATIENCE)
            if re.match("(host|power|id)=", line):
                facts.update(re.findall(r'(\w+)=("[^"]*"|\S*)', line))
        counts = [int(facts[name]) for name in Sample._fields[3:]]
        return Sample(asked, time.monotonic(), facts["ws"], *counts)

    @property
    def returncode(self) -> int | None:
        """Its exit status, once it has ended."""
        return self._process.poll()

    def resident_mib(self) -> float:
        """Memory that it holds, in MiB."""
        return memory.resident_mib(self._process.pid)

    def stop(self) -> int:
        """Asks it to end, and gives the exit status."""
        self._process.terminate()
        return self._process.wait(PATIENCE)
