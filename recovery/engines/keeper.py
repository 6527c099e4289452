"""Two processes watch each other, so that nothing outlives `make up`.

The *keeper* is what the person started; it forks the *supervisor*. Invariants: the keeper's
death stops the supervisor (the kernel signals it); the supervisor's death, by SIGKILL too,
leaves its descendants to the keeper (it is their subreaper), which kills them all.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

import psutil

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def keep(supervise: Callable[[], int]) -> int:
    """Run `supervise` in a child; return its exit code when no descendant is left."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    keeper = os.getpid()
    child = os.fork()
    if child == 0:
        os._exit(_be_supervisor(supervise, keeper))
    _forward_signals(child)
    code = _wait_for(child)
    _kill_descendants()
    return code


def _be_supervisor(supervise: Callable[[], int], keeper: int) -> int:
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != keeper:
        return 1
    code = 1
    try:
        code = supervise()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    finally:
        _flush()
    return code


def _forward_signals(child: int) -> None:
    def forward(number: int, _: FrameType | None) -> None:
        try:
            os.kill(child, number)
        except ProcessLookupError:
            return

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, forward)


def _wait_for(child: int) -> int:
    """Reap whatever ends, orphans included, until the supervisor does."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def _kill_descendants() -> None:
    """Kill until nothing is left: the killed leave their own children to us."""
    while True:
        left = psutil.Process().children(recursive=True)
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.02)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, int(value), 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
