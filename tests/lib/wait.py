"""Waiting for what can be observed, with a deadline; tests do not sleep to be in time."""

from __future__ import annotations

import time
from typing import Callable, TypeVar

T = TypeVar("T")

#: Time between two looks, in seconds.
INTERVAL = 0.02
#: Longest wait unless told otherwise, in seconds: for what takes milliseconds on a machine that is busy.
PATIENCE = 10.0


def eventually(check: Callable[[], T], what: str = "", timeout: float = PATIENCE) -> T:
    """The first true value of ``check``; its AssertionErrors mean "not yet".

    Raises AssertionError with the last value or error when there is none in time.
    """
    deadline = time.monotonic() + timeout
    while True:
        error: AssertionError | None = None
        value = None
        try:
            value = check()
        except AssertionError as failed:
            error = failed
        if value:
            return value
        if time.monotonic() >= deadline:
            seen = error if error is not None else repr(value)
            raise AssertionError(f"not within {timeout:g} s: {what or check}: {seen}")
        time.sleep(INTERVAL)
