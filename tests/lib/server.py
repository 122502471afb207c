"""The real binary in a directory of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any, Mapping

import http_client
import memory
from wait import eventually

#: A start or an end that takes longer has gone wrong, also on a busy machine; in seconds.
START_TIMEOUT = 20.0
STOP_TIMEOUT = 15.0

#: Variables that would change what the binary does.
OWN_VARIABLES = re.compile(r"^(CAMHERD_.*|RUST_LOG|LOG_LEVEL)$")


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without what camherd reads, and with ``extra``."""
    kept = {name: value for name, value in os.environ.items() if not OWN_VARIABLES.match(name)}
    return {**kept, "RUST_BACKTRACE": "1", **(extra or {})}


class Process:
    """A camherd process whose output goes to files."""

    def __init__(
        self,
        binary: Path,
        directory: Path,
        arguments: list[str],
        env: Mapping[str, str] | None = None,
    ) -> None:
        number = len(list(directory.glob("stdout.*")))
        self._paths = (directory / f"stdout.{number}", directory / f"stderr.{number}")
        with self._paths[0].open("wb") as out, self._paths[1].open("wb") as err:
            self._popen = subprocess.Popen(
                [str(binary), *arguments],
                cwd=directory,
                env=clean_environment(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def stdout(self) -> str:
        """What it has printed so far."""
        return self._paths[0].read_text(errors="replace")

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self._paths[1].read_text(errors="replace")

    def wait_logged(self, *parts: str) -> None:
        """Waits until the log has every one of ``parts``: a line is written a moment after what it tells of is seen."""

        def logged() -> bool:
            missing = [part for part in parts if part not in self.log]
            assert not missing, f"{missing} not in the log:\n{self.log}"
            return True

        eventually(logged, "the log")

    @property
    def returncode(self) -> int | None:
        """Its exit status, once it has ended."""
        return self._popen.poll()

    def signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def wait(self, timeout: float = STOP_TIMEOUT) -> int:
        """Waits for its end and gives the exit status."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout:g} s\n{self.log}") from None

    def stop(self) -> int:
        """Asks it to end, and gives the exit status."""
        if self.returncode is None:
            self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """Ends it whatever it does."""
        if self.returncode is None:
            self._popen.kill()
            self._popen.wait()

    def assert_healthy(self) -> None:
        """Fails when it has panicked."""
        assert "panicked" not in self.log, self.log

    def resident_mib(self) -> float:
        """Memory that it holds, in MiB."""
        return memory.resident_mib(self.pid)

    def threads(self) -> list[str]:
        """The names of its threads, as far as the system keeps them (15 characters)."""
        names = []
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            try:
                names.append((task / "comm").read_text().strip())
            except (FileNotFoundError, ProcessLookupError):
                pass  # It has ended meanwhile, before its file was opened or after.
        return names


class Server(Process):
    """A server that is ready: it has said where it listens."""

    def __init__(
        self,
        binary: Path,
        directory: Path,
        arguments: list[str],
        env: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(binary, directory, arguments, env)
        self.port = eventually(self._find_port, "the greeting with the address", START_TIMEOUT)
        #: Where to reach it from this machine.
        self.address = ("127.0.0.1", self.port)

    def _find_port(self) -> int:
        if self.returncode is not None:
            self.kill()
            raise RuntimeError(f"camherd ended with {self.returncode} at its start:\n{self.log}")
        match = re.search(r"^  watch +http://\S+:(\d+)/\n  cameras.*\n", self.stdout, re.MULTILINE)
        return int(match[1]) if match else 0

    @property
    def http(self) -> str:
        """``http://HOST:PORT``."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        """``ws://HOST:PORT``."""
        return f"ws://127.0.0.1:{self.port}"

    def request(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = 15.0,
    ) -> http_client.Response:
        return http_client.request(self.address, method, target, headers, body, timeout)

    def get(
        self, target: str, headers: Mapping[str, str] | None = None, timeout: float = 15.0
    ) -> http_client.Response:
        return self.request("GET", target, headers, None, timeout)

    @property
    def token(self) -> str:
        """The token of the sign-in link that a first start prints, as its last line."""

        def find() -> str:
            match = re.search(r"^  sign in +\S+/sign-in\?token=(chd_[0-9a-f]{64})$", self.stdout, re.MULTILINE)
            assert match, f"no link to sign in:\n{self.stdout}"
            return match[1]

        return eventually(find, "the link to sign in")

    def open(self, target: str, headers: Mapping[str, str] | None = None) -> http_client.Stream:
        """An answer without end."""
        return http_client.Stream(self.address, target, headers)

    def status(self) -> dict[str, Any]:
        """``GET /status``."""
        answer = self.get("/status")
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def streams(self) -> dict[str, dict[str, Any]]:
        """The streams of ``/status`` by name."""
        return {stream["name"]: stream for stream in self.status()["streams"]}

    def stream(self, name: str) -> dict[str, Any]:
        """One stream of ``/status``."""
        streams = self.streams()
        assert name in streams, f"no stream {name} among {list(streams)}"
        return streams[name]

    def active(self, name: str) -> list[str]:
        """The renditions of a stream that somebody writes now."""
        return [r["name"] for r in self.stream(name)["renditions"] if r["active"]]

    def wait_live(self, name: str, timeout: float = 10.0) -> dict[str, Any]:
        """Waits until pictures come."""

        def live() -> dict[str, Any] | None:
            stream = self.stream(name)
            assert stream["state"] == "live", stream
            return stream

        return eventually(live, f"{name} is live", timeout)
