"""HTTP by hand where a test must see every header: no redirects, no cookies, no retries."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any, Mapping, NamedTuple


class Response(NamedTuple):
    """A whole answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def error(self) -> str:
        """The sentence of an error answer, whose shape is ``{"error": "..."}``."""
        answer = self.json()
        assert list(answer) == ["error"], answer
        return answer["error"]


def request(
    address: tuple[str, int],
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout: float = 15.0,
) -> Response:
    """One request on a connection of its own; a ``Host`` in ``headers`` replaces the usual one."""
    connection = http.client.HTTPConnection(*address, timeout=timeout)
    try:
        own_host = any(name.lower() == "host" for name in headers or {})
        connection.putrequest(method, target, skip_host=own_host, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return Response(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


class Stream:
    """An answer without end, read as it comes."""

    def __init__(
        self,
        address: tuple[str, int],
        target: str,
        headers: Mapping[str, str] | None = None,
        timeout: float = 15.0,
    ) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=timeout)
        self._connection.request("GET", target, headers=dict(headers or {}))
        self._sock = self._connection.sock
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        self.headers = self._answer.headers

    def read_available(self, most: int = 1 << 16) -> bytes:
        """What is there, at least a byte; empty at the end of the answer."""
        return self._answer.read1(most)

    def read_at_least(self, count: int) -> bytes:
        """Reads on until there are ``count`` bytes; fewer only at the end of the answer."""
        data = bytearray()
        while len(data) < count:
            chunk = self.read_available()
            if not chunk:
                break
            data += chunk
        return bytes(data)

    def close(self) -> None:
        """Hangs up."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._answer.close()
        self._connection.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
