"""Places for unix sockets: a socket's path must be short, a state folder's may be long."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

MAX_SOCKET_PATH = 100
"""The kernel's limit is 108 with the closing zero."""


def short_place(folder: Path, parent: str) -> Path:
    """A short path of our own for this folder, the same at every start."""
    mark = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    return Path(parent) / f"tocsin-{os.geteuid()}-{mark}"


def door(near: Path) -> Path:
    """Where a socket of this name listens: there, or under /tmp where that path is too long."""
    if len(str(near)) < MAX_SOCKET_PATH:
        return near
    return short_place(near.parent, "/tmp") / near.name  # noqa: S108 - made 0700 by its server


def beside(folder: Path) -> tuple[Path, ...]:
    """The short places that servers on this folder may have made for themselves; a dropped user's
    files are in the first one."""
    dropped = short_place(folder, "/var/lib")
    sockets = (folder / "socket", dropped / "state" / "socket", folder)
    return (dropped, *(short_place(near, "/tmp") for near in sockets))  # noqa: S108 - 0700, ours
