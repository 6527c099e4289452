"""The newest list that this host has taken, on its disk before anything of it begins.

Invariant: no older list is ever taken, whoever brings it and however late, also after a crash (B5)
and beside another one: each control plane's link brings its own, in a thread.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import msgspec

from recovery.agent.disk import private_folder, write_atomic
from recovery.core.errors import BadMessage
from recovery.core.wire.drills import DrillList, decode_list

_log = logging.getLogger("tocsin.agent.drills")
NOTHING = DrillList(incarnation=0, revision=0)


class DrillBook:
    """What is to stand here."""

    def __init__(self, path: Path) -> None:
        self._path, self._turn = path, threading.Lock()
        self.newest = _read(path)

    def take(self, told: DrillList) -> bool:
        """Whether it is newer than what was taken before; then it is on the disk."""
        with self._turn:
            if (told.incarnation, told.revision) <= (self.newest.incarnation, self.newest.revision):
                return False
            private_folder(self._path.parent)
            write_atomic(self._path, msgspec.json.encode(told))
            self.newest = told
        return True


def _read(path: Path) -> DrillList:
    """One that cannot be read says nothing: everything is told anew, and what stands is removed or
    begun again by what is told then."""
    try:
        return decode_list(path.read_bytes())
    except FileNotFoundError:
        return NOTHING
    except (OSError, BadMessage) as error:
        _log.warning("the list of drills cannot be read: %s", error)
        return NOTHING
