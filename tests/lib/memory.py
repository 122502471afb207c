"""Memory of a process, as the system counts it."""

from __future__ import annotations

import re
from pathlib import Path


def resident_mib(pid: int) -> float:
    """Memory that a process holds, in MiB."""
    match = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert match, f"no VmRSS of process {pid}"
    return int(match[1]) / 1024
