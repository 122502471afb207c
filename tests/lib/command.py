"""Commands of the binary that come to an end: `grab` and `push`."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any, Mapping

import memory
from server import clean_environment

#: A command that runs longer hangs; in seconds.
TIMEOUT = 40.0


class Command:
    """A running command with pipes; use it in a `with` block."""

    def __init__(self, binary: Path, directory: Path, *arguments: str, stdin: Any = subprocess.DEVNULL,
                 env: Mapping[str, str] | None = None) -> None:
        self.popen = subprocess.Popen(
            [str(binary), *arguments], cwd=directory, env=clean_environment(env), stdin=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def end(self, timeout: float = TIMEOUT) -> tuple[int, bytes, str]:
        """Waits for its end: exit status, standard output, standard error."""
        out, err = self.popen.communicate(timeout=timeout)
        text = err.decode(errors="replace")
        assert "panicked" not in text, text
        return self.popen.returncode, out, text

    def resident_mib(self) -> float:
        """Memory that it holds, in MiB."""
        return memory.resident_mib(self.popen.pid)

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
        for pipe in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if pipe is not None and not pipe.closed:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass  # What was not written any more.
        self.popen.wait()


def run(binary: Path, directory: Path, *arguments: str, stdin: bytes | None = None, **options: Any) -> tuple[int, bytes, str]:
    """Runs a command to its end: exit status, standard output, standard error."""
    with Command(binary, directory, *arguments, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL, **options) as command:
        out, err = command.popen.communicate(input=stdin, timeout=TIMEOUT)
        text = err.decode(errors="replace")
        assert "panicked" not in text, text
        return command.popen.returncode, out, text


def pipe() -> tuple[int, Any]:
    """A pipe whose reading end is for a command, and whose writing end is a file without a buffer."""
    reading, writing = os.pipe()
    return reading, os.fdopen(writing, "wb", buffering=0)
