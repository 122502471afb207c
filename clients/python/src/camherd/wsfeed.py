"""Frames over a WebSocket, for programs on other machines and where there is no shared memory."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import ConnectionLost
from .feed import Feed
from .frames import ArrayPool, Frame, Pixels, WireFrame, array_shape, frame_bytes
from .net import NOW, ServerAddress
from .source import MAX_SIDE, MIN_SIDE
from .websocket import BINARY, TEXT, Collected, Message, Sink, WebSocket

#: A JPEG frame. Cameras send up to 10 MiB, and one the server made at 8192x8192 has less than this.
MAX_JPEG = 64 * 1024 * 1024
#: A server pings after 10 s of silence; after so many seconds without anything the network in between has gone.
MAX_SILENCE = 30.0
#: A frame that waited in the connection's buffers is stale when it is later than one that did not wait by this, in
#: seconds: more than a network's jitter, less than a person notices.
STALE = 0.1
#: How long to wait for a fresher one then, in seconds: a frame at 4 fps. A slower camera has nothing fresher.
PATIENCE = 0.25
#: Each so often the difference to the server's clock is asked for, in seconds; two clocks drift apart by 3 ms in it.
CLOCK_INTERVAL = 30.0
#: A round trip that took longer says too little of the clock, in seconds.
MAX_ROUND_TRIP = 0.25


class _FrameMemory:
    """Memory for a frame of pixels, whose size is known before it comes."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels
        self._bytes = pixels.data.cast("B")
        self._filled = 0

    def reserve(self, count: int) -> memoryview:
        begin, end = self._filled, self._filled + count
        if end > len(self._bytes):
            raise ConnectionLost(f"the server sent a frame of more than the {len(self._bytes)} bytes that it announced")
        self._filled = end
        return self._bytes[begin:end]

    @property
    def complete(self) -> bool:
        return self._filled == len(self._bytes)


