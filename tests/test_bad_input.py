"""What cameras send when something is wrong: each case has one outcome, and never harms the next picture."""

from __future__ import annotations

from typing import Callable, NamedTuple

import pytest

import jpegs
from camera import Camera, fragments
from wait import eventually
from websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, RawWebSocket, connect, frame, handshake

GOOD = jpegs.picture(1)
MIB = 1 << 20
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
#: Where the entropy-coded data begins.
SCAN = jpegs.find(GOOD, jpegs.SOS).end

#: Message, and the label under which it is counted.
DROPPED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty message": (lambda: b"", "not_jpeg"),
    "Hello World": (lambda: b"Hello World", "not_jpeg"),
    "PNG": (lambda: PNG, "not_jpeg"),
    "zeros": (lambda: bytes(5000), "not_jpeg"),
    "no SOI": (lambda: GOOD[2:], "not_jpeg"),
    "one byte": (lambda: GOOD[:1], "not_jpeg"),
    "only SOI": (lambda: GOOD[:2], "truncated"),
    "only SOI and EOI": (lambda: b"\xff\xd8\xff\xd9", "malformed"),
    "cut in the first segment": (lambda: GOOD[:9], "truncated"),
    "cut in the tables": (lambda: GOOD[: jpegs.find(GOOD, jpegs.DHT).start + 20], "truncated"),
    "cut after the scan header": (lambda: GOOD[:SCAN], "truncated"),
    "cut in the picture": (lambda: GOOD[: (SCAN + len(GOOD)) // 2], "truncated"),
    "cut before the last byte": (lambda: GOOD[:-1], "truncated"),
    "no EOI": (lambda: GOOD[:-2], "truncated"),
    "a picture that begins within another": (lambda: GOOD[: len(GOOD) // 2] + GOOD, "truncated"),
    "10 MiB and one byte": (lambda: jpegs.padded(GOOD, 10 * MIB + 1), "too_large"),
    "11 MiB": (lambda: jpegs.padded(GOOD, 11 * MIB), "too_large"),
    "40 MiB": (lambda: jpegs.padded(GOOD, 40 * MIB), "too_large"),
    "9000x9000 pixels": (lambda: jpegs.with_frame_header(GOOD, size=(9000, 9000)), "bad_dimensions"),
    "65535x1 pixels": (lambda: jpegs.with_frame_header(GOOD, size=(65535, 1)), "bad_dimensions"),
    "0x0 pixels": (lambda: jpegs.with_frame_header(GOOD, size=(0, 0)), "bad_dimensions"),
    "12 bits per sample": (lambda: jpegs.with_frame_header(GOOD, precision=12), "unsupported"),
    "CMYK": (lambda: jpegs.with_frame_header(GOOD, components=4), "unsupported"),
    "arithmetic coding": (lambda: (jpegs.VECTORS / "arithmetic_420.jpg").read_bytes(), "unsupported"),
    "lossless coding": (lambda: jpegs.with_frame_header(GOOD, marker=0xC3), "unsupported"),
    "no quantisation tables": (lambda: jpegs.without(GOOD, jpegs.DQT), "malformed"),
    "no frame header": (lambda: jpegs.without(GOOD, jpegs.SOF0), "malformed"),
    "a segment that is shorter than its length": (lambda: GOOD[:2] + b"\xff\xfe\0\1" + GOOD[2:], "malformed"),
}

#: Messages that are odd, and what the server makes of them.
ACCEPTED: dict[str, tuple[bytes, bytes | None]] = {
    "two pictures glued": (GOOD + jpegs.picture(2), GOOD),
    "garbage after EOI": (GOOD + b"garbage" * 100, GOOD),
    "zeros after EOI": (GOOD + bytes(100_000), GOOD),
    "exactly 10 MiB": (jpegs.padded(GOOD, 10 * MIB), None),
    "no Huffman tables": (jpegs.without(GOOD, jpegs.DHT), None),
    "no Huffman tables, 4:2:2": ((jpegs.VECTORS / "no_dht_422.jpg").read_bytes(), None),
    "progressive": ((jpegs.VECTORS / "progressive_420.jpg").read_bytes(), None),
    "gray": ((jpegs.VECTORS / "gray.jpg").read_bytes(), None),
    "restart markers": ((jpegs.VECTORS / "restart_422.jpg").read_bytes(), None),
    "thumbnail inside": ((jpegs.VECTORS / "thumbnail_420.jpg").read_bytes(), None),
}


@pytest.fixture
def name(request) -> str:
    """A stream name for the test case."""
    text = request.node.callspec.id.lower()
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in text)[:64]


def snapshot(server, name: str) -> bytes:
    answer = server.get(f"/streams/{name}/snapshot.jpg")
    assert answer.status == 200, answer.body
    return answer.body


@pytest.mark.parametrize("case", DROPPED)
def test_bad_message_is_counted_and_the_next_picture_is_live(shared_server, name, case):
    make, label = DROPPED[case]
    with Camera(shared_server, name) as camera:
        camera.socket.send(make())
        eventually(lambda: shared_server.stream(name)["dropped"] == {label: 1}, f"dropped as {label}", 20)
        stream = shared_server.stream(name)
        assert stream["state"] == "waiting" and stream["received"] == 0
        assert stream["last_error"], "people must be able to read what was wrong"
        camera.socket.send(GOOD)
        shared_server.wait_live(name)
        assert snapshot(shared_server, name) == GOOD


@pytest.mark.parametrize("size", [11 * MIB, 40 * MIB])
def test_oversize_message_in_fragments_is_skipped_without_being_held(server, size):
    before = server.resident_mib()
    piece = bytes(MIB)
    with RawWebSocket(server.address, "/ws/camera/door", timeout=30) as camera:
        camera.send_frame(BINARY, jpegs.padded(GOOD, MIB), fin=False)
        for _ in range(size // MIB - 2):
            camera.send_frame(CONTINUATION, piece, fin=False)
        camera.send_frame(CONTINUATION, piece)
        eventually(lambda: server.stream("door")["dropped"] == {"too_large": 1}, "dropped", 20)
        assert str(size) in server.stream("door")["last_error"]
        camera.send_frame(BINARY, GOOD)
        server.wait_live("door")
    assert server.resident_mib() < before + 30


@pytest.mark.parametrize("case", ACCEPTED)
def test_odd_picture_is_accepted_and_can_be_decoded(shared_server, name, case):
    sent, expected = ACCEPTED[case]
    with Camera(shared_server, name) as camera:
        camera.socket.send(sent)
        stream = shared_server.wait_live(name)
        assert stream["dropped"] == {}
        got = snapshot(shared_server, name)
        assert got.startswith(b"\xff\xd8") and got.endswith(b"\xff\xd9")
        image = jpegs.decode(got)
        assert image.shape[:2] == (stream["height"], stream["width"])
        if expected is not None:
            assert got == expected


def test_repaired_picture_is_the_same_picture(server):
    """A picture without Huffman tables shows what it showed with them, also as H.264."""
    with Camera(server, "door") as camera:
        camera.send(jpegs.without(GOOD, jpegs.DHT))
        server.wait_live("door")
        repaired = snapshot(server, "door")
        assert jpegs.find(repaired, jpegs.DHT)
        assert (jpegs.decode(repaired) == jpegs.decode(GOOD)).all()
        with server.open("/streams/door/ts") as viewer:
            assert viewer.read_at_least(188)[0] == 0x47


class Breach(NamedTuple):
    """Bytes that break the protocol, and the words of the close frame."""

    data: bytes
    reason: str


BREACHES = {
    "unmasked frame": Breach(frame(BINARY, GOOD, masked=False), "not masked"),
    "reserved bit 1": Breach(frame(BINARY, GOOD, reserved=4), "reserved bits"),
    "reserved bits 2 and 3": Breach(frame(BINARY, GOOD, reserved=3), "reserved bits"),
    "unknown data opcode": Breach(frame(3, b"x"), "unknown opcode 3"),
    "unknown control opcode": Breach(frame(11, b"x"), "unknown opcode 11"),
    "continuation without a start": Breach(frame(CONTINUATION, b"x"), "out of order"),
    "a new message within a message": Breach(
        frame(BINARY, GOOD[:100], fin=False) + frame(BINARY, GOOD), "out of order"
    ),
    "control frame of 126 bytes": Breach(frame(PING, bytes(126)), "control frame"),
    "fragmented control frame": Breach(frame(PING, b"x", fin=False), "control frame"),
    "length with the top bit set": Breach(frame(BINARY, b"", announced=1 << 63), "length"),
}


@pytest.mark.parametrize("case", BREACHES)
def test_breach_of_protocol_ends_the_connection_with_the_reason(shared_server, name, case):
    data, reason = BREACHES[case]
    with RawWebSocket(shared_server.address, f"/ws/camera/{name}") as camera:
        camera.send_frame(BINARY, GOOD)
        shared_server.wait_live(name)
        camera.send(data)
        closed = camera.read_close()
        assert closed.code == 1002 and reason in closed.reason
    eventually(lambda: shared_server.stream(name)["state"] == "offline", "offline")
    assert reason in shared_server.stream(name)["reason"]
    with Camera(shared_server, name) as again:
        again.send()
        shared_server.wait_live(name)


def test_ping_between_fragments_is_fine(shared_server):
    with RawWebSocket(shared_server.address, "/ws/camera/ping-between") as camera:
        first, second, *rest = fragments(GOOD, len(GOOD) // 3)
        camera.send_frame(BINARY, first, fin=False)
        camera.send_frame(PING, b"now?")
        assert camera.read_until(PONG) == b"now?"
        camera.send_frame(CONTINUATION, second, fin=False)
        camera.send_frame(CONTINUATION, b"", fin=False)
        camera.send_frame(CONTINUATION, b"".join(rest))
        shared_server.wait_live("ping-between")
        assert snapshot(shared_server, "ping-between") == GOOD


@pytest.mark.parametrize("payload", [b"\xff\xfe\x80", b'{"name": "\xc3"}'], ids=["bytes", "cut letter"])
def test_text_that_is_not_utf8_is_ignored(server, payload):
    with RawWebSocket(server.address, "/ws/camera/door") as camera:
        camera.send_frame(TEXT, payload)
        camera.send_frame(BINARY, GOOD)
        stream = server.wait_live("door")
        assert stream["telemetry"] is None and stream["dropped"] == {}


@pytest.mark.parametrize("payload", [b"", b"\x03", b"\x03\xe8\xff\xfe"], ids=["empty", "half a code", "not utf8"])
def test_odd_close_frames_are_answered(server, payload):
    with RawWebSocket(server.address, "/ws/camera/door") as camera:
        camera.send_frame(BINARY, GOOD)
        server.wait_live("door")
        camera.send_frame(CLOSE, payload)
        assert camera.read_close().code == 1000
    eventually(lambda: server.stream("door")["state"] == "offline", "offline")
    assert "disconnected" in server.stream("door")["reason"]


@pytest.mark.parametrize("length", [9 * MIB, 1 << 40, (1 << 63) - 1], ids=["9 MiB", "1 TiB", "8 EiB"])
def test_announced_length_then_silence_costs_nothing(serve, length):
    """Memory follows what arrives, not what is announced, and the silence is noticed."""
    server = serve("--stall-timeout", "1s")
    before = server.resident_mib()
    sockets = [RawWebSocket(server.address, f"/ws/camera/liar{i}") for i in range(10)]
    for liar in sockets:
        liar.send(frame(BINARY, b"\xff\xd8", announced=length))
    for i in range(10):
        eventually(lambda: server.stream(f"liar{i}")["state"] == "offline", "the silence is noticed")
        assert "no frame" in server.stream(f"liar{i}")["reason"]
    assert server.resident_mib() < before + 20
    with Camera(server, "honest") as camera:
        camera.send()
        server.wait_live("honest")
    for liar in sockets:
        liar.close()


@pytest.mark.parametrize(
    "data",
    [b"\xff\xd8\xff\xe0" + bytes(100), b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\0\1", GOOD],
    ids=["jpeg without http", "garbage", "version", "tls", "a picture"],
)
def test_garbage_in_place_of_http(shared_server, data):
    with connect(shared_server.address) as sock:
        try:
            sock.sendall(data + b"\r\n\r\n")
            answer = sock.recv(4096)
        except ConnectionResetError:
            answer = b""
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer
    assert shared_server.get("/health").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-WebSocket-Key": None},
        {"Sec-WebSocket-Version": "8"},
        {"Sec-WebSocket-Version": None},
        {"Upgrade": None},
        {"Connection": "keep-alive"},
    ],
    ids=["no key", "version 8", "no version", "no upgrade", "no connection"],
)
def test_wrong_handshake_is_answered_with_what_would_be_right(shared_server, headers):
    with connect(shared_server.address) as sock:
        sock.sendall(handshake(shared_server.address, "/ws/camera/wrong-handshake", headers))
        head = sock.recv(4096).decode().lower()
    assert head.startswith("http/1.1 426 ")
    # RFC 9110, 15.5.22 and RFC 6455, 4.4.
    assert "\r\nupgrade: websocket\r\n" in head and "\r\nsec-websocket-version: 13\r\n" in head
    assert "wrong-handshake" not in shared_server.streams()


def test_head_that_never_ends_is_bounded(shared_server):
    with connect(shared_server.address) as sock:
        answer = b""
        try:
            sock.sendall(b"GET /ws/camera HTTP/1.1\r\nHost: localhost\r\n")
            for _ in range(1000):
                sock.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")
            answer = sock.recv(4096)
        except (ConnectionResetError, BrokenPipeError):
            pass
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431"), answer
    assert shared_server.get("/health").status == 200
