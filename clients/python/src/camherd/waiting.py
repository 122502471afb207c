"""Waiting for the first of several captures."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple

#: A capture that is not connected tries again by itself when asked, and so it is asked each so often; in seconds.
ASK_INTERVAL = 0.05


class Waitable(NamedTuple):
    """A capture, as waiting for it needs it."""

    #: Grabs a frame if there is one now.
    grab_now: Callable[[], bool]
    #: What to wait for; None where it must be asked.
    fileno: Callable[[], int | None]
    #: Whether frames may come at all.
    alive: Callable[[], bool]


def wait_any(streams: Sequence[Waitable], timeout_ns: int) -> tuple[bool, list[int]]:
    """Grabs a frame of each that has one; waits until one has, or for ``timeout_ns`` (0: without end)."""
    deadline = time.monotonic() + timeout_ns / 1e9 if timeout_ns > 0 else None
    while True:
        ready = [index for index, capture in enumerate(streams) if capture.grab_now()]
        if ready:
            return True, ready
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return False, []
        if not any(capture.alive() for capture in streams):
            return False, []
        _wait(streams, left)


def _wait(streams: Sequence[Waitable], seconds: float | None) -> None:
    filenos = [capture.fileno() for capture in streams]
    connected = [fileno for fileno in filenos if fileno is not None]
    if len(connected) < len(filenos):
        seconds = ASK_INTERVAL if seconds is None else min(seconds, ASK_INTERVAL)
    if not hasattr(select, "poll"):
        if connected:
            select.select(connected, [], [], seconds)
        else:
            time.sleep(seconds or ASK_INTERVAL)
        return
    poll: Any = select.poll()
    for fileno in connected:
        poll.register(fileno, select.POLLIN)
    poll.poll(None if seconds is None else max(1, int(seconds * 1000)))
