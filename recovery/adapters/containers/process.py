"""Containers as plain child processes, each the leader of its own session.

Invariants: a seat is on the disk before its process exists, and the process carries the
seat's mark in its environment, so whoever comes next finds it even after a crash between the
two; a process is known by pid and start time, never by pid alone. Memory is limited by
RLIMIT_DATA; CPU is accounted by the scheduler but not enforced (that takes the Docker adapter).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import uuid
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import msgspec

from recovery.adapters.containers import proc
from recovery.adapters.containers.filling import placeholders
from recovery.adapters.containers.seat import MARK, Seat, cap_output, limit, spawn
from recovery.agent.disk import private_folder, write_atomic
from recovery.core.ports import Sight, StartFailed
from recovery.core.wire import ContainerSpec

_SAFE = re.compile(r"[A-Za-z0-9_.-]{1,120}")
_LOOKS_PER_CAP = 30


class ProcessContainers:
    """The process adapter of one host."""

    name = "process"

    def __init__(self, folder: Path, *, host: str, address: str, boot: str) -> None:
        self._folder = private_folder(folder)
        self._host, self._address, self._boot = host, address, boot
        self._seats: dict[str, Seat] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._ended: dict[str, str] = {}
        self._watched: dict[str, int] = {}
        self._wake: Callable[[], None] = lambda: None
        self._looks = 0
        self._find()

    # ------------------------------------------------------------------ the port

    async def start(self, spec: ContainerSpec) -> None:
        if not _SAFE.fullmatch(spec.placement) or spec.placement.startswith("."):
            raise StartFailed("not usable as a folder's name", field="placement")
        async with self._locks[spec.placement]:
            await self._start(spec)

    async def _start(self, spec: ContainerSpec) -> None:
        held = self._seats.get(spec.placement)
        if held is not None and self._lives(held):
            if held.spec.generation == spec.generation:
                return
            raise StartFailed(
                f"generation {held.spec.generation} still runs there", field="generation"
            )
        self._forget(spec.placement)
        folder = private_folder(self._folder / spec.placement)
        seat = Seat(spec=spec, boot=self._boot, mark=f"{spec.placement}:{uuid.uuid4().hex}")
        await asyncio.to_thread(self._keep, folder, seat)
        try:
            child = spawn(seat, folder, placeholders(spec, self._host, self._address))
        except StartFailed:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        limit(child.pid, spec)
        found = proc.stat(child.pid)
        seat.pid, seat.started = child.pid, found.started if found else 0
        self._seats[spec.placement] = seat
        self._children[child.pid] = child
        self._watch(seat)
        await asyncio.to_thread(self._keep, folder, seat)

    async def stop(self, placement: str, grace: float) -> None:
        async with self._locks[placement]:
            await self._stop(placement, grace)

    async def _stop(self, placement: str, grace: float) -> None:
        seat = self._seats.get(placement)
        if seat is None:
            return
        if self._lives(seat):
            _signal_session(seat, signal.SIGTERM)
            if not await self._gone(seat, grace):
                _signal_session(seat, signal.SIGKILL)
                await self._gone(seat, 5.0)
        _signal_session(seat, signal.SIGKILL)
        self._forget(placement)
        shutil.rmtree(self._folder / placement, ignore_errors=True)

    async def look(self) -> tuple[Sight, ...]:
        self._looks += 1
        if self._looks % _LOOKS_PER_CAP == 0:
            for placement in self._seats:
                cap_output(self._folder / placement)
        return tuple(self._sight(seat) for seat in self._seats.values())

    def on_change(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    async def close(self) -> None:
        for placement in list(self._watched):
            self._unwatch(placement)
        for child in self._children.values():
            child.returncode = 0  # it lives on, and its end is for the next agent to see
        self._children.clear()

    # ------------------------------------------------------------------ inside

    def _sight(self, seat: Seat) -> Sight:
        spec = seat.spec
        alive = self._lives(seat)
        ended = "" if alive else self._ended.get(spec.placement, "ended while nobody watched")
        return Sight(
            spec.placement,
            spec.application,
            spec.container,
            spec.generation,
            alive,
            seat.started / os.sysconf("SC_CLK_TCK"),
            ended,
        )

    def _lives(self, seat: Seat) -> bool:
        self._reap(seat)
        found = proc.stat(seat.pid)
        return found is not None and found.started == seat.started and found.is_alive

    def _reap(self, seat: Seat) -> None:
        """Collects a child of ours that ended, with how it ended."""
        child = self._children.get(seat.pid)
        if child is None or child.poll() is None:
            return
        del self._children[seat.pid]
        code = child.returncode
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self._ended[seat.spec.placement] = how

    async def _gone(self, seat: Seat, seconds: float) -> bool:
        """Waits for the end of the process; False when it is still there."""
        deadline = asyncio.get_running_loop().time() + seconds
        pause = 0.005
        while self._lives(seat):
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.1)
        return True

    def _keep(self, folder: Path, seat: Seat) -> None:
        write_atomic(folder / "seat.json", msgspec.json.encode(seat))

    def _forget(self, placement: str) -> None:
        self._unwatch(placement)
        self._seats.pop(placement, None)
        self._ended.pop(placement, None)

    def _watch(self, seat: Seat) -> None:
        """Wakes the keeper at the process's end; works for adopted ones too."""
        placement = seat.spec.placement
        try:
            descriptor = os.pidfd_open(seat.pid)
        except OSError:
            return
        self._watched[placement] = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._on_end, placement)

    def _on_end(self, placement: str) -> None:
        self._unwatch(placement)
        self._wake()

    def _unwatch(self, placement: str) -> None:
        descriptor = self._watched.pop(placement, None)
        if descriptor is not None:
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)

    def _find(self) -> None:
        """Adopts what runs since before this process, and clears what died with an earlier boot."""
        marks: dict[str, int] | None = None
        for path in sorted(self._folder.glob("*/seat.json")):
            seat = _read(path)
            if seat is None or seat.boot != self._boot:
                shutil.rmtree(path.parent, ignore_errors=True)
                continue
            if seat.pid == 0:
                marks = _marked() if marks is None else marks
                seat.pid = marks.get(seat.mark, 0)
                found = proc.stat(seat.pid) if seat.pid else None
                if found is None:
                    shutil.rmtree(path.parent, ignore_errors=True)
                    continue
                seat.started = found.started
                self._keep(path.parent, seat)
            self._seats[seat.spec.placement] = seat
            if self._lives(seat):
                self._watch(seat)


def _read(path: Path) -> Seat | None:
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(path.read_bytes(), type=Seat)
    return None


def _marked() -> dict[str, int]:
    """Mark → pid of every session leader that carries one."""
    found = {}
    for pid in proc.pids():
        mark = proc.environment_value(pid, MARK)
        stat = proc.stat(pid) if mark else None
        if stat is not None and stat.session == pid and stat.is_alive:
            found[mark] = pid
    return found


def _signal_session(seat: Seat, number: signal.Signals) -> None:
    """Signals the whole session, unless its number belongs to somebody else by now."""
    leader = proc.stat(seat.pid)
    if seat.pid <= 1 or (leader is not None and leader.started != seat.started):
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(seat.pid, number)