class WebSocketFeed(Feed):
    """One stream over a WebSocket. While it is open, the server decodes."""

    transport = "websocket"

    def __init__(
        self,
        address: ServerAddress,
        stream: str,
        query: Mapping[str, str],
        pool: ArrayPool,
        deadline: float,
    ) -> None:
        """Connects. Raises ``ConnectionLost`` and ``ServerRefused``."""
        self._format = query["format"]
        self._pool = pool
        target = address.target(f"/ws/{stream}", {**query, "meta": "1"})
        self._websocket = WebSocket(address, target, deadline)
        self._announced: Mapping[str, Any] | None = None
        self._missed = 0
        #: How far the server's clock is ahead of ours, nanoseconds.
        self._clock_ahead_ns = 0
        self._clock_asked: float | None = None
        #: Age of a frame that did not wait in any buffer, seconds.
        self._least_age: float | None = None
        #: When the reader got its last answer, ``time.monotonic()``.
        self._returned = time.monotonic()

    def next(self, latest: bool, deadline: float) -> Frame | None:
        newest: WireFrame | None = None
        # Only a reader that was away lets buffers fill; when the network is what is slow, nothing fresher is to be had.
        away = time.monotonic() - self._returned > STALE
        patience: float | None = None
        self._ask_clock()
        while True:
            waited = False
            frame = self._receive(NOW)
            if frame is None and newest is not None:
                if not (away and self._is_stale(newest)):
                    break
                patience = patience or time.monotonic() + PATIENCE
                frame = self._receive(patience)
            elif frame is None:
                waited = self._announced is None and not self._websocket.in_message
                frame = self._receive(deadline)
            if frame is None:
                break
            if waited:
                # Nothing of it had come when the wait began: it has not lain in a buffer.
                self._least_age = frame.age()
            if newest is not None:
                frame.missed += newest.missed + 1
            newest = frame
            if waited or not latest:
                break
        if newest is None:
            self._check_silence()
        self._returned = time.monotonic()
        return newest

    def _is_stale(self, frame: WireFrame) -> bool:
        """Whether the server has surely sent a newer one meanwhile, which full buffers kept back."""
        return self._least_age is not None and frame.age() > self._least_age + STALE

    def _check_silence(self) -> None:
        if time.monotonic() - self._websocket.heard > MAX_SILENCE:
            raise ConnectionLost(f"nothing came from the server for {MAX_SILENCE:.0f} s")

    def _receive(self, deadline: float) -> WireFrame | None:
        """The next frame; takes in what the server says in between."""
        while True:
            message = self._websocket.receive(deadline, self._sink)
            if message is None:
                return None
            if message.opcode == BINARY:
                return self._frame(message)
            if message.opcode == TEXT and isinstance(message.sink, Collected):
                self._take(bytes(message.sink.take()))

    def _take(self, text: bytes) -> None:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            raise ConnectionLost("the server sent a message that is not JSON") from None
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "frame":
            self._announced = message
        elif kind == "state":
            self.take_state(message)
        elif kind == "dropped":
            self._missed += _integer(message, "missed")
        elif kind == "pong":
            self._take_clock(message)

    def _sink(self, length: int) -> Sink:
        """Memory for the frame that the last message announced."""
        if self._announced is None:
            raise ConnectionLost("the server sent a frame without saying which; it may be too old for this package")
        size = (_integer(self._announced, "width"), _integer(self._announced, "height"))
        if not all(MIN_SIDE <= side <= MAX_SIDE for side in size):
            raise ConnectionLost(f"the server announced a frame of {size[0]}x{size[1]}")
        self.size = size
        if self._format == "jpeg":
            return Collected(MAX_JPEG)
        if length > frame_bytes(self._format, *size):
            raise ConnectionLost(f"the server sent {length} bytes for a frame of {size[0]}x{size[1]} {self._format}")
        return _FrameMemory(self._pool.take(array_shape(self._format, *size)))

    def _frame(self, message: Message) -> WireFrame:
        announced, self._announced = self._announced or {}, None
        sink = message.sink
        if isinstance(sink, _FrameMemory):
            if not sink.complete:
                raise ConnectionLost("the server sent a frame that is too short")
            data, jpeg = sink.pixels, False
        elif isinstance(sink, Collected):
            data, jpeg = np.frombuffer(sink.take(), np.uint8), True
        else:
            raise ConnectionLost("the server sent a frame of an unknown kind")
        size = (_integer(announced, "width"), _integer(announced, "height"))
        captured_ns = int(_number(announced, "captured") * 1e6)
        frame = WireFrame(_integer(announced, "seq"), size, captured_ns, self._clock_ahead_ns, data, jpeg)
        frame.missed, self._missed = self._missed, 0
        return frame

    def _ask_clock(self) -> None:
        """Asks what time it is at the server; on the same machine it is the same."""
        now = time.monotonic()
        if self._websocket.connection.same_machine:
            return
        if self._clock_asked is None or now - self._clock_asked > CLOCK_INTERVAL:
            self._clock_asked = now
            self._websocket.send(TEXT, json.dumps({"type": "ping", "t": now}).encode())

    def _take_clock(self, message: Mapping[str, Any]) -> None:
        round_trip = time.monotonic() - _number(message, "t")
        if 0 <= round_trip <= MAX_ROUND_TRIP:
            then_ns = time.time_ns() - int(round_trip / 2 * 1e9)
            self._clock_ahead_ns = int(_number(message, "now") * 1e6) - then_ns

    def fileno(self) -> int:
        return self._websocket.connection.fileno()

    @property
    def has_unread(self) -> bool:
        return self._websocket.connection.has_unread

    def interrupt(self) -> None:
        self._websocket.connection.interrupt()

    def close(self, politely: bool = True) -> None:
        self._websocket.close(politely)


def _integer(message: Mapping[str, Any], name: str) -> int:
    value = message.get(name)
    return value if isinstance(value, int) and 0 <= value < 2**63 else 0


def _number(message: Mapping[str, Any], name: str) -> float:
    value = message.get(name)
    # Beyond 1e15 ms, in the year 33658, nanoseconds do not fit into 64 bits.
    return float(value) if isinstance(value, (int, float)) and abs(value) < 1e15 else 0.0
