"""What the fake cameras have in common that the server connects to: a port, numbered pictures, and being switched off."""

from __future__ import annotations

import socket
import threading
from typing import Self

import jpegs
from sockets import hang_up

#: Time between two pictures, in seconds.
INTERVAL = 0.05


class FakeCamera:
    """A camera on a port of its own; a kind of camera says what it does with a connection, in ``talk``.

    Its pictures are numbered, also over reconnects and over being switched off and on.
    """

    def __init__(self) -> None:
        self.off = threading.Event()
        self._lock = threading.Lock()
        #: Number of the next picture.
        self.sequence = 0
        #: The pictures that went out, or are about to.
        self.sent: list[bytes] = []
        #: How many connections there were.
        self.connections = 0
        self.port = 0
        self.switch_on()

    def talk(self, sock: socket.socket) -> None:
        """Serves a connection; its end, or an OSError or ValueError, is the end of the connection."""
        raise NotImplementedError

    def switch_on(self) -> None:
        """Listens, again on the same port."""
        self.off.clear()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def switch_off(self) -> None:
        """Hangs up wherever it is."""
        self.off.set()
        for sock in [self._listener, *self._sockets]:
            hang_up(sock)

    def take(self) -> bytes:
        """A picture with the next number."""
        with self._lock:
            picture = jpegs.picture(self.sequence)
            self.sequence += 1
            self.sent.append(picture)
            return picture

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            self._sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            self.talk(sock)
        except (OSError, ValueError):
            pass  # Switched off, or the other side hung up.
        finally:
            hang_up(sock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.switch_off()
