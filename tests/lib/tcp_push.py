"""Cameras that push over plain TCP, to port 12345 as a rule: as devices speak, and as they should not.

A connection begins with three little-endian int32: the stream's number, the type and the quality. Messages follow,
each a little-endian int32 with its size and so many bytes; a size of 0 says that the sender is done.
"""

from __future__ import annotations

import contextlib
import random
import re
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Callable, Iterator

import jpegs
from server import Process, Server
from wait import eventually
from websocket import connect

if TYPE_CHECKING:
    from conftest import Processes

#: Types.
MJPEG, H264 = 0, 1
#: Qualities.
LOW, HIGH = 0, 1
DONE = bytes(4)
#: The flag of a server that takes such cameras at a port of the system's choice.
LISTEN = ("--tcp-push-listen", "127.0.0.1:0")
#: The largest message that is taken.
MOST = 10 << 20

Address = tuple[str, int]


def push_address(server: Process) -> Address:
    """Where the server takes cameras that push; it says so when it starts."""

    def find() -> Address | None:
        said = re.search(r"^  push +tcp://\S+:(\d+)/NUMBER$", server.stdout, re.MULTILINE)
        return ("127.0.0.1", int(said[1])) if said else None

    return eventually(find, "the address for cameras that push")


def header(number: int, kind: int = MJPEG, quality: int = HIGH) -> bytes:
    """What a connection begins with; any int32 will do."""
    return struct.pack("<3i", number, kind, quality)


def size(length: int) -> bytes:
    """What is in front of so many bytes, or says so; any int32 will do."""
    return struct.pack("<i", length)


def message(payload: bytes) -> bytes:
    """A picture, or a piece of video."""
    return size(len(payload)) + payload


def marked(jpeg: bytes, number: int) -> bytes:
    """The same picture with a number in a comment, which makes its bytes unlike those of any other."""
    return jpeg[:2] + struct.pack(">BBHQ", 0xFF, jpegs.COM, 10, number) + jpeg[2:]


def mark_of(jpeg: bytes) -> int:
    """The number that ``marked`` put into it."""
    return struct.unpack_from(">Q", jpeg, 6)[0]


class Pusher:
    """A camera that sends when it is told to; it has sent its header unless there is no ``number``."""

    def __init__(
        self,
        address: Address,
        number: int | None = 0,
        kind: int = MJPEG,
        quality: int = HIGH,
        *,
        source: str | None = None,
        timeout: float = 15.0,
    ) -> None:
        self.sock = connect(address, source, timeout=timeout)
        if number is not None:
            self.send_raw(header(number, kind, quality))

    def send(self, payload: bytes) -> None:
        """One message."""
        self.send_raw(message(payload))

    def send_raw(self, data: bytes) -> None:
        """Whatever it is."""
        self.sock.sendall(data)

    def done(self) -> None:
        """Says that it is done, and stays connected."""
        self.send_raw(DONE)

    def wait_closed(self, timeout: float = 15.0) -> None:
        """Waits until the server hangs up; fails if it says anything, as this protocol has no answers."""
        self.sock.settimeout(timeout)
        try:
            said = self.sock.recv(1)
        except (ConnectionResetError, BrokenPipeError):
            return
        except TimeoutError:
            raise AssertionError(f"still connected after {timeout:g} s") from None
        assert said == b"", f"the server said {said!r}"

    def is_open(self) -> bool:
        """Whether the server has not hung up."""
        self.sock.setblocking(False)
        try:
            return self.sock.recv(1) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self.sock.setblocking(True)

    def close(self) -> None:
        """Hangs up."""
        self.sock.close()

    def abort(self) -> None:
        """Hangs up with a reset, as a device that has restarted seems to do."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def __enter__(self) -> Pusher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RunningPusher:
    """A camera that sends on its own, at a rate, until it is stopped or the server hangs up.

    ``payload`` makes each message from its number. Numbers go on over a restart.
    """

    def __init__(
        self,
        address: Address,
        number: int,
        kind: int = MJPEG,
        quality: int = HIGH,
        *,
        fps: float = 15.0,
        payload: Callable[[int], bytes] = jpegs.picture,
        source: str | None = None,
    ) -> None:
        self._how = (address, number, kind, quality)
        self._source, self._interval, self._payload = source, 1 / fps, payload
        #: Number of the next message.
        self.sequence = 0
        #: Each message with the monotonic time at which it was about to be sent.
        self.sent: list[tuple[float, bytes]] = []
        self.error: OSError | None = None
        self.start()

    def start(self) -> None:
        """Connects and sends; again, after a stop."""
        self._stop = threading.Event()
        self._pusher = Pusher(*self._how, source=self._source)
        self._thread = threading.Thread(target=self._run, name=f"pusher {self._how[1]}", daemon=True)
        self._thread.start()

    def stop(self, *, done: bool = False) -> None:
        """Stops at the end of a message; ``done`` says so before it hangs up."""
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive(), "the sender hangs in a send"
        if done and self.error is None:
            self._pusher.done()
        self._pusher.close()

    def fall_silent(self) -> None:
        """Sends no more, and stays connected."""
        self._stop.set()
        self._thread.join(20)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            payload = self._payload(self.sequence)
            self.sent.append((time.monotonic(), payload))
            try:
                self._pusher.send(payload)
            except OSError as error:
                self.error = error
                return
            self.sequence += 1
            # A camera that was held up does not catch up.
            due = max(due + self._interval, time.monotonic())

    def __enter__(self) -> RunningPusher:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def cuts(data: bytes, how: Callable[[], int]) -> Iterator[bytes]:
    """``data`` in pieces as long as ``how`` says."""
    at = 0
    while at < len(data):
        length = how()
        yield data[at : at + length]
        at += length


def random_lengths(seed: int, most: int) -> Callable[[], int]:
    """Lengths from 1 to ``most``, the same each time."""
    chance = random.Random(seed)
    return lambda: chance.randint(1, most)


@contextlib.contextmanager
def outliving(processes: Processes, *flags: str) -> Iterator[Server]:
    """A server for many tests, which must outlive them."""
    server = processes.serve(*flags)
    try:
        yield server
        died = server.returncode
    finally:
        processes.end()
    assert died is None, f"the server died with {died}\n{server.log}"


def snapshot(server: Server, name: str) -> bytes:
    """The newest picture of a stream that is live."""
    answer = server.get(f"/streams/{name}/snapshot.jpg")
    assert answer.status == 200, answer.body
    return answer.body


def wait_count(server: Server, stream: str, kind: str, least: int = 1) -> str:
    """Waits until so many things of a kind were dropped; gives the words for the last of all."""

    def counted() -> bool:
        dropped = server.stream(stream)["dropped"]
        assert dropped.get(kind, 0) >= least, dropped
        return True

    eventually(counted, f"{kind} of {stream}")
    return server.stream(stream)["last_error"]


def wait_refused(server: Server, *parts: str) -> dict[str, object]:
    """Waits until a camera is in the list of those that were turned away, for a reason with these parts."""

    def refused() -> dict[str, object] | None:
        reasons = server.status()["refused_cameras"]
        for entry in reasons:
            if all(part in entry["reason"] for part in parts):
                return entry
        raise AssertionError(f"{parts} in none of {reasons}")

    return eventually(refused, f"refused: {parts}")
