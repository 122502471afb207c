"""TCP or TLS connections with deadlines, and as much HTTP/1 as talking to a camherd server takes.

Deadlines are in seconds of ``time.monotonic()``; one that has passed means: only what is there already.
"""

from __future__ import annotations

import contextlib
import json
import math
import select
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from .errors import ConnectionLost, ServerRefused

#: A server that has not taken the connection by then is away, in seconds.
CONNECT_TIMEOUT = 5.0
#: An answer's head, one line of it or all: more than any server sends, and a bound on what a stranger makes us hold.
MAX_HEAD = 16 * 1024
#: The body of an answer in JSON; a list of hundreds of streams fits.
MAX_BODY = 4 * 1024 * 1024
#: A deadline that has always passed.
NOW = 0.0


@dataclass(frozen=True)
class ServerAddress:
    """Where a server is, and the token for it (which is never shown)."""

    host: str
    port: int
    tls: bool = False
    #: Path before all others, for a server behind a reverse proxy; without a slash at its end.
    prefix: str = ""
    token: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str, token: str | None = None) -> ServerAddress:
        """Reads ``http://host:port``, also with ``https`` and a path; a missing port is the scheme's own.

        Raises ``ValueError`` when it is no such address.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as problem:
            raise ValueError(f"the server address is not valid: {problem}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the server address must look like http://HOST:PORT")
        tls = parts.scheme == "https"
        own_token = token if token is not None else (unquote(parts.username) if parts.username else None)
        if own_token and any(ord(character) < 32 or ord(character) > 126 for character in own_token):
            raise ValueError("the token holds characters that no header can carry")
        prefix = quote(parts.path.rstrip("/"), safe="/%")
        return cls(parts.hostname, port or (443 if tls else 80), tls, prefix, own_token or None)

    @property
    def authority(self) -> str:
        """As in the header ``Host``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}{self.prefix}"

    def target(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """The request target for a path below the server."""
        return self.prefix + path + (f"?{urlencode(query)}" if query else "")


def time_left(deadline: float) -> float:
    """Seconds until then, 0 when it has passed."""
    return max(0.0, deadline - time.monotonic())


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


class Connection:
    """A byte stream to a server; what blocks, blocks until a deadline."""

    def __init__(self, address: ServerAddress, deadline: float) -> None:
        """Connects. Raises ``ConnectionLost``."""
        timeout = min(CONNECT_TIMEOUT, max(0.1, time_left(deadline)))
        sock: socket.socket | None = None
        try:
            sock = socket.create_connection((address.host, address.port), timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self.same_machine = sock.getsockname()[0] == sock.getpeername()[0]
            if address.tls:
                sock = _tls_context().wrap_socket(sock, server_hostname=address.host)
            sock.setblocking(False)
        except (OSError, UnicodeError) as problem:
            if sock is not None:
                sock.close()
            raise ConnectionLost(f"cannot connect to {address}: {_plain(problem)}") from None
        self._socket = sock
        self._tls = sock if isinstance(sock, ssl.SSLSocket) else None
        self._poll: select.poll | None = None
        if hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(sock, select.POLLIN)
        self._unread = b""

    def fileno(self) -> int:
        """For ``select``; -1 once closed."""
        return self._socket.fileno()

    @property
    def has_unread(self) -> bool:
        """Whether bytes wait here that ``select`` knows nothing of."""
        return bool(self._unread) or (self._tls is not None and self._tls.pending() > 0)

    def unread(self, data: bytes) -> None:
        """Puts bytes back, to be received first."""
        self._unread = data + self._unread

    def receive_into(self, target: memoryview, deadline: float) -> int | None:
        """How many bytes it put into ``target``; 0 at the end of the stream; None when the deadline passed.

        Raises ``ConnectionLost``.
        """
        if self._unread:
            count = min(len(target), len(self._unread))
            target[:count] = self._unread[:count]
            self._unread = self._unread[count:]
            return count
        while True:
            try:
                return self._socket.recv_into(target)
            except (BlockingIOError, ssl.SSLWantReadError):
                pass
            except OSError as problem:
                raise ConnectionLost(f"the connection to the server broke: {_plain(problem)}") from None
            if not self.wait(deadline):
                return None

    def wait(self, deadline: float) -> bool:
        """Blocks until there is something to receive; False when the deadline passed."""
        if self._unread or (self._tls is not None and self._tls.pending() > 0):
            return True
        timeout = deadline - time.monotonic()
        if timeout <= 0:
            return False
        try:
            if self._poll is not None:
                return bool(self._poll.poll(math.ceil(timeout * 1000)))
            return bool(select.select([self._socket], [], [], timeout)[0])
        except (OSError, ValueError):
            # Closed meanwhile; receiving says so.
            return True

    def send(self, data: bytes, deadline: float) -> None:
        """Sends all of it. Raises ``ConnectionLost``, also when the deadline passes."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                timeout = time_left(deadline)
                if timeout <= 0:
                    raise ConnectionLost("the server takes nothing") from None
                _wait_writable(self._socket, timeout)
            except OSError as problem:
                raise ConnectionLost(f"the connection to the server broke: {_plain(problem)}") from None

    def interrupt(self) -> None:
        """Makes whoever waits for this connection see its end; may be called from any thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends it here. In a forked process the parent's side of it lives on."""
        self._socket.close()


def _wait_writable(sock: socket.socket, timeout: float) -> None:
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        poll.poll(math.ceil(timeout * 1000))
    else:
        select.select([], [sock], [], timeout)


def _plain(problem: Exception) -> str:
    """Its text without the number."""
    if isinstance(problem, (socket.timeout, TimeoutError)):
        return "no answer in time"
    if isinstance(problem, ConnectionRefusedError):
        return "connection refused; is the server running?"
    return getattr(problem, "strerror", None) or str(problem) or type(problem).__name__


@dataclass(frozen=True)
class Head:
    """The head of an answer; the names of ``headers`` are in lower case."""

    status: int
    reason: str
    headers: Mapping[str, str]


def send_request(
    connection: Connection,
    address: ServerAddress,
    method: str,
    target: str,
    deadline: float,
    *,
    version: str = "1.0",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> None:
    """Sends a request with the usual headers and the token. Raises ``ConnectionLost``."""
    lines = [f"{method} {target} HTTP/{version}", f"Host: {address.authority}", "User-Agent: camherd-python"]
    if address.token:
        lines.append(f"Authorization: Bearer {address.token}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    connection.send("\r\n".join([*lines, "", ""]).encode("ascii") + (body or b""), deadline)


def read_head(connection: Connection, deadline: float) -> Head:
    """Receives the head of the answer; what follows it stays in the connection. Raises ``ConnectionLost``."""
    data = bytearray()
    chunk = memoryview(bytearray(4096))
    while (end := data.find(b"\r\n\r\n")) < 0:
        if len(data) > MAX_HEAD:
            raise ConnectionLost("the server's answer has an endless head; is it a camherd server?")
        count = connection.receive_into(chunk, deadline)
        if count is None:
            raise ConnectionLost("the server did not answer in time")
        if count == 0:
            raise ConnectionLost("the server ended the connection without an answer")
        data += chunk[:count]
    connection.unread(bytes(data[end + 4 :]))
    first, *lines = data[:end].decode("latin-1").split("\r\n")
    protocol, _, rest = first.partition(" ")
    code, _, reason = rest.partition(" ")
    if not protocol.startswith("HTTP/1.") or len(code) != 3 or not code.isascii() or not code.isdigit():
        raise ConnectionLost("the answer is not HTTP; is it a camherd server?")
    pairs = (line.partition(":") for line in lines)
    return Head(int(code), reason.strip(), {name.strip().lower(): value.strip() for name, _, value in pairs})


def read_body(connection: Connection, head: Head, deadline: float) -> bytes:
    """The body of an answer to HTTP/1.0: so many bytes as it says, else to the end. Raises ``ConnectionLost``."""
    announced = head.headers.get("content-length", "")
    length = int(announced) if announced.isascii() and announced.isdigit() and len(announced) < 12 else None
    data = bytearray()
    chunk = memoryview(bytearray(16 * 1024))
    while length is None or len(data) < length:
        if len(data) > MAX_BODY:
            raise ConnectionLost(f"the server's answer is longer than {MAX_BODY} bytes")
        count = connection.receive_into(chunk, deadline)
        if count is None:
            raise ConnectionLost("the server did not finish its answer in time")
        if count == 0:
            break
        data += chunk[:count]
    return bytes(data if length is None else data[:length])


def refusal(connection: Connection, head: Head, deadline: float) -> ServerRefused:
    """The error that an answer says, with the server's own sentence where it has one."""
    message = ""
    try:
        answer = json.loads(read_body(connection, head, deadline))
        message = str(answer["error"])[:500]
    except (ConnectionLost, ValueError, KeyError, TypeError, RecursionError):
        # Whatever else may be in the body, the status says enough.
        pass
    return ServerRefused(head.status, message or head.reason or "the server refused")


def request(
    address: ServerAddress, method: str, path: str, deadline: float, body: Mapping[str, Any] | None = None
) -> Any:
    """One call of the REST API: what it answers, out of its JSON. Raises ``ServerRefused`` and ``ConnectionLost``."""
    connection = Connection(address, deadline)
    try:
        content = None if body is None else json.dumps(body).encode()
        send_request(connection, address, method, address.target(path), deadline, body=content)
        head = read_head(connection, deadline)
        if not 200 <= head.status < 300:
            raise refusal(connection, head, deadline)
        try:
            return json.loads(read_body(connection, head, deadline) or b"null")
        except (ValueError, RecursionError):
            raise ConnectionLost(f"{address} answered something else than JSON; is it a camherd server?") from None
    finally:
        connection.close()
