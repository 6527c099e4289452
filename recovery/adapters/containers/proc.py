"""What /proc says of processes. Linux only; every read copes with a process that just ended."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Stat:
    """A few fields of /proc/PID/stat. `started` is BOOTTIME in clock ticks: with the pid it
    names one process for ever."""

    pid: int
    state: str
    parent: int
    session: int
    flags: int
    started: int

    @property
    def is_alive(self) -> bool:
        return self.state not in "ZX"

    @property
    def started_seconds(self) -> float:
        return self.started / _TICKS


def stat(pid: int) -> Stat | None:
    """The process now, or None when there is none."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return Stat(pid, fields[0], int(fields[1]), int(fields[3]), int(fields[6]), int(fields[19]))


def environment_value(pid: int, name: str) -> str:
    """One variable of a process's first environment; empty when not ours to read."""
    try:
        data = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return ""
    prefix = name.encode() + b"="
    for item in data.split(b"\0"):
        if item.startswith(prefix):
            return item[len(prefix) :].decode(errors="replace")
    return ""


def pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]


def name(pid: int) -> str:
    """The short name that `ps` shows; empty when it is gone."""
    try:
        return (_PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""
