"""A server that offers what captures use: the REST calls, the frame bus and the WebSocket, and nothing behind them.

It is written from the published protocol, and not with the package's own code, so that both must be right.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from ring_writer import RingWriter

Query = dict[str, str]


def picture(number: int, width: int, height: int, pixel_format: str = "bgr24") -> np.ndarray:
    """A picture that says its number in its first pixel, and in every other one its lowest byte."""
    if pixel_format == "i420":
        length = width * height + 2 * ((width + 1) // 2) * ((height + 1) // 2)
        return np.full(length, number % 256, np.uint8)
    shape = (height, width, 3) if pixel_format == "bgr24" else (height, width)
    pixels = np.full(shape, number % 256, np.uint8)
    if pixel_format == "bgr24":
        pixels[0, 0] = (number & 255, number >> 8 & 255, number >> 16 & 255)
    return pixels


def number_of(pixels: np.ndarray) -> int:
    """The number that a picture says; fails for one that is mixed from two."""
    low = int(pixels.reshape(-1)[-1])
    rest = pixels.reshape(-1)[3:]
    assert (rest == low).all(), "the picture is mixed from several"
    if pixels.ndim != 3:
        return low
    blue, green, red = (int(value) for value in pixels[0, 0])
    return blue | green << 8 | red << 16


class Rendition:
    """One form and size of a stream, with its ring and those who read it."""

    def __init__(self, stream: FakeStream, pixel_format: str, width: int, height: int) -> None:
        self.stream, self.format, self.width, self.height = stream, pixel_format, width, height
        self.ring: RingWriter | None = None
        self.buses: list[Client] = []
        self.viewers: list[Viewer] = []

    def pixels(self, number: int) -> np.ndarray:
        return picture(number, self.width, self.height, self.format)

    def payload(self, number: int) -> bytes:
        if self.format == "jpeg":
            return self.stream.jpeg(number, self.width, self.height)
        return self.pixels(number).tobytes()

    def write(self, number: int, captured: float) -> None:
        if self.format == "jpeg":
            return
        if self.ring is None:
            self.new_ring()
        assert self.ring is not None
        self.ring.write(number, self.pixels(number), captured)

    def new_ring(self) -> None:
        server = self.stream.server
        size = self.pixels(0).size
        path = server.directory / f"ring-{server.rings}"
        server.rings += 1
        self.ring = RingWriter(path, self.stream.name, self.format, self.width, self.height, size, server.slots)
        for client in list(self.buses):
            self.describe(client)

    def describe(self, client: Client) -> None:
        assert self.ring is not None
        client.line(self.stream.server.description(self.ring))


class FakeStream:
    """A camera's stream, whose frames the test publishes."""

    def __init__(self, server: FakeServer, name: str, width: int, height: int) -> None:
        self.server, self.name, self.native = server, name, (width, height)
        self.state, self.reason = "live", ""
        self.newest: tuple[int, float] | None = None
        self.renditions: dict[tuple[str, int, int], Rendition] = {}
        self.info: dict[str, Any] = {"fps": 30.0, "codec": "h264", "bitrate": 2_000_000}

    def jpeg(self, number: int, width: int, height: int) -> bytes:
        import cv2

        ok, data = cv2.imencode(".jpg", picture(number, width, height))
        assert ok
        return data.tobytes()

    def rendition(self, query: Query) -> Rendition:
        """Raises ``ValueError`` for parameters that cannot be."""
        pixel_format = query.get("format", "bgr24")
        if pixel_format not in ("bgr24", "gray", "i420", "jpeg"):
            raise ValueError(f"unknown format {pixel_format}")
        size = query.get("size", "native")
        width, height = self.native if size == "native" else (int(part) for part in size.split("x"))
        return self.renditions.setdefault((pixel_format, width, height), Rendition(self, pixel_format, width, height))

    def publish(self, number: int | None = None, captured: float | None = None) -> int:
        """One frame more, to everybody; its number."""
        with self.server.lock:
            if number is None:
                number = 0 if self.newest is None else self.newest[0] + 1
            self.newest = (number, time.time() if captured is None else captured)
            for rendition in list(self.renditions.values()):
                if rendition.buses:
                    rendition.write(*self.newest)
                for client in list(rendition.buses):
                    client.line(str(number))
                for viewer in rendition.viewers:
                    viewer.offer(*self.newest)
        return number

    def say(self, state: str, reason: str = "") -> None:
        """A change of state."""
        with self.server.lock:
            self.state, self.reason = state, reason
            for rendition in self.renditions.values():
                for client in list(rendition.buses):
                    client.line(self.state_message())
                for viewer in rendition.viewers:
                    viewer.text(self.state_message())

    def state_message(self) -> dict[str, str]:
        return {"type": "state", "state": self.state, "reason": self.reason}

    def flush(self) -> None:
        """Returns when all that was published is in the sockets."""
        deadline = time.monotonic() + 10
        with self.server.lock:
            viewers = [viewer for rendition in self.renditions.values() for viewer in rendition.viewers]
        for viewer in viewers:
            with viewer.changed:
                while viewer.pending is not None or viewer.sending:
                    assert viewer.changed.wait(deadline - time.monotonic()), "a viewer takes nothing"

    @property
    def readers(self) -> int:
        with self.server.lock:
            return sum(len(one.buses) + len(one.viewers) for one in self.renditions.values())


