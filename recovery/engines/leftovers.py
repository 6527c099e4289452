"""What an earlier start left running after both its watchers were killed.

Invariant: only processes that carry this folder's mark in their environment are ended, and
only by whoever holds the folder's lock.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil

from recovery.engines import children

MARK = "TOCSIN_SUPERVISED_IN"


def find(folder: Path) -> list[int]:
    """The pids that a supervisor of this folder started and that still run."""
    wanted = f"{MARK}={folder}".encode()
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if wanted in words and int(entry.name) not in mine:
            found.append(int(entry.name))
    return [pid for pid in found if children.is_alive(pid)]


def end_all(folder: Path) -> int:
    """End them; how many there were."""
    total = 0
    while found := find(folder):
        total += len(found)
        children.end(found, polite=signal.SIGTERM, seconds=5.0)
    return total
