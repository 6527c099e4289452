"""Does to the lab and the control plane what a schedule says, and undoes it in time."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

import psycopg

from recovery.adapters.containers import proc
from recovery.core.clock import system
from recovery.core.errors import Refused
from recovery.lab import processes
from tests.chaos_failover.plan import Schedule, Strike
from tests.support.stack import Stack

ROLES = (
    "SELECT r.role, h.name FROM inventory_replica r JOIN inventory_host h ON h.id = r.host_id"
    " JOIN inventory_database d ON d.id = r.database_id WHERE d.name = %s ORDER BY r.number"
)
Undo = Callable[[], object]
AFTER_HANG = 0.05
"""Seconds after which a process of a host that hung goes on, once its host does."""


@dataclass(frozen=True, slots=True)
class End:
    """What ends at `due`; `host`: whose processes go on then."""

    due: float
    undo: Undo
    host: str = ""

    def after(self, hung: Mapping[str, float]) -> End:
        """No process of a hung host goes on before its host: a machine stands still as one, and a
        server that ran on beside its frozen watchdog would be no fault that there is."""
        until = hung.get(self.host, 0.0)
        return replace(self, due=until + AFTER_HANG) if until >= self.due else self


@dataclass(slots=True)
class Striker:
    """One schedule's. Its thread has a connection of its own to the rows."""

    stack: Stack
    schedule: Schedule
    began: float
    done: list[str] = field(default_factory=list)
    _roles: dict[str, str] = field(default_factory=dict)
    _hung: dict[str, float] = field(default_factory=dict)
    _thread: threading.Thread | None = None
    _error: BaseException | None = None

    def start(self) -> None:
        self.stack = Stack(self.stack.running, self.stack.env, self.stack.tokens)
        self._look()
        name = f"schedule {self.schedule.number}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def join(self) -> None:
        assert self._thread is not None
        self._thread.join()
        self.stack.close()
        if self._error is not None:
            raise self._error

    # ------------------------------------------------------------------ in its thread

    def _run(self) -> None:
        try:
            self._strike_all()
        except BaseException as error:  # noqa: BLE001 (told by `join`)
            self._error = error

    def _strike_all(self) -> None:
        """Everything at its moment; what lasts is undone at its own."""
        ends: list[End] = []
        for strike in self.schedule.strikes:
            self._undo_until(ends, strike.moment)
            time.sleep(max(0.0, self.began + strike.moment - system.monotonic()))
            if (end := self._strike(strike)) is not None:
                ends.append(end)
        self._undo_until(ends, float("inf"))

    def _undo_until(self, ends: list[End], moment: float) -> None:
        while ends:
            ends[:] = sorted((end.after(self._hung) for end in ends), key=lambda end: end.due)
            if ends[0].due > moment:
                return
            end = ends.pop(0)
            time.sleep(max(0.0, self.began + end.due - system.monotonic()))
            with suppress(Refused, ProcessLookupError):
                end.undo()

    def _strike(self, strike: Strike) -> End | None:
        """Whatever is down at that moment is not struck."""
        host = ""
        try:
            if strike.target == "control":
                undo = self._strike_control(strike)
            else:
                host = self._host(strike.target)
                undo = self._strike_host(strike, host)
        except (Refused, AssertionError, ProcessLookupError) as error:
            self.done.append(f"not {strike}: {error}")
            return None
        self.done.append(str(strike))
        until = strike.moment + strike.seconds
        if strike.kind == "hang-host":
            self._hung[host] = until
        stopped = host if strike.kind.startswith("stop-") else ""
        return End(until, undo, stopped) if undo is not None else None

    def _strike_control(self, strike: Strike) -> Undo | None:
        if strike.kind == "kill-control":
            self.stack.kill(strike.what)
            return None
        pid = self.stack.kill(strike.what, signal.SIGSTOP)
        return lambda: os.kill(pid, signal.SIGCONT)

    def _strike_host(self, strike: Strike, host: str) -> Undo | None:
        lab = self.stack.lab
        match strike.kind:
            case "kill-host":
                lab("kill", host=host)
                return lambda: lab("restart", host=host)
            case "hang-host":
                lab("hang", host=host)
                return lambda: lab("heal", host=host)
            case "partition" | "isolate" | "sever":
                lab(strike.kind, host=host, way=strike.what)
                return lambda: lab("heal", host=host)
            case "kill-agent":
                lab("kill-agent", host=host)
                return None
            case "step-clock":
                lab("step-clock", host=host, seconds=float(strike.what))
                return lambda: lab("step-clock", host=host, seconds=0)
            case _:
                return self._signal(strike.kind, host)

    def _signal(self, kind: str, host: str) -> Undo | None:
        seen = self.stack.lab_hosts()[host]
        if kind == "stop-agent":
            pids = [seen["agent"]] if seen["agent"] else []
        else:
            pids = list(watched(seen["pid"], itself=kind == "kill-watchdog"))
        if not pids:
            raise Refused(f"nothing of that runs on {host}")
        number = signal.SIGSTOP if kind.startswith("stop") else signal.SIGKILL
        for pid in pids if number is signal.SIGSTOP else pids[:1]:
            processes.send(pid, number)
        return (lambda: _continue(pids)) if number is signal.SIGSTOP else None

    # ------------------------------------------------------------------ who

    def _host(self, target: str) -> str:
        """Where the primary, or the standby, is now, as far as rows can be read."""
        self._look()
        if target not in self._roles:
            raise Refused(f"{self.schedule.database} has no {target} now")
        return self._roles[target]

    def _look(self) -> None:
        with suppress(psycopg.Error):
            self._roles = dict(self.stack.rows(ROLES, self.schedule.database))


def watched(first: int, *, itself: bool) -> Iterator[int]:
    """Watchdogs below a host's first process, or what they watch: servers first."""
    for pid in processes.tree(first)[1:] if first else []:
        if proc.name(pid) == "watchdog":
            yield from ([pid] if itself else processes.tree(pid)[1:])


def _continue(pids: list[int]) -> None:
    for pid in pids:
        processes.send(pid, signal.SIGCONT)
