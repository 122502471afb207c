"""Frames a second, measured."""

from __future__ import annotations

from collections import deque

#: One frame of so many is noted: to note each would take a tenth of the time that reading it does.
EVERY = 8
#: Frames that the rate is taken over.
WINDOW = 64
#: Over a shorter time the jitter of a camera is more than its rate, in seconds.
LEAST_SPAN = 0.5


class RateMeter:
    """The camera's frame rate, from numbers and capture times; right also when frames were left out."""

    def __init__(self) -> None:
        self._frames: deque[tuple[int, int]] = deque(maxlen=WINDOW // EVERY)
        #: Number of the frame that was noted last. One that is ``EVERY`` or more away is to be noted.
        self.noted = -EVERY

    def note(self, sequence: int, captured_ns: int) -> None:
        """A frame; one that does not follow the last begins anew."""
        if not self._follows(sequence, captured_ns):
            self._frames.clear()
        self._frames.append((sequence, captured_ns))
        self.noted = sequence

    def rate(self, sequence: int, captured_ns: int) -> float | None:
        """Frames a second up to the frame given; None where there is not enough to tell."""
        if not self._frames or not self._follows(sequence, captured_ns):
            return None
        first, begin = self._frames[0]
        seconds = (captured_ns - begin) / 1e9
        return (sequence - first) / seconds if seconds >= LEAST_SPAN else None

    def _follows(self, sequence: int, captured_ns: int) -> bool:
        return not self._frames or (sequence >= self._frames[-1][0] and captured_ns >= self._frames[-1][1])
