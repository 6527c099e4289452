"""What an earlier start left running after both its watchers were killed.

Invariant: only processes of this folder are ended, and only by whoever holds its lock. A process
is of this folder when it carries its mark in its environment, or when the status file names it
with the very moment of its start (servers that rewrite their title lose the mark).
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil

from recovery.engines import children
from recovery.engines.state import State

MARK = "TOCSIN_SUPERVISED_IN"


def find(folder: Path) -> list[int]:
    """The pids that a supervisor of this folder started and that still run."""
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = _marked(f"{MARK}={folder}".encode()) | _recorded(State(folder))
    return sorted(pid for pid in found - mine if children.is_alive(pid))


def _marked(mark: bytes) -> set[int]:
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in words:
            found.add(int(entry.name))
    return found


def _recorded(state: State) -> set[int]:
    processes = state.read_status().get("processes", [])
    found = set()
    for each in processes if isinstance(processes, list) else []:
        pid, created = each.get("pid"), each.get("created")
        if pid and children.created(pid) == created:
            found.add(int(pid))
    return found


def end_all(folder: Path) -> int:
    """End them; how many there were."""
    total = 0
    while found := find(folder):
        total += len(found)
        children.end(found, polite=signal.SIGTERM, seconds=5.0)
    return total
