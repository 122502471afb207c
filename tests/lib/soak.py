"""What the soaks share: their arguments, a line a minute, memory that must stay flat, and the verdict."""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path
from typing import Callable, NamedTuple, Sequence

ROOT = Path(__file__).resolve().parents[2]

#: The time in which memory may still grow to what the load takes: this part of all, and at least so many seconds.
WARM_UP, LEAST_WARM_UP = 0.2, 60
#: How long a soak lasts unless told otherwise, in minutes.
USUAL_MINUTES = 10.0


def arguments(description: str | None, least_minutes: float) -> argparse.ArgumentParser:
    """A parser of a soak's arguments; in less than ``least_minutes`` memory tells nothing."""

    def minutes(text: str) -> float:
        value = float(text)
        if value < least_minutes:
            raise argparse.ArgumentTypeError(f"at least {least_minutes:g}, or memory tells nothing")
        return value

    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=minutes, default=USUAL_MINUTES)
    return parser


def binary() -> Path:
    """The binary under test."""
    return Path(os.environ.get("CAMHERD_BINARY", ROOT / "target/debug/camherd")).resolve()


class Minutes:
    """Calls ``report`` with the number of each minute that is over."""

    def __init__(self, begun: float, report: Callable[[int], None]) -> None:
        self._begun, self._report, self._next = begun, report, 1

    def look(self, now: float) -> None:
        if now - self._begun >= 60 * self._next:
            self._report(self._next)
            self._next += 1


class Memory(NamedTuple):
    """Memory in MiB, sampled once a second: in the warm-up, and after it."""

    warm: Sequence[float]
    rest: Sequence[float]

    @classmethod
    def of(cls, values: Sequence[float]) -> Memory:
        cut = warm_up(len(values))
        return cls(values[:cut], values[cut:])

    @property
    def early(self) -> float:
        """The middle of the first quarter after the warm-up."""
        return statistics.median(self.rest[: max(1, len(self.rest) // 4)])

    @property
    def late(self) -> float:
        """The middle of the last quarter."""
        return statistics.median(self.rest[-max(1, len(self.rest) // 4) :])

    @property
    def growth(self) -> float:
        return self.late - self.early

    @property
    def peak(self) -> float:
        """The highest value after the warm-up above the highest one in it."""
        return max(self.rest) - max(self.warm)

    def describe(self, digits: int) -> str:
        """All of it; ``digits`` are those of the highest and lowest values, and one more, of the middles, if it is 0."""
        middle = max(1, digits)
        return (
            f"warm-up {len(self.warm)} s, up to {max(self.warm):.{digits}f} MiB; after it {min(self.rest):.{digits}f} to "
            f"{max(self.rest):.{digits}f} MiB, middle of the first quarter {self.early:.{middle}f}, of the last "
            f"{self.late:.{middle}f} MiB"
        )


def warm_up(samples: int) -> int:
    """How many of so many samples, one a second, are of the warm-up."""
    return max(LEAST_WARM_UP, int(samples * WARM_UP))


def conclude(problems: Sequence[str], good: str) -> int:
    """Prints the result, ``good`` when there are no problems; gives the exit status."""
    for problem in problems:
        print(f"FAILED: {problem}")
    print(good if not problems else "the soak has failed")
    return 1 if problems else 0
