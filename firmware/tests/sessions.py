#!/usr/bin/env python3
"""Replays console sessions on the virtual device through a pseudo-terminal and compares what it prints exactly.

sessions.py PROGRAM FILE...

A session file is what a person would see on the screen, and what is typed in it:

    # a comment
    @start ARGUMENTS      starts the program; {store} is a file that lasts for the session
    @until REGEX LINE     types LINE again and again until REGEX is found in the answer; shows nothing
    @keys KEYS            types these bytes, written as in Python (\\x7f, \\r); what is echoed is not compared
    cam> LINE             types LINE; the lines up to the next of these are exactly what must be answered
    <number>              in an answer stands for any whole number
"""

import os
import re
import select
import shlex
import subprocess
import sys
import tempfile
import termios
import time
import tty
from pathlib import Path

PROMPT = "cam> "
# Long for a machine under load; no pass criterion, only the end of waiting.
DEADLINE_S = 30.0


class SessionError(Exception):
    pass


class Device:
    """The program, and a terminal at its pseudo-terminal."""

    def __init__(self, program: str, arguments: list[str]) -> None:
        self.process = subprocess.Popen([program, "--pty", *arguments], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        path = self.process.stdout.readline().strip()
        if not path:
            raise SessionError(f"{program} prints no path, and ends with {self.process.wait()}")
        self.terminal = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.terminal, termios.TCSANOW)
        self.read_to_prompt()

    def read_to_prompt(self) -> str:
        seen = b""
        end = time.monotonic() + DEADLINE_S
        while not (seen == PROMPT.encode() or seen.endswith(b"\r\n" + PROMPT.encode())):
            ready, _, _ = select.select([self.terminal], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise SessionError(f"no prompt came after {seen.decode(errors='replace')!r}")
            chunk = os.read(self.terminal, 4096)
            if not chunk:
                raise SessionError(f"the program ended after {seen.decode(errors='replace')!r}")
            seen += chunk
        return seen.decode(errors="replace")[: -len(PROMPT)]

    def type(self, line: str) -> list[str]:
        """Types a line; the lines that answer it, without its echo."""
        os.write(self.terminal, line.encode() + b"\r")
        seen = self.read_to_prompt()
        echo = line + "\r\n"
        if not seen.startswith(echo):
            raise SessionError(f"the echo of {line!r} is {seen[:len(echo)]!r}")
        rest = seen[len(echo) :]
        if "\n" in rest.replace("\r\n", ""):
            raise SessionError(f"a line of {rest!r} ends without a carriage return")
        return rest.split("\r\n")[:-1] if rest else []

    def press(self, keys: str) -> list[str]:
        """Types bytes as they are; the lines behind the one that they are echoed in."""
        os.write(self.terminal, keys.encode("ascii").decode("unicode_escape").encode("latin-1"))
        return self.read_to_prompt().split("\r\n")[1:-1]

    def stop(self) -> None:
        os.close(self.terminal)
        self.process.terminate()
        status = self.process.wait(DEADLINE_S)
        if status != 0:
            raise SessionError(f"the program ends with status {status}")


def matches(wanted: str, got: str) -> bool:
    return re.fullmatch(re.escape(wanted).replace("<number>", r"-?\d+"), got) is not None


def compare(number: int, wanted: list[str], got: list[str]) -> None:
    if len(wanted) != len(got) or not all(map(matches, wanted, got)):
        shown = "\n".join(["expected:", *wanted, "got:", *got])
        raise SessionError(f"line {number}:\n{shown}")


def steps(path: Path) -> list[tuple[int, str, list[str]]]:
    """The lines that do something, each with the answer that is expected."""
    found: list[tuple[int, str, list[str]]] = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if line.startswith("#") or not (line or found):
            continue
        if line.startswith((PROMPT, "@")):
            found.append((number, line, []))
        elif found:
            found[-1][2].append(line)
        else:
            raise SessionError(f"line {number}: an answer to nothing")
    return found


def wait_until(device: Device, pattern: str, line: str) -> None:
    end = time.monotonic() + DEADLINE_S
    answer: list[str] = []
    while time.monotonic() < end:
        answer = device.type(line)
        if re.search(pattern, "\n".join(answer)):
            return
        time.sleep(0.05)
    raise SessionError(f"{line!r} never answered {pattern!r}, but {answer}")


def play(program: str, path: Path, store: str) -> None:
    device: Device | None = None
    try:
        for number, line, wanted in steps(path):
            if line.startswith("@start"):
                if device is not None:
                    device.stop()
                arguments = shlex.split(line.removeprefix("@start").replace("{store}", store))
                device = Device(program, arguments)
            elif device is None:
                raise SessionError(f"line {number}: nothing is started")
            elif line.startswith("@until "):
                pattern, _, typed = line.removeprefix("@until ").partition(" ")
                wait_until(device, pattern, typed)
            elif line.startswith("@keys "):
                compare(number, wanted, device.press(line.removeprefix("@keys ")))
            else:
                compare(number, wanted, device.type(line.removeprefix(PROMPT)))
    finally:
        if device is not None:
            device.stop()


def main() -> int:
    program, *files = sys.argv[1:]
    failed = 0
    for name in files:
        with tempfile.TemporaryDirectory() as folder:
            try:
                play(program, Path(name), os.path.join(folder, "store"))
                print(f"{name}: as expected")
            except SessionError as error:
                print(f"{name}: {error}", file=sys.stderr)
                failed += 1
    if not files:
        print("there are no sessions", file=sys.stderr)
    return 1 if failed or not files else 0


sys.exit(main())
