"""Starting and ending processes so that none outlives the one that answers for it.

Invariant: a child has its own process group and gets a signal from the kernel when the
thread that started it dies (PR_SET_PDEATHSIG), however that happens.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from recovery.core.clock import system


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: IO[bytes] | None = None,
    last_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `argv` in its own group; it receives `last_signal` when the caller dies."""
    name = last_signal.name.removeprefix("SIG")
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", name, "--", *argv],
        env=None if env is None else dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT if log else None,
        process_group=0,
    )


def is_alive(pid: int) -> bool:
    """True while the process runs; a zombie is dead."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def created(pid: int) -> float | None:
    """When the process began: with the pid it names one process for good."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def wait_until_gone(pids: Iterable[int], seconds: float) -> set[int]:
    """Wait for the processes to end; what is still there afterwards is returned."""
    left, deadline = set(pids), system.monotonic() + seconds
    while left:
        left = {pid for pid in left if is_alive(pid)}
        if system.monotonic() >= deadline:
            break
        time.sleep(0.02)
    return left


def signal_quietly(pid: int, number: signal.Signals) -> None:
    """Send a signal to one process; that it is gone already is what we wanted."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def end(pids: Iterable[int], *, polite: signal.Signals, seconds: float) -> None:
    """Ask, wait, then kill: afterwards none of the processes runs."""
    asked = set(pids)
    for pid in asked:
        signal_quietly(pid, polite)
    stubborn = wait_until_gone(asked, seconds)
    for pid in stubborn:
        signal_quietly(pid, signal.SIGKILL)
    wait_until_gone(stubborn, 5.0)


def end_group(leader: int) -> None:
    """Kill what is left of a process group; the leader itself may be gone."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
