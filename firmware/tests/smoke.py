#!/usr/bin/env python3
"""The virtual device against small servers and clients of this file: WebSocket, device channel, TCPCam.

smoke.py PROGRAM
"""

import atexit
import base64
import hashlib
import json
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

# Long for a machine under load; the end of waiting, no pass criterion.
DEADLINE_S = 30.0
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Device:
    """The program with its console on pipes."""

    def __init__(self, program: str, *lines: str, arguments: tuple[str, ...] = ()) -> None:
        runs = [word for line in lines for word in ("--run", line)]
        self.process = subprocess.Popen(
            [program, *arguments, *runs], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        # A test that fails must not leave it behind.
        atexit.register(self.process.kill)

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait_for(self, pattern: str) -> str:
        """The next printed line that has the pattern."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if re.search(pattern, line):
                return line
        raise AssertionError(f"the program ended without printing {pattern!r}")

    def ask_until(self, line: str, pattern: str) -> str:
        end = time.monotonic() + DEADLINE_S
        key = line.split()[0]
        first = {"stream": "^host=", "cam": "^power=", "sys": "^id=", "wifi": "^ssid=", "tcpcam": "^tcpcam="}[key]
        while time.monotonic() < end:
            self.type(line)
            answer = self.wait_for(first)
            if re.search(pattern, answer):
                return answer
            time.sleep(0.05)
        raise AssertionError(f"{line!r} never answered {pattern!r}, at last {answer!r}")

    def end_input(self, last: str) -> None:
        """Types a line without its end, and no more."""
        assert self.process.stdin is not None
        self.process.stdin.write(last)
        self.process.stdin.close()

    def stop(self) -> None:
        self.process.terminate()
        status = self.process.wait(DEADLINE_S)
        assert status == 0, f"the program ends with status {status}"


class Connection:
    """The server's side of one WebSocket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(DEADLINE_S)
        self.stream = sock.makefile("rb")
        self.fragments: list[int] = []
        self.controls: list[tuple[int, bytes]] = []
        request = []
        while (line := self.stream.readline().decode().rstrip()) != "":
            request.append(line)
        self.request = request[0]
        self.headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in request[1:])}
        digest = hashlib.sha1((self.headers["sec-websocket-key"] + GUID).encode()).digest()
        sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )

    def frame(self) -> tuple[int, bool, bytes]:
        first, second = self.stream.read(2)
        assert second & 0x80, "a frame is not masked"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", self.stream.read(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self.stream.read(8))
        mask = self.stream.read(4)
        data = self.stream.read(size)
        key = int.from_bytes((mask * (size // 4 + 1))[:size], "little")
        return first & 15, bool(first & 0x80), (int.from_bytes(data, "little") ^ key).to_bytes(size, "little")

    def message(self) -> tuple[int, bytes]:
        if self.controls:
            return self.controls.pop(0)
        kind, final, data = self.frame()
        self.fragments = [len(data)]
        while not final:
            more, last, part = self.frame()
            if more >= CLOSE:
                # Control frames may come within a message (RFC 6455, 5.4).
                self.controls.append((more, part))
                continue
            assert more == 0, "a fragmented message is broken by another"
            final = last
            self.fragments.append(len(part))
            data += part
        return kind, data

    def picture(self) -> bytes:
        while True:
            kind, data = self.next()
            if kind == BINARY:
                assert data[:2] == b"\xff\xd8" and data[-2:] == b"\xff\xd9", "a message is not one JPEG"
                return data

    def next(self) -> tuple[int, bytes]:
        """The next message that is no ping; those are answered."""
        while (got := self.message())[0] == PING:
            self.send(PONG, got[1])
        return got

    def text(self, wanted: str) -> dict:
        """The next text message of that type."""
        while True:
            kind, data = self.next()
            if kind == TEXT:
                assert len(data) <= 1024
                message = json.loads(data)
                if message["type"] == wanted:
                    return message

    def send(self, kind: int, data: bytes) -> None:
        assert len(data) < 65536
        size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))
        self.sock.sendall(bytes([0x80 | kind]) + size + data)

    def say(self, **message: object) -> None:
        self.send(TEXT, json.dumps(message).encode())

    def close(self) -> None:
        # Both hold the descriptor.
        self.stream.close()
        self.sock.close()


class Server:
    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(DEADLINE_S)
        self.port = self.listener.getsockname()[1]

    def accept(self) -> Connection:
        return Connection(self.listener.accept()[0])


WIFI = "wifi set Home password1"


def jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while data[at + 1] != 0xC0:
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    height, width = struct.unpack(">HH", data[at + 5 : at + 9])
    return width, height


def handshake_and_pictures(program: str) -> None:
    server = Server()
    device = Device(program, WIFI, "stream set token chd_abc", f"stream set url ws://127.0.0.1:{server.port}/ws/camera/door?x=1")
    link = server.accept()
    assert link.request == "GET /ws/camera/door?x=1 HTTP/1.1", link.request
    assert link.headers["authorization"] == "Bearer chd_abc"
    assert "sec-websocket-protocol" not in link.headers and "origin" not in link.headers, link.headers
    hello = link.text("hello")
    assert hello["id"] == "cam-virtual" and hello["v"] == 1 and hello["sensor"] == "drawn", hello
    assert jpeg_size(link.picture()) == (640, 480)
    # Longer messages come in fragments of 16 KiB, as from the device.
    link.say(type="set", quality=100)
    while sum(link.fragments) <= 40000:
        link.picture()
    assert all(size == 16384 for size in link.fragments[:-1]), link.fragments
    link.send(PING, b"are you there")
    while (got := link.message())[0] != PONG:
        pass
    assert got[1] == b"are you there"
    device.stop()


def channel(program: str) -> None:
    server = Server()
    device = Device(program, WIFI, f"stream set host 127.0.0.1 {server.port}")
    link = server.accept()
    link.text("hello")
    link.say(type="set", id=1, size="320x240", fps=20, hflip=True)
    assert link.text("ack") == {"type": "ack", "id": 1, "ok": True}
    while jpeg_size(link.picture()) != (320, 240):
        pass
    link.say(type="set", id=2, quality=0)
    assert link.text("ack") == {"type": "ack", "id": 2, "ok": False, "error": "quality: 1 to 100"}
    link.say(type="demand", id=3, viewers=0, fps=0)
    link.text("ack")
    device.ask_until("cam status", "now_fps=0")
    link.say(type="demand", id=4, viewers=1, fps=5, size="160x120")
    while jpeg_size(link.picture()) != (160, 120):
        pass
    device.ask_until("cam status", "now_size=160x120 .*now_fps=5")
    report = link.text("telemetry")
    assert report["rssi"] == -51 and report["size"] == "160x120" and report["sent"] > 0, report
    device.stop()


def restarts(program: str) -> None:
    server = Server()
    device = Device(program, WIFI, f"stream set host 127.0.0.1 {server.port}")
    link = server.accept()
    sha = hashlib.sha256(b"").hexdigest()
    signature = base64.b64encode(bytes(70)).decode()
    device.type('sim update "the signature does not fit"')
    link.say(type="update", id=1, url="http://127.0.0.1/x", size=1, sha256=sha, signature=signature)
    assert link.text("ack")["ok"]
    while (state := link.text("update"))["state"] == "loading":
        pass
    assert state == {"type": "update", "state": "failed", "error": "the signature does not fit"}, state
    link.picture()
    # What is not saved is gone after the restart; the server's way to the device is saved first.
    device.type("wifi set Home password1 save")
    link = server.accept()
    device.type(f"stream set host 127.0.0.1 {server.port} save")
    link = server.accept()
    device.type("sim update ok")
    link.say(type="update", id=2, url="http://127.0.0.1/x", size=1, sha256=sha, signature=signature)
    while link.text("update")["state"] == "loading":
        pass
    link = server.accept()
    hello = link.text("hello")
    assert hello["image"] == "trial" and hello["reset"] == "software", hello
    while link.text("hello")["image"] != "confirmed":
        pass
    link.say(type="reboot", id=3)
    assert link.text("ack")["id"] == 3
    link = server.accept()
    assert link.text("hello")["image"] == "confirmed"
    # An image that restarts before it is confirmed is taken back, and that stays known.
    link.say(type="update", id=4, url="http://127.0.0.1/x", size=1, sha256=sha, signature=signature)
    link = server.accept()
    assert link.text("hello")["image"] == "trial"
    for _ in range(2):
        device.type("sys reboot")
        link = server.accept()
        assert link.text("hello")["image"] == "rolled-back"
    device.stop()


def losses(program: str) -> None:
    server = Server()
    device = Device(program, WIFI, f"stream set host 127.0.0.1 {server.port}")
    link = server.accept()
    link.picture()
    # A clean close, a broken connection, a lost network, a server that stops reading: it is back after each.
    link.send(CLOSE, struct.pack(">H", 1001) + b"the server is shutting down")
    link = server.accept()
    device.ask_until("stream status", "ws=up")
    link.picture()
    link.close()
    link = server.accept()
    link.picture()
    device.type("sim loss on")
    device.ask_until("wifi status", "wifi=(waiting|connecting)")
    device.type("sim loss off")
    stalled = server.accept()
    stalled.picture()
    link = server.accept()
    link.picture()
    answer = device.ask_until("sys info", "connects=5")
    assert "camera_errors=0" in answer, answer
    device.stop()


def refusals(program: str) -> None:
    closed = Server()
    closed.listener.close()
    device = Device(program, WIFI, f"stream set host 127.0.0.1 {closed.port}")
    device.ask_until("stream status", "ws=(waiting|connecting).*reason=")
    server = Server()
    device.type(f"stream set host 127.0.0.1 {server.port}")
    sock, _ = server.listener.accept()
    sock.recv(4096)
    sock.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
    device.ask_until("stream status", "reason=.HTTP status 401")
    device.type("sim discover 127.0.0.1 " + str(server.port))
    device.type("stream clear")
    link = server.accept()
    assert link.request.startswith("GET /ws/camera HTTP"), link.request
    link.picture()
    device.stop()


def adaptation(program: str) -> None:
    server = Server()
    device = Device(program, "sim bandwidth 1000", WIFI, f"stream set host 127.0.0.1 {server.port}")
    link = server.accept()
    # 640x480 at 30 fps and quality 80 needs some 5 Mbit/s.
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        report = link.text("telemetry")
        if report["quality"] == 40 and report["fps"] < 15:
            break
    assert report["quality"] == 40 and report["fps"] < 15, report
    assert report["stale"] == 0, report
    device.stop()


def read_exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = sock.recv(size - len(data))
        assert chunk, "the camera closed early"
        data += chunk
    return data


def tcpcam_frame(sock: socket.socket) -> bytes:
    (size,) = struct.unpack(">I", read_exactly(sock, 4))
    return read_exactly(sock, size)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def tcpcam_connect(port: int, *sends: bytes) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), DEADLINE_S)
    sock.settimeout(DEADLINE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for data in sends:
        sock.sendall(data)
        time.sleep(0.02)  # so that they are two segments most of the time, as those of real clients
    return sock


def tcpcam(program: str) -> None:
    port = free_port()
    device = Device(program, f"tcpcam port {port}", "tcpcam on")
    device.ask_until("tcpcam status", "listening=yes")
    for request in ((b"1235", b"3"), (b"12353",), (b"1235\r\n", b"3\r\n"), (b"1235\0", b"3\0")):
        with tcpcam_connect(port, *request) as sock:
            for _ in range(3):
                assert jpeg_size(tcpcam_frame(sock)) == (640, 480)
            assert sock.recv(1) == b"", "there is more than was asked for"
    with tcpcam_connect(port, b"9999", b"3") as sock:
        assert sock.recv(1) == b""
    clients = [tcpcam_connect(port, b"1235", b"0") for _ in range(3)]
    slow = tcpcam_connect(port, b"1235", b"-1")
    for _ in range(20):
        for client in clients:
            tcpcam_frame(client)
    device.ask_until("tcpcam status", "watching=4")
    with tcpcam_connect(port) as fifth:
        assert fifth.recv(1) == b"", "there is room for a fifth"
    # The slow one does not read at all: it is closed, and the others go on.
    while "watching=4" in device.ask_until("tcpcam status", "watching="):
        for client in clients:
            tcpcam_frame(client)
    for client in [*clients, slow]:
        client.close()
    device.ask_until("tcpcam status", "clients=0")
    device.type("tcpcam off")
    device.ask_until("tcpcam status", "listening=no")
    device.stop()


def test_payloads(program: str) -> None:
    port = free_port()
    lines = (f"tcpcam port {port}", "tcpcam on")
    for kind, first in (("hello", b"Hello World"), ("jpeg", b"\xff\xd8")):
        device = Device(program, *lines, arguments=("--payload", kind))
        device.ask_until("tcpcam status", "listening=yes")
        with tcpcam_connect(port, b"1235", b"2") as sock:
            frames = [tcpcam_frame(sock), tcpcam_frame(sock)]
            assert frames[0] == frames[1] and frames[0].startswith(first)
        device.type("cam set quality 5")
        device.ask_until("cam status", "now_quality=5")
        with tcpcam_connect(port, b"1235", b"1") as sock:
            assert tcpcam_frame(sock) == frames[0], "the same picture is another one"
        device.stop()


def console_and_store(program: str) -> None:
    device = Device(program)
    device.end_input("wifi status\npsram status")
    device.wait_for("^psram=")
    device.stop()
    assert subprocess.run([program, "--id", "x" * 65], capture_output=True, timeout=DEADLINE_S).returncode != 0
    # A store that cannot be read is not begun anew.
    with tempfile.TemporaryDirectory() as folder:
        end = subprocess.run([program, "--store", folder], capture_output=True, text=True, timeout=DEADLINE_S)
        assert end.returncode != 0 and "cannot be read" in end.stderr, end


TESTS: list[Callable[[str], None]] = [
    handshake_and_pictures,
    channel,
    restarts,
    losses,
    refusals,
    adaptation,
    tcpcam,
    test_payloads,
    console_and_store,
]


def main() -> int:
    for test in TESTS:
        began = time.monotonic()
        test(sys.argv[1])
        print(f"{test.__name__.replace('_', ' ')}: good, {time.monotonic() - began:.1f} s", flush=True)
    return 0


sys.exit(main())
