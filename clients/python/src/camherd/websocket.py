"""A WebSocket client (RFC 6455, version 13, no extensions) that receives straight into the memory meant for it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import struct
import time
from typing import Callable, NamedTuple, Protocol

from .errors import ConnectionLost
from .net import NOW, Connection, Head, ServerAddress, read_head, refusal, send_request

#: RFC 6455, section 1.3.
_ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
#: A text message; the server's have some 200 bytes.
MAX_TEXT = 64 * 1024
#: A control frame's payload, by section 5.5.
MAX_CONTROL = 125
#: How long an answer to a ping may take to be sent, in seconds.
SEND_TIMEOUT = 5.0


class Sink(Protocol):
    """Memory for one message."""

    def reserve(self, count: int) -> memoryview:
        """Where the next ``count`` bytes go. Raises ``ConnectionLost`` when that is more than is taken."""


class Collected:
    """Memory that grows with its message, up to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytearray] = []
        self._length = 0

    def reserve(self, count: int) -> memoryview:
        self._length += count
        if self._length > self._limit:
            raise ConnectionLost(f"the server sent a message of more than {self._limit} bytes")
        self._parts.append(bytearray(count))
        return memoryview(self._parts[-1])

    def take(self) -> bytearray:
        """The message."""
        return self._parts[0] if len(self._parts) == 1 else bytearray().join(self._parts)


class Message(NamedTuple):
    """A whole message, in the sink that was made for it."""

    opcode: int
    sink: Sink


class WebSocket:
    """A connection after its handshake."""

    def __init__(self, address: ServerAddress, target: str, deadline: float) -> None:
        """Connects. Raises ``ConnectionLost``, and ``ServerRefused`` for an error instead of the upgrade."""
        self.connection = Connection(address, deadline)
        try:
            self._handshake(address, target, deadline)
        except BaseException:
            self.connection.close()
            raise
        self._head = bytearray(14)
        self._head_have = 0
        # Of the frame being received: where it goes and how much of that is there.
        self._frame: memoryview | None = None
        self._frame_have = 0
        self._fin = False
        self._opcode = 0
        self._control: bytearray | None = None
        # The message being received; control frames may come in between.
        self._message: Message | None = None
        #: When something came last, ``time.monotonic()``.
        self.heard = time.monotonic()

    def _handshake(self, address: ServerAddress, target: str, deadline: float) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key,
        }
        send_request(self.connection, address, "GET", target, deadline, version="1.1", headers=upgrade)
        head: Head = read_head(self.connection, deadline)
        if head.status != 101:
            raise refusal(self.connection, head, deadline)
        expected = base64.b64encode(hashlib.sha1((key + _ACCEPT_SUFFIX).encode()).digest()).decode()
        if head.headers.get("sec-websocket-accept") != expected:
            raise ConnectionLost("the server's WebSocket handshake is not valid")

    @property
    def in_message(self) -> bool:
        """Whether a part of a message has come."""
        return self._message is not None or self._frame is not None or self._head_have > 0

    def receive(self, deadline: float, sink_for: Callable[[int], Sink]) -> Message | None:
        """The next text or binary message; None when the deadline passed, and then it goes on from there.

        ``sink_for`` makes the memory for a binary message; it gets the length of the message's first frame.
        Raises ``ConnectionLost``.
        """
        while True:
            if self._frame is None and not self._receive_head(deadline, sink_for):
                return None
            if not self._receive_payload(deadline):
                return None
            control, self._frame, self._frame_have = self._control, None, 0
            if control is not None:
                self._control = None
                self._answer(self._opcode, bytes(control))
            elif self._fin:
                message, self._message = self._message, None
                return message

    def _receive_head(self, deadline: float, sink_for: Callable[[int], Sink]) -> bool:
        """Receives exactly a frame's head, so that its payload can go where it belongs."""
        while self._head_have < (need := self._head_length()):
            view = memoryview(self._head)[self._head_have : need]
            count = self._receive_into(view, deadline)
            if count is None:
                return False
            self._head_have += count
        self._head_have = 0
        self._begin_frame(sink_for)
        return True

    def _head_length(self) -> int:
        if self._head_have < 2:
            return 2
        return {126: 4, 127: 10}.get(self._head[1] & 0x7F, 2)

    def _begin_frame(self, sink_for: Callable[[int], Sink]) -> None:
        first, second = self._head[0], self._head[1]
        self._fin, self._opcode = bool(first & 0x80), first & 0x0F
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack_from(">H", self._head, 2)
        elif length == 127:
            (length,) = struct.unpack_from(">Q", self._head, 2)
        if first & 0x70:
            raise ConnectionLost("the server uses a WebSocket extension that was not asked for")
        if second & 0x80:
            raise ConnectionLost("the server masks its frames, as only a client may")
        if self._opcode >= CLOSE:
            if not self._fin or length > MAX_CONTROL:
                raise ConnectionLost("the server sent a control frame that is not valid")
            self._control = bytearray(length)
            self._frame = memoryview(self._control)
            return
        if self._opcode == CONTINUATION:
            if self._message is None:
                raise ConnectionLost("the server continues a message that it did not begin")
        elif self._message is not None:
            raise ConnectionLost("the server began a message within another")
        elif self._opcode == TEXT:
            self._message = Message(TEXT, Collected(MAX_TEXT))
        elif self._opcode == BINARY:
            self._message = Message(BINARY, sink_for(length))
        else:
            raise ConnectionLost(f"the server sent a frame of the unknown kind {self._opcode}")
        self._frame = self._message.sink.reserve(length)

    def _receive_payload(self, deadline: float) -> bool:
        frame = self._frame
        while frame is not None and self._frame_have < len(frame):
            count = self._receive_into(frame[self._frame_have :], deadline)
            if count is None:
                return False
            self._frame_have += count
        return True

    def _receive_into(self, view: memoryview, deadline: float) -> int | None:
        count = self.connection.receive_into(view, deadline)
        if count == 0:
            raise ConnectionLost("the server ended the connection")
        if count is not None:
            self.heard = time.monotonic()
        return count

    def _answer(self, opcode: int, payload: bytes) -> None:
        """To a control frame. Raises ``ConnectionLost`` for a close, with the server's reason."""
        if opcode == PING:
            self.send(PONG, payload)
        elif opcode == CLOSE:
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            reason = payload[2:].decode("utf-8", "replace") or f"code {code}"
            raise ConnectionLost(f"the server closed the connection: {reason}")

    def send(self, opcode: int, payload: bytes) -> None:
        """Sends one short frame. Raises ``ConnectionLost``."""
        self._send(opcode, payload, time.monotonic() + SEND_TIMEOUT)

    def _send(self, opcode: int, payload: bytes, deadline: float) -> None:
        if len(payload) > MAX_CONTROL:
            raise ValueError("only messages of up to 125 bytes are sent")
        # As a client must.
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        frame = bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked
        self.connection.send(frame, deadline)

    def close(self, politely: bool) -> None:
        """Ends the connection, with a close frame where that takes no waiting."""
        if politely:
            with contextlib.suppress(ConnectionLost):
                self._send(CLOSE, (1000).to_bytes(2, "big"), NOW)
        self.connection.close()
