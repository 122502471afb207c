"""The WebSocket, byte by byte, and a reader that is slower than its camera."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any, Callable

import numpy as np
import pytest

from camherd.errors import ConnectionLost
from camherd.net import NOW, Connection, ServerAddress
from camherd.websocket import BINARY, PONG, TEXT, Collected, WebSocket
from conftest import PATIENCE, eventually
from fake_server import FakeStream, accept_key, number_of, picture, ws_frame
from test_capture import read

Serve = Callable[[socket.socket], None]


def frame_message(number: int, width: int = 64, height: int = 48) -> bytes:
    meta = {"type": "frame", "seq": number, "captured": time.time() * 1000, "width": width, "height": height}
    return ws_frame(TEXT, json.dumps(meta).encode())


def serving(server: Any, serve: Serve, handshake: bytes | None = None) -> None:
    """Lets ``serve`` have the connection after the handshake."""

    def route(sock: socket.socket, method: str, path: str, query: Any, body: Any, headers: Any, reader: Any) -> None:
        key = accept_key(headers["sec-websocket-key"]).encode()
        sock.sendall(handshake or b"HTTP/1.1 101 Up\r\nSec-WebSocket-Accept: " + key + b"\r\n\r\n")
        serve(sock)
        sock.recv(1)

    server.route = route


def open_websocket(server: Any) -> WebSocket:
    return WebSocket(ServerAddress("127.0.0.1", server.port), "/ws/door", time.monotonic() + PATIENCE)


def receive(websocket: WebSocket) -> tuple[int, bytes]:
    message = websocket.receive(time.monotonic() + PATIENCE, lambda _: Collected(1000))
    assert message is not None
    return message.opcode, bytes(message.sink.take())


def test_messages_cut_at_every_byte(make_server):
    """Whatever arrives together or apart, fragmented or with a ping in between: the messages are the same."""
    server = make_server()
    stream = (
        ws_frame(TEXT, b'{"a":1}')
        + ws_frame(BINARY, b"x" * 200)
        + ws_frame(BINARY, b"one", fin=False)
        + ws_frame(9, b"ping")
        + ws_frame(0, b"", fin=False)
        + ws_frame(0, b"two")
        + ws_frame(BINARY, b"")
    )
    for cut in range(len(stream) + 1):
        halves = threading.Event()

        def serve(sock: socket.socket, cut: int = cut, halves: threading.Event = halves) -> None:
            sock.sendall(stream[:cut])
            halves.wait(PATIENCE)
            sock.sendall(stream[cut:])

        serving(server, serve)
        websocket = open_websocket(server)
        messages = []
        # As much as there is, and the rest once there is more.
        while (message := websocket.receive(NOW, lambda _: Collected(1000))) is not None:
            messages.append((message.opcode, bytes(message.sink.take())))
        halves.set()
        while len(messages) < 4:
            messages.append(receive(websocket))
        assert messages == [(TEXT, b'{"a":1}'), (BINARY, b"x" * 200), (BINARY, b"onetwo"), (BINARY, b"")]
        websocket.close(politely=True)


def test_a_ping_is_answered_masked(make_server):
    server, answers = make_server(), []

    def serve(sock: socket.socket) -> None:
        sock.sendall(ws_frame(9, b"are you there") + ws_frame(TEXT, b"{}"))
        answers.append(sock.recv(100))

    serving(server, serve)
    websocket = open_websocket(server)
    assert receive(websocket) == (TEXT, b"{}")
    (answer,) = eventually(lambda: answers)
    assert answer[0] == 0x80 | PONG and answer[1] == 0x80 | 13
    assert bytes(byte ^ answer[2 + index % 4] for index, byte in enumerate(answer[6:])) == b"are you there"
    websocket.close(politely=True)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xc1\x00", "extension that was not asked for"),
        (ws_frame(TEXT, b"", masked=True), "masks its frames"),
        (b"\x83\x00", "unknown kind 3"),
        (ws_frame(0, b"x"), "continues a message that it did not begin"),
        (ws_frame(TEXT, b"x", fin=False) + ws_frame(TEXT, b"y"), "began a message within another"),
        (ws_frame(9, b"x", fin=False), "a control frame that is not valid"),
        (ws_frame(9, b"x" * 126), "a control frame that is not valid"),
        (ws_frame(BINARY, b"x" * 1001), "more than 1000 bytes"),
        (ws_frame(BINARY, b"x" * 600, fin=False) + ws_frame(0, b"x" * 600), "more than 1000 bytes"),
        (b"\x82\xff" + b"\xff" * 8, "masks its frames"),
        (b"\x82\x7f" + b"\xff" * 8, "more than 1000 bytes"),
        (ws_frame(8, b"\x03\xe9the server is shutting down"), "closed the connection: the server is shutting down"),
        (ws_frame(8, b""), "closed the connection: code 1005"),
    ],
)
def test_what_breaks_the_protocol_ends_the_connection(make_server, data, why):
    server = make_server()
    serving(server, lambda sock: sock.sendall(data))
    websocket = open_websocket(server)
    with pytest.raises(ConnectionLost, match=why):
        receive(websocket)
    websocket.close(politely=True)


def test_a_handshake_that_is_not_one(make_server):
    server = make_server()
    serving(server, lambda sock: None, b"HTTP/1.1 101 Up\r\nSec-WebSocket-Accept: something else\r\n\r\n")
    with pytest.raises(ConnectionLost, match="handshake is not valid"):
        open_websocket(server)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (ws_frame(BINARY, b"x" * 100), "without saying which"),
        (frame_message(1) + ws_frame(BINARY, b"x" * (64 * 48 * 3 + 1)), "9217 bytes for a frame of 64x48 bgr24"),
        (frame_message(1) + ws_frame(BINARY, b"x" * (64 * 48 * 3 - 1)), "too short"),
        (frame_message(1) + ws_frame(BINARY, b"x" * 9000, fin=False) + ws_frame(0, b"x" * 999), "more than the 9216"),
        (frame_message(1, 100_000, 100_000) + ws_frame(BINARY, b"x"), "announced a frame of 100000x100000"),
        (ws_frame(TEXT, b"{"), "not JSON"),
        (ws_frame(TEXT, b"[" * 60_000), "not JSON"),
    ],
)
def test_frames_that_are_not_as_announced(make_server, capture, data, why):
    server = make_server()
    serving(server, lambda sock: sock.sendall(data))
    cap = capture(server, transport="websocket", timeout=0.5)
    assert not cap.isOpened()
    assert why in cap.reason


def test_messages_of_kinds_that_are_unknown_are_ignored(make_server, capture):
    server = make_server()
    unknown = b"".join(ws_frame(TEXT, text) for text in (b'{"type":"weather"}', b"[]", b"null", b'{"type":"state"}'))
    pixels = picture(5, 64, 48).tobytes()
    fragments = ws_frame(BINARY, pixels[:5000], fin=False) + ws_frame(0, pixels[5000:])
    serving(server, lambda sock: sock.sendall(unknown + frame_message(5) + fragments))
    assert read(capture(server, transport="websocket")) == 5


def test_the_reason_of_a_refusal(make_server, capture):
    server = make_server()
    body = b'{"error": "the stream is not running"}'
    refusal = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    server.route = lambda sock, *_: sock.sendall(refusal)
    cap = capture(server, transport="websocket")
    assert not cap.isOpened()
    assert cap.reason == "the stream is not running (HTTP 503)"


def pause_reader(stream: FakeStream, frames: int) -> None:
    """Publishes at 200 fps, whether anybody reads or not."""
    for _ in range(frames):
        stream.publish()
        time.sleep(0.005)


def test_a_reader_that_was_away_gets_a_frame_of_now(make_server, capture):
    """Socket buffers hold megabytes of frames from the time when it went away; none of those is the newest."""
    server = make_server(bus=False)
    stream = server.stream(width=1280, height=720)
    stream.publish()
    cap = capture(server)
    for _ in range(5):
        stream.publish()
        read(cap)
    pause_reader(stream, 200)
    going_on = threading.Thread(target=pause_reader, args=(stream, 200))
    going_on.start()
    newest = stream.newest[0]
    assert read(cap) >= newest - 100, "a frame from before it came back"
    going_on.join()
    assert cap.dropped >= 100


def test_frames_are_numbered_and_missed_ones_counted(make_server, capture):
    server = make_server(bus=False)
    serving(
        server,
        lambda sock: sock.sendall(
            frame_message(3)
            + ws_frame(BINARY, picture(3, 64, 48).tobytes())
            + ws_frame(TEXT, b'{"type":"dropped","missed":4,"total":4}')
            + frame_message(8)
            + ws_frame(BINARY, picture(8, 64, 48).tobytes())
        ),
    )
    cap = capture(server, transport="websocket", latest=False)
    assert (read(cap), cap.sequence, cap.dropped) == (3, 3, 0)
    assert (read(cap), cap.sequence, cap.dropped) == (8, 8, 4)


def test_a_jpeg_that_is_none(make_server, capture):
    server = make_server()
    serving(server, lambda sock: sock.sendall(frame_message(1) + ws_frame(BINARY, b"no JPEG")))
    cap = capture(server, format="jpeg")
    assert cap.grab()
    assert cap.retrieve() == (False, None)


def test_clocks_that_differ(make_server, capture, monkeypatch):
    """The server's clock is an hour ahead; a frame that was captured just now is not an hour younger than that."""
    server = make_server(bus=False)
    ahead = 3600.0

    def route(sock: socket.socket, method: str, path: str, query: Any, body: Any, headers: Any, reader: Any) -> None:
        key = accept_key(headers["sec-websocket-key"]).encode()
        sock.sendall(b"HTTP/1.1 101 Up\r\nSec-WebSocket-Accept: " + key + b"\r\n\r\n")
        head = reader.read(2)
        mask = reader.read(4)
        ping = bytes(byte ^ mask[index % 4] for index, byte in enumerate(reader.read(head[1] & 0x7F)))
        now = (time.time() + ahead) * 1000
        sock.sendall(ws_frame(TEXT, json.dumps({"type": "pong", "t": json.loads(ping)["t"], "now": now}).encode()))
        meta = {"type": "frame", "seq": 1, "captured": now, "width": 64, "height": 48}
        sock.sendall(ws_frame(TEXT, json.dumps(meta).encode()) + ws_frame(BINARY, bytes(64 * 48 * 3)))
        reader.read(1)

    server.route = route
    elsewhere = property(lambda self: False, lambda self, _: None)
    monkeypatch.setattr(Connection, "same_machine", elsewhere, raising=False)
    cap = capture(server, transport="websocket")
    assert np.array_equal(cap.read()[1], np.zeros((48, 64, 3)))
    assert abs(cap.frame_age) < PATIENCE
    assert cap.captured > time.time() + ahead - PATIENCE


def test_number_of_tells_a_mixed_picture():
    pixels = picture(3, 64, 48)
    pixels[20:] = 4
    with pytest.raises(AssertionError, match="mixed"):
        number_of(pixels)