class Client:
    """A connection of whom lines are sent to."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def line(self, what: str | dict[str, Any]) -> None:
        text = what if isinstance(what, str) else json.dumps(what)
        with contextlib.suppress(OSError):
            self.sock.sendall(text.encode() + b"\n")


class Viewer:
    """A WebSocket reader: gets the newest frame each time that it has taken one."""

    def __init__(self, sock: socket.socket, rendition: Rendition) -> None:
        self.sock, self.rendition = sock, rendition
        self.changed = threading.Condition()
        self.pending: tuple[int, float] | None = None
        self.sending = self.over = False
        self.missed = 0
        self.texts: list[str] = []
        threading.Thread(target=self._send_all, daemon=True).start()

    def offer(self, number: int, captured: float) -> None:
        with self.changed:
            self.missed += self.pending is not None
            self.pending = (number, captured)
            self.changed.notify_all()

    def text(self, message: dict[str, Any]) -> None:
        with self.changed:
            self.texts.append(json.dumps(message))
            self.changed.notify_all()

    def end(self) -> None:
        with self.changed:
            self.over = True
            self.changed.notify_all()

    def _send_all(self) -> None:
        while True:
            with self.changed:
                self.sending = False
                self.changed.notify_all()
                while not (self.pending or self.texts or self.over):
                    self.changed.wait()
                if self.over:
                    return
                self.sending = True
                texts, self.texts = self.texts, []
                frame, self.pending = self.pending, None
                missed, self.missed = self.missed, 0
            try:
                for text in texts:
                    self.sock.sendall(ws_frame(1, text.encode()))
                if frame is not None:
                    self._send_frame(*frame, missed)
            except OSError:
                self.end()

    def _send_frame(self, number: int, captured: float, missed: int) -> None:
        if missed:
            dropped = {"type": "dropped", "missed": missed, "total": missed}
            self.sock.sendall(ws_frame(1, json.dumps(dropped).encode()))
        rendition = self.rendition
        meta = {
            "type": "frame",
            "seq": number,
            "captured": captured * 1000,
            "width": rendition.width,
            "height": rendition.height,
        }
        self.sock.sendall(ws_frame(1, json.dumps(meta).encode()) + ws_frame(2, rendition.payload(number)))


def ws_frame(opcode: int, payload: bytes, fin: bool = True, masked: bool = False) -> bytes:
    """A frame as a server sends it."""
    head = bytes([(0x80 if fin else 0) | opcode])
    mask_bit = 0x80 if masked else 0
    if len(payload) < 126:
        return head + bytes([mask_bit | len(payload)]) + payload
    if len(payload) < 65536:
        return head + bytes([mask_bit | 126]) + struct.pack(">H", len(payload)) + payload
    return head + bytes([mask_bit | 127]) + struct.pack(">Q", len(payload)) + payload


def accept_key(key: str) -> str:
    """RFC 6455, section 4.2.2."""
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    return base64.b64encode(digest).decode()


class FakeServer:
    """Listens on a free port of 127.0.0.1."""

    def __init__(self, directory: Path, bus: bool = True, slots: int = 16, token: str | None = None) -> None:
        self.directory, self.bus, self.slots, self.token = directory, bus, slots, token
        self.lock = threading.RLock()
        self.streams: dict[str, FakeStream] = {}
        self.requests: list[tuple[str, str, Query, Any]] = []
        #: Why no ring can be made, if none can.
        self.no_room = ""
        #: URLs that the server does not know what to do with.
        self.refused_urls: tuple[str, ...] = ()
        self.rings = 0
        self.port = 0
        self._sockets: list[socket.socket] = []
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stream(self, name: str = "door", width: int = 64, height: int = 48) -> FakeStream:
        """A new stream."""
        self.streams[name] = FakeStream(self, name, width, height)
        return self.streams[name]

    def start(self) -> None:
        """Listens, after a ``stop`` on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Ends all connections, as a server does that dies; its streams are there again after ``start``."""
        # A listener that only is closed goes on listening while a thread is in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_connections()

    def drop_connections(self) -> None:
        with self.lock:
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            self._sockets.clear()
            for stream in self.streams.values():
                stream.renditions.clear()

    def description(self, ring: RingWriter) -> dict[str, Any]:
        """The line that describes a ring; tests of hostile servers change it."""
        return ring.description()

    def calls(self, method: str, path: str) -> int:
        """How often it was asked so."""
        with self.lock:
            return sum((one[0], one[1]) == (method, path) for one in self.requests)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self._sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            self._answer(sock)
        except OSError:
            pass
        finally:
            with self.lock:
                if sock in self._sockets:
                    self._sockets.remove(sock)
            sock.close()

    def _answer(self, sock: socket.socket) -> None:
        reader = sock.makefile("rb")
        method, target, _ = reader.readline().decode().split(" ")
        headers = {}
        while line := reader.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = json.loads(reader.read(int(headers.get("content-length", 0))) or "null")
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self.lock:
            self.requests.append((method, parts.path, query, body))
        if self.token is not None and headers.get("authorization") != f"Bearer {self.token}":
            return refuse(sock, 401, "a token is needed")
        self.route(sock, method, parts.path, query, body, headers, reader)

    def route(
        self, sock: socket.socket, method: str, path: str, query: Query, body: Any, headers: Query, reader: Any
    ) -> None:
        """Answers one request."""
        if (method, path) == ("POST", "/api/streams/start-with-url"):
            return self._start(sock, body)
        segments = path.strip("/").split("/")
        name = segments[1] if segments[0] == "ws" else segments[2] if len(segments) > 2 else ""
        stream = self.streams.get(name)
        if stream is None:
            return refuse(sock, 404, f"there is no stream {name}")
        if segments[0] == "ws":
            return self._websocket(sock, stream, query, headers, reader)
        if segments[3:] == ["bus"]:
            return self._bus(sock, stream, query)
        return respond(sock, 200, {"stream_id": name, "state": stream.state, **stream.info})

    def _start(self, sock: socket.socket, body: Any) -> None:
        url = body["rtsp_url"]
        if url.startswith(self.refused_urls or ("nothing:",)):
            return refuse(sock, 400, "no camera has such a URL")
        name = "stream_" + hashlib.md5(url.encode()).hexdigest()[:9]
        if name not in self.streams:
            self.stream(name).publish()
        return respond(sock, 200, {"message": "Stream started", "stream_id": name, "rtsp_url": url})

    def _bus(self, sock: socket.socket, stream: FakeStream, query: Query) -> None:
        if not self.bus:
            return refuse(sock, 501, "there is no shared memory here")
        if self.no_room:
            return self._no_ring(sock, stream)
        client = Client(sock)
        with self.lock:
            rendition = stream.rendition(query)
            sock.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n")
            client.line(stream.state_message())
            if stream.newest is not None:
                if rendition.ring is None or rendition.ring.newest != stream.newest[0]:
                    rendition.write(*stream.newest)
                rendition.describe(client)
                client.line(str(stream.newest[0]))
            rendition.buses.append(client)
        try:
            sock.recv(1)
        finally:
            with self.lock:
                rendition.buses.remove(client)

    def _no_ring(self, sock: socket.socket, stream: FakeStream) -> None:
        """Finds out while it answers that there is no room; who asks again hears it at once."""
        if self.calls("GET", f"/api/streams/{stream.name}/bus") > 1:
            return refuse(sock, 503, self.no_room)
        client = Client(sock)
        sock.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n")
        client.line(stream.state_message())
        client.line({"type": "state", "state": "offline", "reason": self.no_room})

    def _websocket(self, sock: socket.socket, stream: FakeStream, query: Query, headers: Query, reader: Any) -> None:
        key = accept_key(headers["sec-websocket-key"])
        with self.lock:
            rendition = stream.rendition(query)
            sock.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Accept: " + key.encode() + b"\r\n\r\n"
            )
            viewer = Viewer(sock, rendition)
            viewer.text({"type": "stream", "name": stream.name})
            viewer.text(stream.state_message())
            if stream.newest is not None:
                viewer.offer(*stream.newest)
            rendition.viewers.append(viewer)
        try:
            while reader.read(1):
                pass
        finally:
            viewer.end()
            with self.lock:
                rendition.viewers.remove(viewer)


def respond(sock: socket.socket, status: int, body: Any) -> None:
    data = json.dumps(body).encode()
    sock.sendall(f"HTTP/1.0 {status} Status\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)


def refuse(sock: socket.socket, status: int, message: str) -> None:
    respond(sock, status, {"error": message})
