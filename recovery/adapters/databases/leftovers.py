"""Ending the programs that a killed agent left on a replica's folder.

Every program of an act inherits the open lock file, has a mark in its environment and runs in a
session of its own. Invariant: a program is ended only when it has the mark and its session's first
process is gone, or is nobody's who holds that lock; a living agent and its programs are never
touched.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import psutil

from recovery.engines import children

MARK = "TOCSIN_ACT"


def marked(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program of an act."""
    return {**environment, MARK: "1"}


def end(lock: Path) -> None:
    """Kills whatever holds this file open without an agent; returns when it was signalled."""
    holding = _holders(lock)
    for pid in holding - {os.getpid()}:
        if _is_left(pid, holding):
            children.signal_quietly(pid, signal.SIGKILL)


def _holders(lock: Path) -> set[int]:
    """The processes that have this file open, as far as we may see."""
    wanted = str(lock.resolve())
    found = set()
    for place in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):
            if any(str(each.readlink()) == wanted for each in place.iterdir()):
                found.add(int(place.parent.name))
    return found


def _is_left(pid: int, holding: set[int]) -> bool:
    try:
        if MARK not in psutil.Process(pid).environ():
            return False
        leader = os.getsid(pid)
        return not psutil.pid_exists(leader) or psutil.Process(leader).ppid() not in holding
    except (ProcessLookupError, psutil.NoSuchProcess, psutil.AccessDenied):
        return False
