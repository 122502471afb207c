"""What tests do with sockets of their own."""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager
from typing import Iterator


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


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that answers nobody: the queue of its listener is full, and Linux drops what does not fit."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        # The queue holds one; the others are under way.
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
