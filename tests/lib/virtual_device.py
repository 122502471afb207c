"""The device's own logic as a program: `firmware/build/virtual-device`, with a console and a simulated network."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

from server import Server

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "firmware/build/virtual-device"


class VirtualDevice:
    """A device that has joined its network and sends to a server as ``name``; more ``lines`` for its console first."""

    def __init__(self, server: Server | None, name: str, *lines: str) -> None:
        assert PROGRAM.is_file(), f"{PROGRAM} is missing: `make -C firmware virtual-device` builds it"
        target = [f"stream set host 127.0.0.1 {server.port}", f"stream set name {name}"] if server else []
        runs = [word for line in ("wifi set Home password1", *lines, *target) for word in ("--run", line)]
        self._process = subprocess.Popen(
            [PROGRAM, *runs], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.append(line.rstrip("\n"))

    def type(self, line: str) -> None:
        """Types a line on its console."""
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def status(self, command: str, first: str) -> dict[str, str]:
        """The newest answer that begins with this key, after asking once more."""
        self.type(command)
        answers = [line for line in self._lines if line.startswith(f"{first}=")]
        return dict(pair.split("=", 1) for pair in answers[-1].split() if "=" in pair) if answers else {}

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(10)

    def __enter__(self) -> VirtualDevice:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
