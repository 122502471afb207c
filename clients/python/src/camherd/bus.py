"""Frames out of shared memory: the connection that announces them, and the choice among them."""

from __future__ import annotations

import json

from .api import stream_path
from .errors import ConnectionLost, RingUnusable
from .feed import Feed
from .frames import Frame
from .net import NOW, Connection, ServerAddress, read_head, refusal, send_request
from .ring import Ring

#: One line of the server; a ring's description has some 300 bytes.
MAX_LINE = 64 * 1024
#: How often what has come is looked at before frames are, so that a flood of lines cannot hold a reader up.
MAX_DRAINS = 16
#: The longest line with a number: 20 digits are all that a 64-bit number has.
MAX_NUMBER = 21


class BusFeed(Feed):
    """The frame bus of one stream. While it is open, the server decodes."""

    transport = "shm"

    def __init__(
        self,
        address: ServerAddress,
        stream: str,
        query: dict[str, str],
        deadline: float,
        had: tuple[str, int] | None = None,
    ) -> None:
        """Connects; ``had`` is the ring and number of the last frame that the reader had.

        Raises ``ConnectionLost``, ``ServerRefused`` (status 501: there is no shared memory) and ``RingUnusable``.
        """
        self._had = had
        self._ring: Ring | None = None
        self._announced: int | None = None
        # Numbers of the last frame that was looked at, and of the last that was given.
        self._last: int | None = None
        self._given: int | None = None
        self._line = bytearray()
        self._chunk = memoryview(bytearray(MAX_LINE))
        self._connection = Connection(address, deadline)
        try:
            # HTTP/1.0, so that the lines come without chunks around them.
            target = address.target(f"{stream_path(stream)}/bus", query)
            send_request(self._connection, address, "GET", target, deadline)
            head = read_head(self._connection, deadline)
            if head.status != 200:
                raise refusal(self._connection, head, deadline)
            if "chunked" in head.headers.get("transfer-encoding", "").lower():
                raise RingUnusable("a proxy between here and the server changes the announcements of the frame bus")
        except BaseException:
            self._connection.close()
            raise

    @property
    def position(self) -> tuple[str, int] | None:
        """Ring and number of the last frame given."""
        if self._ring is None or self._given is None:
            return self._had
        return (self._ring.header.ring, self._given)

    def next(self, latest: bool, deadline: float) -> Frame | None:
        # A reader that keeps up has to wait for the next line. To look for one before would be a failed system call,
        # and an exception, for each frame.
        ring = self._ring
        if (
            deadline > NOW
            and ring is not None
            and ring.newest() == self._last
            and not self._connection.wait(deadline)
        ):
            return None
        while True:
            self._drain()
            ring = self._ring
            while ring is not None and (number := self._choose(ring, latest)) is not None:
                frame = ring.frame(number)
                self._last = number
                if frame is not None:
                    if self._given is not None:
                        frame.missed = number - self._given - 1
                    self._given = number
                    return frame
                # Overtaken: what is newest has moved on. Each turn leaves a number behind, so this ends.
            if not self._connection.wait(deadline):
                return None

    def _choose(self, ring: Ring, latest: bool) -> int | None:
        """Number of the frame to give; None when there is none that has not been looked at."""
        if self._announced is None:
            return None
        newest = max(self._announced, ring.newest() or 0)
        if self._last is None:
            return newest
        if newest <= self._last:
            return None
        # The slot after the newest may be being written. Who is that far behind goes on from the middle: one slot
        # further would be overtaken as well.
        slots = ring.header.slots
        if latest or newest - self._last > max(1, slots - 1):
            return newest if latest else max(self._last + 1, newest - slots // 2)
        return self._last + 1

    def _drain(self) -> None:
        """Takes in all lines that have come."""
        for _ in range(MAX_DRAINS):
            count = self._connection.receive_into(self._chunk, NOW)
            if count is None:
                return
            if count == 0:
                raise ConnectionLost(f"the server ended the frame bus{': ' if self.reason else ''}{self.reason}")
            data = self._chunk[:count].tobytes()
            if count <= MAX_NUMBER and not self._line and data[-1:] == b"\n" and data[:-1].isdigit():
                # What nearly always comes.
                self._announced = max(int(data), self._announced or 0)
                return
            *lines, rest = (bytes(self._line) + data).split(b"\n")
            if len(rest) > MAX_LINE:
                raise ConnectionLost("the frame bus sent an endless line; is it a camherd server?")
            self._line[:] = rest
            for line in lines:
                self._take(line.strip())
            if count < len(self._chunk):
                # That was all that was there, or what is left makes the next wait end at once.
                return

    def _take(self, line: bytes) -> None:
        if line.isdigit() and len(line) < MAX_NUMBER:
            self._announced = max(int(line), self._announced or 0)
            return
        if not line:
            return
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            raise ConnectionLost("the frame bus sent a line that is neither a number nor JSON") from None
        if isinstance(message, dict):
            if "ring" in message:
                self._open(message.get("path"), message["ring"])
            elif message.get("type") == "state":
                self.take_state(message)

    def _open(self, path: object, number: object) -> None:
        """Changes to another ring. Frames of the one before that were not given are gone."""
        if not isinstance(path, str) or not isinstance(number, str):
            raise RingUnusable("the server describes its shared memory in a way that is unknown here")
        ring = Ring(path, number.lower())
        self._last = self._given = self._announced = None
        if self._had is not None and self._had[0] == ring.header.ring:
            self._last = self._given = self._had[1]
        self._ring = ring
        self.size = (ring.header.width, ring.header.height)
        self.buffered = ring.header.slots

    def fileno(self) -> int:
        return self._connection.fileno()

    @property
    def has_unread(self) -> bool:
        return self._connection.has_unread

    def interrupt(self) -> None:
        self._connection.interrupt()

    def close(self, politely: bool = True) -> None:
        self._connection.close()
        # Whoever still has a frame keeps the memory.
        self._ring = None
