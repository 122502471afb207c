"""What the two ways to get frames, shared memory and WebSocket, have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from .frames import Frame


class Feed(ABC):
    """One connection to a server through which frames come."""

    #: ``shm`` or ``websocket``.
    transport: str
    #: ``waiting``, ``live`` or ``offline``, as the server says.
    state: str = "waiting"
    #: Why there are no pictures, for a person.
    reason: str = ""
    #: Width and height of the frames, once known.
    size: tuple[int, int] | None = None
    #: How many frames a reader may be behind before it misses some; 0: unknown.
    buffered: int = 0

    @abstractmethod
    def next(self, latest: bool, deadline: float) -> Frame | None:
        """A frame that has not been given before, the newest or the next in order; None when the deadline passed.

        Raises ``ConnectionLost`` and ``RingUnusable``.
        """

    @abstractmethod
    def fileno(self) -> int:
        """For ``select``."""

    @property
    @abstractmethod
    def has_unread(self) -> bool:
        """Whether there is something to look at that ``select`` knows nothing of."""

    @abstractmethod
    def interrupt(self) -> None:
        """Wakes whoever waits in ``next``; from any thread."""

    @abstractmethod
    def close(self, politely: bool = True) -> None:
        """Ends it; ``politely=False`` sends nothing, as the connection belongs to another process too."""

    def take_state(self, message: Mapping[str, Any]) -> None:
        """From a message of the type ``state``."""
        state, reason = message.get("state"), message.get("reason")
        if state in ("waiting", "live", "offline"):
            self.state = str(state)
            self.reason = reason[:500] if isinstance(reason, str) else ""
