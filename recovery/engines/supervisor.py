"""Keeps the programs running: starts in stages, restarts what dies, stops in reverse.

Invariants: a program has at most one process; one that died comes back after its backoff;
after `stop()` none of them runs. It decides nothing about the domain.
"""

from __future__ import annotations

import select
import signal
import socket
import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from recovery.core.clock import Clock
from recovery.engines import children
from recovery.engines.logs import last_line, trim
from recovery.engines.programs import Program, Stage

LONGEST_BACKOFF = 10.0
PROVEN_SECONDS = 60.0
HOUSEKEEPING_SECONDS = 5.0
STARTING_SECONDS = 0.1
SETTLED_SECONDS = 0.5
"""A program without a readiness check is up when it has run so long."""


@dataclass(slots=True)
class Kept:
    """A program and its present process."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    since: str = ""
    restarts: int = 0
    backoff: float = 0.0
    due: float = 0.0
    last_exit: int | None = None
    is_up: bool = False

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None


class Supervisor:
    """The loop. `say` prints a line for people, `publish` writes the status for programs."""

    def __init__(
        self,
        programs: Iterable[Program],
        *,
        clock: Clock,
        root: Path,
        logs: Path,
        env: Mapping[str, str],
        say: Callable[[str], None],
        publish: Callable[[list[Kept]], None],
    ) -> None:
        self.kept = [Kept(program, backoff=program.backoff) for program in programs]
        self._clock, self._root, self._logs = clock, root, logs
        self._env, self._say, self._publish = dict(env), say, publish
        self._wake, wake_write = socket.socketpair()
        self._wake_write = wake_write
        for end in (self._wake, wake_write):
            end.setblocking(False)
        self._housekeeping = 0.0
        self.is_stopping = False

    def listen_to_signals(self) -> None:
        """SIGTERM and SIGINT end the loop; a child's end wakes it."""
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)

    def _ask_to_stop(self, *_: object) -> None:
        self.is_stopping = True

    def start_stage(self, stage: Stage, *, seconds: float = 60.0) -> list[str]:
        """Start a stage and wait until each program serves; the names of those that do not."""
        ours = [kept for kept in self.kept if kept.program.stage is stage]
        for kept in ours:
            self._start(kept)
        deadline = self._clock.monotonic() + seconds
        while not self.is_stopping and self._clock.monotonic() < deadline:
            if all(kept.is_up for kept in ours):
                break
            self.turn(STARTING_SECONDS)
        return [kept.program.name for kept in ours if not kept.is_up]

    def run(self) -> None:
        """Watch until asked to stop."""
        while not self.is_stopping:
            self.turn(self._seconds_until_due())

    def turn(self, seconds: float) -> None:
        """One round: wait for a signal or the time, restart the dead, keep the house."""
        select.select([self._wake], [], [], seconds)
        with suppress(BlockingIOError):
            self._wake.recv(4096)
        if self.is_stopping:
            return
        now = self._clock.monotonic()
        for kept in self.kept:
            self._look_after(kept, now)
            if kept.process and not kept.is_up:
                self._look_whether_up(kept, now)
        if now >= self._housekeeping:
            self._housekeeping = now + HOUSEKEEPING_SECONDS
            self._keep_house(now)

    def stop(self) -> None:
        """Stop the stages in reverse; within one, all at once."""
        self.is_stopping = True
        for stage in sorted(Stage, reverse=True):
            group = [each for each in self.kept if each.program.stage is stage and each.process]
            for kept in group:
                children.signal_quietly(kept.pid or 0, kept.program.stop_signal)
            for kept in group:
                self._await_end(kept)
        self._publish(self.kept)

    def _start(self, kept: Kept) -> None:
        program = kept.program
        program.prepare()
        with self._log_of(program).open("ab") as out:
            kept.process = children.spawn(
                program.argv,
                env=self._env | dict(program.env),
                cwd=self._root,
                log=out,
                last_signal=program.stop_signal,
            )
        kept.started = self._clock.monotonic()
        kept.since = self._clock.now().isoformat()
        kept.is_up = False
        self._publish(self.kept)

    def _look_after(self, kept: Kept, now: float) -> None:
        if kept.process is not None:
            code = kept.process.poll()
            if code is not None:
                self._note_death(kept, code, now)
        elif kept.due and now >= kept.due:
            kept.due = 0.0
            kept.restarts += 1
            self._start(kept)

    def _note_death(self, kept: Kept, code: int, now: float) -> None:
        if now - kept.started > PROVEN_SECONDS:
            kept.backoff = kept.program.backoff
        children.end_group(kept.pid or 0)
        self._say(
            f"{kept.program.name} ended ({self._how(kept, code)}); again in {kept.backoff:.1f} s"
        )
        kept.process, kept.last_exit, kept.is_up = None, code, False
        kept.due = now + kept.backoff
        kept.backoff = min(kept.backoff * 2, LONGEST_BACKOFF)
        self._publish(self.kept)

    def _how(self, kept: Kept, code: int) -> str:
        if code < 0:
            return f"signal {signal.Signals(-code).name}"
        words = last_line(self._log_of(kept.program))
        return f"exit code {code}: {words}" if words else f"exit code {code}"

    def _log_of(self, program: Program) -> Path:
        return program.log or self._logs / f"{program.name}.log"

    def _look_whether_up(self, kept: Kept, now: float) -> None:
        settled = now - kept.started
        if kept.program.is_ready() if kept.program.is_ready else settled >= SETTLED_SECONDS:
            kept.is_up = True
            self._say(f"{kept.program.name} is up ({settled:.1f} s)")
            self._publish(self.kept)

    def _keep_house(self, now: float) -> None:
        for kept in self.kept:
            trim(self._log_of(kept.program))
            if kept.process and now - kept.started > PROVEN_SECONDS:
                kept.backoff = kept.program.backoff

    def _seconds_until_due(self) -> float:
        now = self._clock.monotonic()
        if any(kept.process and not kept.is_up for kept in self.kept):
            return STARTING_SECONDS
        times = [self._housekeeping, *(kept.due for kept in self.kept if kept.due)]
        return max(0.0, min(times) - now)

    def _await_end(self, kept: Kept) -> None:
        if kept.process is None:
            return
        try:
            kept.process.wait(kept.program.stop_seconds)
        except subprocess.TimeoutExpired:
            self._say(f"{kept.program.name} did not stop by itself: killed")
        children.end_group(kept.process.pid)
        kept.process.wait()
        kept.process, kept.is_up = None, False
