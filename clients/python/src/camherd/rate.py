"""Frames a second, measured."""

from __future__ import annotations

from collections import deque

#: Frames that the rate is taken over.
WINDOW = 64
#: Over a shorter time the jitter of a camera is more than its rate, in seconds.
LEAST_SPAN = 0.5


class RateMeter:
    """The camera's frame rate, from numbers and capture times; right also when frames were left out."""

    def __init__(self) -> None:
        self._frames: deque[tuple[int, int]] = deque(maxlen=WINDOW)

    def add(self, sequence: int, captured_ns: int) -> None:
        """One frame more; one that does not follow the last begins anew."""
        if self._frames and not (sequence > self._frames[-1][0] and captured_ns > self._frames[-1][1]):
            self._frames.clear()
        self._frames.append((sequence, captured_ns))

    def rate(self) -> float | None:
        """Frames a second; None before there is enough to tell."""
        if len(self._frames) < 2:
            return None
        (first, begin), (last, end) = self._frames[0], self._frames[-1]
        seconds = (end - begin) / 1e9
        return (last - first) / seconds if seconds >= LEAST_SPAN else None
