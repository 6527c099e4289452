"""A lab host's first process: starts the agent, restarts it within 2 s, reaps everything. A
store's does the same for the store.

SIGKILL of this process is the loss of the host: it is pid 1 of its own pid namespace, so the
kernel takes everything below it along. Where namespaces are not to be had, the zygote sweeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import logging
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from recovery.agent.__main__ import serve
from recovery.agent.config import load
from recovery.core.errors import TocsinError
from recovery.lab import clocks, linux, processes
from recovery.lab.netns.life import Life
from recovery.lab.provider import run as provider
from recovery.lab.stores import run as stores

RESTART_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class FirstProcess:
    """Of one machine. `is_seated`: in a network of its own."""

    name: str
    config: Path
    log: Path
    kind: str = "host"
    is_seated: bool = False

    def run(self, lifeline: int) -> None:
        """Never returns before the lab lets go of `lifeline`."""
        _redirect(self.log)
        clocks.take(self.log.parent)
        life = Life() if self.is_seated else None
        linux.name_process(f"host-{self.name}")
        _look_after(lambda: _fork_agent(self, life), lifeline)


def _look_after(fork: Callable[[], int], lifeline: int) -> None:
    linux.become_subreaper()
    wake, wake_writer = os.pipe()
    os.set_blocking(wake_writer, False)
    signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    agent, due = fork(), 0.0
    while True:
        wait = max(0.0, due - time.monotonic()) if agent == 0 else None
        ready, _, _ = select.select([wake, lifeline], [], [], wait)
        if lifeline in ready and not os.read(lifeline, 1):
            end_below()
            os._exit(0)
        if wake in ready:
            os.read(wake, 4096)
        if agent in _reaped():
            agent, due = 0, time.monotonic() + RESTART_SECONDS
        if agent == 0 and time.monotonic() >= due:
            agent = fork()


def _end(number: int, frame: FrameType | None) -> None:
    end_below()
    os._exit(0)


def end_below() -> None:
    """Kills what is below this process; the kernel does it better where we are pid 1."""
    if os.getpid() == 1:
        return
    with contextlib.suppress(ChildProcessError):
        while True:
            for pid in processes.tree(os.getpid())[1:]:
                processes.send(pid, signal.SIGKILL)
            os.waitpid(-1, 0)


def _reaped() -> set[int]:
    """Pids of the children that ended: the agent, and containers whose agent is gone."""
    ended: set[int] = set()
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.add(pid)


def _fork_agent(first: FirstProcess, life: Life | None) -> int:
    """The agent is forked rather than executed: its modules are in memory already."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        if life is not None:
            life.let_go()
        linux.name_process(f"agent-{first.name}")
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        linux.die_with_parent(signal.SIGKILL)
        code = _PROGRAMS[first.kind](first.config)
    except BaseException:  # noqa: BLE001 (a forked child must never return to its parent's code)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _agent(config: Path) -> int:
    gc.enable()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True
    )
    logging.getLogger("websockets").setLevel(logging.WARNING)
    try:
        asyncio.run(serve(load(config)))
    except TocsinError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


_PROGRAMS: dict[str, Callable[[Path], int]] = {
    "host": _agent,
    "drill": _agent,
    "bucket": stores.serve,
    "snapshots": provider.serve,
}


def _redirect(log: Path) -> None:
    """Standard output and error into the log, nothing on standard input."""
    kept = _above_standard(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    null = _above_standard(os.open(os.devnull, os.O_RDONLY))
    for source, target in ((null, 0), (kept, 1), (kept, 2)):
        os.dup2(source, target)
    os.close(kept)
    os.close(null)


def _above_standard(descriptor: int) -> int:
    """0 to 2 may be closed here, and a file just opened gets one of their numbers: moved away."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD, 3)
    os.close(descriptor)
    return moved
