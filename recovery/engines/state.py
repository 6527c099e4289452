"""The state folder (`var/`): everything that Tocsin keeps on this machine.

Invariants: nobody but its owner reads it; one supervisor at a time holds its lock, and the
kernel lets the lock go when that process dies; secrets are made once, each in its own file.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from recovery.core.errors import Refused

LEAST_FREE_BYTES = 500 * 1024 * 1024


class AlreadyRunning(Refused):
    """Another supervisor holds the folder."""


@dataclass(frozen=True, slots=True)
class State:
    """The folder and the names in it."""

    folder: Path

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def tls(self) -> Path:
        return self.folder / "tls"

    @property
    def status_file(self) -> Path:
        return self.run / "status.json"

    @property
    def environment_file(self) -> Path:
        return self.run / "environment.json"

    def prepare(self) -> None:
        """Make the folders, closed to others; refuse where the disk is nearly full."""
        for folder in (self.folder, self.run, self.log, self.folder / "secrets", self.tls):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
        free = free_bytes(self.folder)
        if free < LEAST_FREE_BYTES:
            raise Refused(
                f"only {free / 2**20:.0f} MB are free on the disk of {self.folder}, "
                f"{LEAST_FREE_BYTES / 2**20:.0f} MB are needed.",
                kept="Nothing was started or changed.",
                todo="Free some space, or name another folder: make up VAR=/path/with/space",
            )

    def secret(self, name: str) -> str:
        """The secret of this name, made at the first asking."""
        path = self.folder / "secrets" / name
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32))
        return path.read_text().strip()

    def keep_secret(self, name: str, value: str) -> None:
        write_private(self.folder / "secrets" / name, value)

    def take_lock(self) -> TextIO:
        """Hold the folder until this process ends; `AlreadyRunning` names who does."""
        lock = (self.run / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            who = lock.read().strip() or "another process"
            lock.close()
            raise AlreadyRunning(
                f"Tocsin already runs on {self.folder} (process {who}).",
                todo="Use it, or stop it with: make stop",
            ) from None
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        return lock

    def running_pid(self) -> int | None:
        """The process that holds the folder now, or None."""
        path = self.run / "lock"
        if not path.exists():
            return None
        with path.open("r") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read().strip() or 0) or None
        return None

    def read_status(self) -> dict[str, object]:
        """What the supervisor last wrote; empty before the first start."""
        with suppress(OSError, json.JSONDecodeError):
            found = json.loads(self.status_file.read_text())
            return found if isinstance(found, dict) else {}
        return {}


def free_bytes(folder: Path) -> int:
    """Bytes that this user may still write on the folder's disk."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads: the whole of it, or not at all."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    partial.rename(path)
