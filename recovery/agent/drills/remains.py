"""Everything that one thing of a drill may have left on this host, and its removal.

    drills/NAME.json          its note: on the disk before anything of it, removed after all else
    drills/NAME/              its data; a dropped user's under /var/lib, sockets under /tmp
    drill-containers/NAME/    an application's folder; its processes bear its mark anywhere

Invariants: what is told as gone was looked for anew, on the disk and in the table of processes; no
path is looked at but those that follow from the names of notes and folders here, and none of them
is followed where it is a link or is another user's (anybody may write into /tmp), so that nothing
of anybody else is ever removed or killed.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from recovery.adapters.containers import proc
from recovery.adapters.containers.seat import MARK
from recovery.engines.isolation import NOBODY
from recovery.engines.places import beside

_DELETED = " (deleted)"


@dataclass(frozen=True, slots=True)
class Worker:
    """A process: where it works, and of which seat it was started, in which folder."""

    pid: int
    at: str
    mark: str
    home: str


@dataclass(frozen=True, slots=True)
class Spot:
    """Of one name. `home`: its data; `seat`: its folder where the process adapter started it."""

    home: Path
    seat: Path

    def has(self, worker: Worker) -> bool:
        """Started as this, whatever session and folder it works in by now. The folder is asked for,
        too: another host's drill on the same machine may have the same names."""
        is_named = worker.mark.startswith(f"{self.seat.name}:")
        return is_named and os.path.realpath(worker.home) == os.path.realpath(self.seat)


Working = tuple[Worker, ...]


def names_in(folder: Path) -> frozenset[str]:
    """Of every note and of every folder here, whoever made it."""
    if not folder.exists():
        return frozenset()
    found = {path.stem for path in folder.glob("*.json")}
    return frozenset(found | {path.name for path in folder.iterdir() if path.is_dir()})


def places_of(spot: Spot) -> tuple[Path, ...]:
    """Where its data and its sockets are, or may be."""
    home = spot.home
    found = [spot.seat, home, *beside(home)]
    for seat in (home, beside(home)[0] / "state"):
        for staged in _folders(seat, "staged-*"):
            found += [staged, *beside(staged)]
            for inner in (staged, beside(staged)[0] / "state"):
                for partial in _folders(inner, "restore-*.partial"):
                    found += [partial, *beside(partial)]
    return tuple(dict.fromkeys(found))


def _folders(place: Path, pattern: str) -> list[Path]:
    return sorted(path for path in place.glob(pattern) if _is_folder(path))


def owners() -> frozenset[int]:
    """Whose files are a drill's: ours, and where we are root, those of the user that servers are
    dropped to."""
    us = os.geteuid()
    return frozenset({us, pwd.getpwnam(NOBODY).pw_uid} if us == 0 else {us})


def _seen(path: Path) -> os.stat_result | None:
    """What is there itself, not what it leads to; None: nothing, or nothing of ours."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found if found.st_uid in owners() else None


def _is_folder(path: Path) -> bool:
    found = _seen(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def processes_of(spot: Spot, working: Working | None = None) -> dict[int, str]:
    """Those that work in one of its places, or were started as it. `working`: as it was looked at
    for all of them."""
    roots = [
        str(place.parent.resolve() / place.name)
        for place in places_of(spot)
        if _seen(place) is not None or not os.path.lexists(place)
    ]
    everybody = look() if working is None else working
    found = (one for one in everybody if _is_below(one.at, roots) or spot.has(one))
    return {one.pid: proc.name(one.pid) for one in found}


def look() -> Working:
    """Everybody's working folder and mark, by what /proc says now. Raises `OSError` where it cannot
    be read at all."""
    return tuple(_working())


def _working() -> Iterator[Worker]:
    for pid in proc.pids():
        if pid == os.getpid():
            continue
        try:
            at = str(Path(f"/proc/{pid}/cwd").readlink())
        except OSError:
            continue  # it ended, or is nobody of ours
        mark = proc.environment_value(pid, MARK)
        home = proc.environment_value(pid, "HOME") if mark else ""
        yield Worker(pid, at.removesuffix(_DELETED), mark, home)


def _is_below(at: str, roots: Iterable[str]) -> bool:
    return any(at == root or at.startswith(f"{root}/") for root in roots)


def remains_of(spot: Spot, note: Path, working: Working | None = None) -> tuple[str, ...]:
    """What is there of it now, in words."""
    running = (f"process {pid} ({name})" for pid, name in processes_of(spot, working).items())
    there = (f"folder {place}" for place in places_of(spot) if _seen(place) is not None)
    return (*running, *there, *((f"note {note}",) if note.exists() else ()))


def end_processes(spot: Spot) -> None:
    """Every process of it. One that may not be signalled is told as left."""
    for pid in processes_of(spot):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            continue


def remove(spot: Spot) -> None:
    """Processes first, then sockets and data, the deepest first; the note is the caller's."""
    end_processes(spot)
    for place in reversed(places_of(spot)):
        if _is_folder(place):
            shutil.rmtree(place, ignore_errors=True)
        elif _seen(place) is not None:
            with contextlib.suppress(OSError):  # it is told as left
                place.unlink()
