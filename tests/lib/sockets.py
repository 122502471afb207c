"""What tests do with sockets of their own."""

from __future__ import annotations

import socket


def hang_up(sock: socket.socket) -> None:
    """Ends a connection, or a listener; whoever waits in it wakes, which a close alone does not do."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # The other side was first.
    sock.close()


def unused_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
