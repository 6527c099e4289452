"""The processes of one lab host, seen and signalled from outside."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection
from pathlib import Path

from recovery.adapters.containers import proc
from recovery.lab.linux import EXITING


def is_dying(pid: int) -> bool:
    """Whether the first process is past the point of no return (or gone).

    The kernel marks it before it takes down what lives in its pid namespace, so whoever sees the
    end of one of its connections can tell a lost host from a crashed container.
    """
    found = proc.stat(pid)
    return found is None or not found.is_alive or bool(found.flags & EXITING)


def tree(pid: int) -> list[int]:
    """The first process and everything below it."""
    below = [pid]
    for known in below:
        below += _children(known)
    return below


def _children(pid: int) -> list[int]:
    """By the kernel's own list: a look at every process of the machine holds the daemon up, and
    with it whatever it relays, for seconds when the machine is busy."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(word) for word in (task / "children").read_text().split()]
    return found


def agent_of(pid: int) -> int | None:
    """The host's agent: the child of its first process that bears the agent's name."""
    agents = (child for child in _children(pid) if proc.name(child).startswith("agent-"))
    return next(agents, None)


def stopped(pid: int) -> frozenset[int]:
    """Whoever below the first process stands still."""
    seen = (proc.stat(each) for each in tree(pid))
    return frozenset(each.pid for each in seen if each is not None and each.state == "T")


def signal_tree(
    pid: int, number: signal.Signals, *, sparing: Collection[int] = frozenset()
) -> None:
    """Signals the first process and everything below; twice, for what was just forked."""
    for _ in range(2):
        for each in tree(pid):
            if each not in sparing:
                send(each, number)


def send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
