"""An agent's work in processes of their own that kill themselves at a chosen step.

Each line that comes is one life, in a fork of this process: a verb and its file. When it has ended
the signal that ended it is told, 0 where it ended by itself.

archive SPEC.json    {"words", "probe", "spool", "store", "die": [place, when, count]}
restore SPEC.json    {"store", "target", "version", "die": ["get", count] or a phase}
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from recovery.adapters.backups.directory import DirectoryStore
from recovery.agent.backups.archiver import Archiver, Primary
from recovery.agent.backups.fetch import Source
from recovery.agent.backups.progress import Progress
from recovery.agent.backups.restore import Restore
from recovery.agent.backups.spool import Spool
from recovery.core.ports import Place
from tests.adapters.backups.conftest import KEYS
from tests.agent.backups.fields import QUICK


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Deadly(DirectoryStore):
    """Dies at the `count`th act of a kind, before or after it was done."""

    def __init__(self, name: str, folder: Path, act: str, when: str, count: int) -> None:
        super().__init__(name, folder)
        self._die = (act, when)
        self._left = count

    def _reached(self, act: str, when: str) -> None:
        if (act, when) != self._die:
            return
        self._left -= 1
        if self._left <= 0:
            die()

    async def put(self, name: str, data: bytes, *, lock_until: datetime | None = None) -> None:
        self._reached("put", "before")
        await super().put(name, data, lock_until=lock_until)
        self._reached("put", "after")

    async def get(self, name: str) -> bytes:
        self._reached("get", "before")
        return await super().get(name)


async def archive(spec: dict[str, Any]) -> None:
    place, when, count = spec["die"]
    stores = {
        each: Deadly(each, Path(spec[each]), "put", when if each == place else "never", count)
        for each in ("spool", "store")
    }
    primary = Primary("a", spec["version"], spec["words"], spec["probe"])
    spool = Spool(stores["spool"], "shop", KEYS)
    await Archiver(primary, spool, [stores["store"]], QUICK).run()


class DeadlyProgress(Progress):
    """Dies when a phase begins."""

    deadly = ""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "phase" and value == self.deadly:
            die()


async def restore(spec: dict[str, Any]) -> None:
    kind, *rest = spec["die"]
    count = int(rest[0]) if rest else 0
    store = Deadly("store", Path(spec["store"]), kind, "before", count)
    place = Place(Path(spec["target"]), "127.0.0.1")
    work = Restore(Source(store, KEYS, "shop"), place, spec["version"])
    work.progress = DeadlyProgress()
    DeadlyProgress.deadly = kind
    await work.run()


def live(verb: str, path: str) -> int:
    """The signal that ended it."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)
    asyncio.run({"archive": archive, "restore": restore}[verb](json.loads(Path(path).read_text())))
    os._exit(0)


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(f"{live(*line.split())}\n")
        sys.stdout.flush()
