"""WebSocket by hand, for what no library lets a client do: break the rules, dawdle, not read."""

from __future__ import annotations

import base64
import os
import socket
import struct
from typing import Mapping, NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Frame(NamedTuple):
    """A frame from the server."""

    opcode: int
    payload: bytes


class Closed(NamedTuple):
    """How the server ended the connection; code 1006 when it hung up without a word."""

    code: int
    reason: str


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    masked: bool = True,
    reserved: int = 0,
    announced: int | None = None,
) -> bytes:
    """A client's frame (RFC 6455, 5.2), as wrong as asked; ``announced`` is its length field."""
    length = len(payload) if announced is None else announced
    mask_bit = 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    if length < 126:
        head += bytes([mask_bit | length])
    elif length < 1 << 16:
        head += struct.pack(">BH", mask_bit | 126, length)
    else:
        head += struct.pack(">BQ", mask_bit | 127, length)
    if not masked:
        return head + payload
    key = os.urandom(4)
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    size = len(payload)
    mixed = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
    return head + key + mixed


class RawWebSocket:
    """A connection after the handshake."""

    def __init__(
        self,
        address: tuple[str, int],
        target: str,
        *,
        source: str | None = None,
        receive_buffer: int | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
    ) -> None:
        self.sock = connect(address, source, receive_buffer, timeout)
        self._input = bytearray()
        self.send(handshake(address, target, headers))
        while b"\r\n\r\n" not in self._input:
            assert self._more(), f"the server hung up during the handshake: {bytes(self._input)!r}"
        head, _, rest = bytes(self._input).partition(b"\r\n\r\n")
        self._input = bytearray(rest)
        self.head = head.decode()
        assert self.head.startswith("HTTP/1.1 101 "), self.head

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send_frame(self, opcode: int, payload: bytes = b"", **how: bool | int) -> None:
        self.send(frame(opcode, payload, **how))

    def read_frame(self) -> Frame | None:
        """The next frame; None when the server has hung up."""
        while True:
            parsed = self._parse()
            if parsed:
                return parsed
            if not self._more():
                return None

    def read_until(self, opcode: int) -> bytes:
        """The payload of the next frame of this kind."""
        while True:
            got = self.read_frame()
            assert got is not None, f"the server hung up before a frame of kind {opcode}"
            if got.opcode == opcode:
                return got.payload

    def read_close(self) -> Closed:
        """Reads to the end, and says how it came."""
        while True:
            try:
                got = self.read_frame()
            except ConnectionResetError:
                return Closed(1006, "")
            if got is None:
                return Closed(1006, "")
            if got.opcode == CLOSE:
                if len(got.payload) < 2:
                    return Closed(1005, "")
                return Closed(struct.unpack(">H", got.payload[:2])[0], got.payload[2:].decode())

    def _more(self) -> bool:
        chunk = self.sock.recv(1 << 16)
        self._input += chunk
        return bool(chunk)

    def _parse(self) -> Frame | None:
        data = self._input
        if len(data) < 2:
            return None
        assert data[0] & 0xF0 == 0x80, f"a server's frame is whole and without reserved bits: {data[0]:#x}"
        assert data[1] & 0x80 == 0, "a server's frame is not masked"
        at, length = 2, data[1]
        if length >= 126:
            at = 4 if length == 126 else 10
            if len(data) < at:
                return None
            length = int.from_bytes(data[2:at], "big")
        if len(data) < at + length:
            return None
        got = Frame(data[0] & 15, bytes(data[at : at + length]))
        del data[: at + length]
        return got

    def close(self) -> None:
        """Hangs up without a word."""
        self.sock.close()

    def __enter__(self) -> RawWebSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(
    address: tuple[str, int],
    source: str | None = None,
    receive_buffer: int | None = None,
    timeout: float = 10.0,
) -> socket.socket:
    """A TCP connection, perhaps from another address of this machine."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if receive_buffer is not None:
        # Before the connection: it decides the window that is offered.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source is not None:
        sock.bind((source, 0))
    sock.connect(address)
    return sock


def handshake(
    address: tuple[str, int], target: str, headers: Mapping[str, str | None] | None = None
) -> bytes:
    """The request of RFC 6455, 4.1; ``headers`` are added or replace its own, and None takes one away."""
    fields: dict[str, str | None] = {
        "Host": f"{address[0]}:{address[1]}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        **(headers or {}),
    }
    lines = [f"GET {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode()
