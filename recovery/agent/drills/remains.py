"""Everything that one thing of a drill may have left on this host, and its removal.

    drills/NAME.json    its note: on the disk before anything else of it is, removed after all else
    drills/NAME/        its data; a dropped user's under /var/lib, sockets under /tmp

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
from pathlib import Path

from recovery.adapters.containers import proc
from recovery.engines.isolation import NOBODY
from recovery.engines.places import beside

_DELETED = " (deleted)"
Working = tuple[tuple[int, str], ...]


def names_in(folder: Path) -> frozenset[str]:
    """Of every note and of every folder here, whoever made it."""
    if not folder.exists():
        return frozenset()
    found = {path.stem for path in folder.glob("*.json")}
    return frozenset(found | {path.name for path in folder.iterdir() if path.is_dir()})


def places_of(home: Path) -> tuple[Path, ...]:
    """Where its data and its sockets are, or may be. `home`: its folder."""
    found = [home, *beside(home)]
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


def processes_in(places: Iterable[Path], working: Working | None = None) -> dict[int, str]:
    """Those that work in one of these places. `working`: as it was looked at for all of them."""
    roots = [
        str(place.parent.resolve() / place.name)
        for place in places
        if _seen(place) is not None or not os.path.lexists(place)
    ]
    everybody = look() if working is None else working
    return {pid: proc.name(pid) for pid, at in everybody if _is_below(at, roots)}


def look() -> Working:
    """Everybody's working folder, by what /proc says now. Raises `OSError` where it cannot be read
    at all."""
    return tuple(_working())


def _working() -> Iterator[tuple[int, str]]:
    for pid in proc.pids():
        if pid == os.getpid():
            continue
        try:
            at = str(Path(f"/proc/{pid}/cwd").readlink())
        except OSError:
            continue  # it ended, or is nobody of ours
        yield pid, at.removesuffix(_DELETED)


def _is_below(at: str, roots: Iterable[str]) -> bool:
    return any(at == root or at.startswith(f"{root}/") for root in roots)


def remains_of(home: Path, note: Path, working: Working | None = None) -> tuple[str, ...]:
    """What is there of it now, in words."""
    places, found = places_of(home), look() if working is None else working
    running = (f"process {pid} ({name})" for pid, name in processes_in(places, found).items())
    there = (f"folder {place}" for place in places if _seen(place) is not None)
    return (*running, *there, *((f"note {note}",) if note.exists() else ()))


def end_processes(home: Path) -> None:
    """Every process of it. One that may not be signalled is told as left."""
    for pid in processes_in(places_of(home)):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            continue


def remove(home: Path) -> None:
    """Processes first, then sockets and data, the deepest first; the note is the caller's."""
    end_processes(home)
    for place in reversed(places_of(home)):
        if _is_folder(place):
            shutil.rmtree(place, ignore_errors=True)
        elif _seen(place) is not None:
            with contextlib.suppress(OSError):  # it is told as left
                place.unlink()
