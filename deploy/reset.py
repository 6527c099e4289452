"""`make reset`: remove the state folder. Works without the virtual environment.

Invariant: never while a supervisor holds the folder, and only a folder that is one of ours.
"""

import fcntl
import hashlib
import os
import shutil
import sys
from pathlib import Path


def main() -> int:
    folder = Path(os.environ.get("TOCSIN_VAR") or "var").resolve()
    if not folder.exists():
        print(f"{folder} is not there: nothing to remove.")
        return 0
    lock = folder / "run" / "lock"
    if not (folder / "secrets").is_dir() or not (folder / "run").is_dir():
        print(f"Tocsin: {folder} does not look like a state folder; nothing was removed.")
        return 1
    if lock.exists():
        with lock.open() as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = held.read().strip()
                print(f"Tocsin: it still runs (process {pid}). Stop it first: make stop")
                return 1
    shutil.rmtree(folder)
    for place in _elsewhere(folder):
        shutil.rmtree(place, ignore_errors=True)
    print(f"removed {folder}")
    return 0


def _elsewhere(folder: Path) -> list[Path]:
    """What engines/isolation.py and places.py put outside of it (docs/operations.md)."""
    names = (folder / "postgres", folder / "postgres" / "socket", folder / "run")
    marks = [hashlib.sha256(str(name).encode()).hexdigest()[:12] for name in names]
    return [
        Path(parent) / f"tocsin-{os.geteuid()}-{mark}"
        for parent in ("/var/lib", "/tmp")  # noqa: S108 - our own names, made 0700
        for mark in marks
    ]


if __name__ == "__main__":
    sys.exit(main())
