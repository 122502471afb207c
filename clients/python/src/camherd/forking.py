"""Whether this process is a copy of the one that something was made in.

Asking the system for the process number instead would be a system call or two for each frame.
"""

from __future__ import annotations

import os

#: How often this process and those that it comes from have forked, on the child's side.
generation = 0


def _forked() -> None:
    global generation
    generation += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
