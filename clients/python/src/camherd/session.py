"""One reader's connection to a stream, through server restarts and cameras that come and go."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import forking
from .api import start_with_url, stream_info
from .bus import BusFeed
from .errors import CamherdError, ConnectionLost, RingUnusable, ServerRefused
from .feed import Feed
from .frames import ArrayPool, Frame
from .net import CONNECT_TIMEOUT, NOW
from .source import Target
from .wsfeed import WebSocketFeed

log = logging.getLogger("camherd")

#: Time from the first failure to the second attempt, in seconds; it doubles from there.
FIRST_PAUSE = 0.1
#: The longest time between two attempts, in seconds.
LONGEST_PAUSE = 5.0
#: An attempt to connect gets so long even where the reader has less time left, or it could never succeed; in seconds.
LEAST_ATTEMPT = 1.0
#: What the server says of a stream is asked for at most each so often, in seconds.
INFO_INTERVAL = 1.0

TRANSPORTS = ("auto", "shm", "websocket")


@dataclass(frozen=True)
class Wanted:
    """In which form frames are wanted."""

    format: str = "bgr24"
    #: Width and height; None: the camera's own.
    size: tuple[int, int] | None = None
    transport: str = "auto"

    @property
    def query(self) -> dict[str, str]:
        """As parameters of a request."""
        size = "native" if self.size is None else f"{self.size[0]}x{self.size[1]}"
        return {"format": self.format, "size": size}


class Session:
    """Gives frames of one stream, and connects again whenever it has to.

    ``open`` and ``next`` are for one thread at a time; everything else is for any thread.
    """

    def __init__(self, target: Target, wanted: Wanted, pool: ArrayPool) -> None:
        self.target, self.wanted = target, wanted
        self._pool = pool
        self._feed: Feed | None = None
        self._ended = threading.Event()
        # The same for each frame, where a call less is worth having.
        self._over = False
        self._generation = forking.generation
        self._stream = target.stream
        self._bus_offered = wanted.transport == "shm" or (wanted.transport == "auto" and wanted.format != "jpeg")
        self._bus_position: tuple[str, int] | None = None
        self._bus_worked = False
        self._pause = FIRST_PAUSE
        self._next_attempt = 0.0
        self._failure = ""
        # The first frame, which open() waited for and next() gives.
        self._held: Frame | None = None
        self._last_captured_ns = 0
        self._connected_anew = False
        self._form_changed = False
        self._info: Mapping[str, Any] = {}
        self._info_asked: float | None = None

    # What is known of the stream.

    @property
    def stream(self) -> str:
        """Its name, empty before the server has said it."""
        return self._stream or ""

    @property
    def transport(self) -> str:
        """How frames come: ``shm`` or ``websocket``; empty while not connected."""
        feed = self._feed
        return feed.transport if feed is not None else ""

    @property
    def state(self) -> str:
        """``waiting``, ``live`` or ``offline``."""
        feed = self._feed
        return feed.state if feed is not None else "offline"

    @property
    def reason(self) -> str:
        """Why there are no frames; empty when there are."""
        feed, failure = self._feed, self._failure
        if feed is None:
            return failure
        return feed.reason or (f"no frame yet after: {failure}" if failure else "")

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the frames, as far as known."""
        feed = self._feed
        if self.wanted.size is not None:
            return self.wanted.size
        return feed.size if feed is not None else None

    @property
    def buffered(self) -> int:
        """How many frames a reader may be behind; 0: unknown."""
        feed = self._feed
        return feed.buffered if feed is not None else 0

    def info(self) -> Mapping[str, Any]:
        """What the server says of the stream, at most ``INFO_INTERVAL`` old; empty when it cannot be asked."""
        now = time.monotonic()
        if self._stream and (self._info_asked is None or now - self._info_asked > INFO_INTERVAL):
            self._info_asked = now
            try:
                self._info = stream_info(self.target.address, self._stream, now + CONNECT_TIMEOUT)
            except CamherdError as problem:
                log.debug("%s: %s", self.target.label, str(problem))
        return self._info

    # Frames.

    def open(self, latest: bool, timeout: float) -> None:
        """Connects and waits for a first frame.

        Raises ``ConnectionLost`` and ``ServerRefused`` at once where there is no server or it refuses, and
        ``RingUnusable`` where nothing but shared memory will do.
        """
        deadline = time.monotonic() + timeout
        try:
            self._feed = self._connect(deadline)
        except CamherdError as problem:
            self._failed(problem, deadline)
            raise
        self._held = self.next(latest, timeout)
        if self._held is None:
            raise ConnectionLost(
                f"no frame within {timeout:g} s: {self.state}{': ' if self.reason else ''}{self.reason}"
            )

    def next(self, latest: bool, timeout: float) -> Frame | None:
        """A frame that this reader has not had: the newest, or the next in order. None when there is none in time."""
        if self._generation != forking.generation:
            self._leave_to_parent()
        held, self._held = self._held, None
        if held is not None and not latest:
            return held
        # With a frame in hand there is nothing to wait for.
        deadline = NOW if held is not None else time.monotonic() + timeout
        while not self._over:
            try:
                if self._form_changed:
                    self._form_changed, held = False, None
                    self._disconnect()
                feed = self._feed
                if feed is None:
                    if not self._wait_for_attempt(deadline):
                        return held
                    feed = self._feed = self._connect(deadline)
                    if self._over:
                        # Too late for whoever interrupted to see it.
                        break
                frame = feed.next(latest, deadline)
            except CamherdError as problem:
                self._failed(problem, deadline)
                continue
            if frame is None:
                return held
            if self._connected_anew:
                if self._is_old(feed, frame):
                    continue
                self._succeeded()
            if held is not None:
                # Nobody was reading yet.
                frame.missed = 0
            self._last_captured_ns = frame.captured_ns
            return frame
        self._disconnect()
        return None

    def _is_old(self, feed: Feed, frame: Frame) -> bool:
        """Whether the first frame of a connection is the last one once more, or what a camera left behind when it
        went away.

        A server gives its newest frame to whoever connects.
        """
        repeated = frame.captured_ns != 0 and frame.captured_ns == self._last_captured_ns
        return repeated or feed.state == "offline"

    def _succeeded(self) -> None:
        self._connected_anew = False
        self._pause = FIRST_PAUSE
        if isinstance(self._feed, BusFeed):
            self._bus_worked = True
        if self._failure:
            log.info("%s: frames come again", self.target.label)
            self._failure = ""

    # Connecting.

    def _connect(self, deadline: float) -> Feed:
        deadline = max(deadline, time.monotonic() + LEAST_ATTEMPT)
        target = self.target
        if target.url is not None:
            # Each time: the server may be a new one that knows nothing of the camera.
            self._stream = start_with_url(target.address, target.url, self.wanted.size, deadline)
        stream, query = self._stream or "", self.wanted.query
        self._connected_anew = True
        if self._bus_offered:
            try:
                return BusFeed(target.address, stream, query, deadline, self._bus_position)
            except ServerRefused as problem:
                # 501: it has none. 503: there may be no room for a ring; when nothing else comes either, the
                # WebSocket is refused as well.
                if problem.status not in (501, 503) or self.wanted.transport == "shm":
                    raise
                self._bus_offered = problem.status != 501
                log.debug("%s: no shared memory: %s", target.label, str(problem))
        return WebSocketFeed(target.address, stream, query, self._pool, deadline)

    def _failed(self, problem: CamherdError, deadline: float) -> None:
        """Puts the next attempt off, longer each time, and by chance, so that many readers do not come at once."""
        self._disconnect()
        if isinstance(problem, RingUnusable) and self.wanted.transport == "auto":
            # One that worked may have been changed for another just now; that is worth another look.
            if not self._bus_worked:
                self._bus_offered = False
                level = logging.INFO if problem.elsewhere else logging.WARNING
                log.log(level, "%s: WebSocket instead of shared memory: %s", self.target.label, str(problem))
                return
            self._bus_worked = False
        if self._over:
            return
        if not self._failure:
            log.warning("%s: %s; trying again", self.target.label, str(problem))
        self._failure = str(problem)
        self._next_attempt = time.monotonic() + self._pause * random.uniform(0.5, 1.0)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _wait_for_attempt(self, deadline: float) -> bool:
        """False when the deadline comes first."""
        wait = self._next_attempt - time.monotonic()
        left = deadline - time.monotonic()
        if wait > 0:
            self._ended.wait(max(0.0, min(wait, left)))
        return wait <= max(left, 0.0)

    def _disconnect(self, politely: bool = True) -> None:
        feed, self._feed = self._feed, None
        if feed is not None:
            if isinstance(feed, BusFeed):
                self._bus_position = feed.position
            feed.close(politely)

    def _leave_to_parent(self) -> None:
        """In a forked process: the connection is the parent's, and reading from it would steal its frames."""
        self._generation = forking.generation
        self._held = None
        self._disconnect(politely=False)

    # From any thread.

    def resize(self, wanted: Wanted) -> None:
        """Wants frames in another form from the next on."""
        self.wanted = wanted
        self._form_changed = True

    def ready_fileno(self) -> int | None:
        """What ``select`` may wait for; None where it must not wait: not connected, or something is there already."""
        feed = self._feed
        if feed is None or self._held is not None or feed.has_unread or feed.fileno() < 0:
            return None
        return feed.fileno()

    def interrupt(self) -> None:
        """Ends ``next`` wherever it waits, for good."""
        self._over = True
        self._ended.set()
        feed = self._feed
        if feed is not None and self._generation == forking.generation:
            feed.interrupt()

    def close(self) -> None:
        """Ends the connection; not while another thread is in ``next``."""
        self._over = True
        self._ended.set()
        self._held = None
        self._disconnect(politely=self._generation == forking.generation)
