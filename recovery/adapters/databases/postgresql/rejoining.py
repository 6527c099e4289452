"""How the data of a replica that was away are made fit to follow (I-DB-5).

Invariants: the data themselves are never rewound, a copy of them is; they go to `kept` in the
instant in which the copy takes their place, so a rewind that is killed leaves them untouched.
Nothing is rewound or cloned anew without the space to keep them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from recovery.adapters.databases.members import primary_of
from recovery.adapters.databases.postgresql import source
from recovery.adapters.databases.postgresql.files import keywords, upstream
from recovery.adapters.databases.postgresql.forks import Ended, Fork, Tail, fork, history, lsn, tail
from recovery.adapters.databases.postgresql.layout import Layout
from recovery.adapters.databases.running import run
from recovery.core.ports import Divergence, EngineAway, EngineFailed, Login, Place, Rejoined
from recovery.core.wire import DatabaseSpec

Clone = Callable[[], Awaitable[Path]]
_SEGMENT = re.compile(r"[0-9A-F]{24}$")
_TIMELINES = (
    "Latest checkpoint's TimeLineID",
    "Min recovery ending loc's timeline",
)


@dataclass(frozen=True, slots=True)
class Parted:
    """What only these data have. `log`: their records after the fork, `text` as pg_waldump tells
    them; both are empty where they cannot be told."""

    found: Divergence
    log: Tail = field(default_factory=Tail)
    text: str = ""


class Rejoin:
    """One stopped replica's data beside the primary it is to follow."""

    def __init__(self, layout: Layout, place: Place, spec: DatabaseSpec, keep: int) -> None:
        self._layout, self._place, self._spec, self._keep = layout, place, spec, keep
        self._primary = primary_of(spec)

    async def divergence(self) -> Divergence:
        """What these data have that the primary's do not."""
        return (await self.parted()).found

    async def parted(self) -> Parted:
        """The same, with the records that tell it."""
        theirs = await source.ask(self._primary, self._spec, self._place)
        try:
            control = await self._layout.control(self._keep)
        except EngineFailed as error:
            return Parted(_unknown(f"they cannot be read: {error}"))
        if control["Database system identifier"] != theirs.system:
            return Parted(_unknown("they are another database's"))
        timeline = self._timeline(control)
        parted = fork(self._history(timeline), theirs.history)
        if parted is None:
            return Parted(_unknown("they share no history with the primary"))
        if parted.timeline == timeline == theirs.timeline:
            parted = Fork(timeline, theirs.position)
        return await self._after(parted, timeline)

    async def run(self, clone: Clone) -> Rejoined:
        """Nothing, a rewind, or a new clone, whichever is the least that does it."""
        found = await self.divergence()
        if not found.is_divergent:
            return Rejoined("follows", found)
        files = self._layout.files
        if not found.is_known:
            return await self._reseed(found, clone, found.reason)
        await files.check_space()
        try:
            await self._rewind_copy()
        except EngineFailed as error:
            return await self._reseed(found, clone, str(error))
        kept = files.put_aside()
        files.complete()
        return Rejoined("rewound", found, kept=str(kept))

    async def _reseed(self, found: Divergence, clone: Clone, why: str) -> Rejoined:
        """The new clone is whole before the old data make room for it."""
        await clone()
        kept = self._layout.files.put_aside()
        self._layout.files.complete()
        return Rejoined("reseeded", found, kept=str(kept), detail=why)

    async def _rewind_copy(self) -> None:
        files, layout = self._layout.files, self._layout
        copy = await files.begin()
        argv = [*layout.seat.prefix, "cp", "-a", "--reflink=auto", str(files.data), str(copy)]
        done = await run(argv, environment={"PATH": "/usr/bin:/bin"}, keep=(self._keep,))
        if done.code:
            raise EngineFailed(f"copying the data failed: {done.words}")
        for name in ("postmaster.pid", "standby.signal"):
            (copy / name).unlink(missing_ok=True)
        words = keywords(upstream(self._primary, self._spec, self._place) | {"dbname": "postgres"})
        options = [f"--target-pgdata={copy}", f"--config-file={layout.settings}"]
        if self._spec.settings.get("fsync") == "off":
            options.append("--no-sync")
        await layout.must(
            "pg_rewind",
            f"--source-server={words}",
            *options,
            keep=self._keep,
            password=Login.REPLICATION.password(self._spec.secret),
        )
        (copy / "standby.signal").touch(mode=0o600)
        layout.own(copy / "standby.signal")

    # ------------------------------------------------------------------ what the data say

    def _timeline(self, control: dict[str, str]) -> int:
        """The newest timeline whose log these data have: the control file may lag behind it."""
        told = [int(control.get(name, "0")) for name in _TIMELINES]
        names = (path.name for path in (self._layout.files.data / "pg_wal").iterdir())
        return max(told + [int(name[:8], 16) for name in names if _SEGMENT.match(name)])

    def _history(self, timeline: int) -> tuple[Ended, ...]:
        path = self._layout.files.data / "pg_wal" / f"{timeline:08X}.history"
        return history(timeline, path.read_text() if path.exists() else "")

    async def _after(self, parted: Fork, timeline: int) -> Parted:
        """The records of our log from the fork on."""
        data = str(self._layout.files.data / "pg_wal")
        words = ["-p", data, "-t", str(timeline), "-s", lsn(parted.position)]
        done = await self._layout.run("pg_waldump", *words, keep=self._keep)
        found = await asyncio.to_thread(tail, done.out)
        if not found.records:
            if _is_at_the_end(done.err):
                return Parted(Divergence(False, parted.position))
            return Parted(_unknown(f"pg_waldump: {done.words}", parted.position))
        rows, changes = await self._rows(found), len(found.committed)
        return Parted(
            Divergence(True, parted.position, changes=changes, rows=rows), found, done.out
        )

    async def _rows(self, found: Tail) -> tuple[str, ...]:
        """Per table of users a sentence; tables that the primary does not know by their number."""
        counted = found.counted()
        try:
            names = await source.tables(self._primary, self._spec, self._place, set(counted))
        except EngineAway:
            names = {}
        lines = []
        for key, kinds in sorted(counted.items()):
            name = names.get(key)
            if name is not None:
                what = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
                lines.append(f"{name}: {what}")
        return tuple(lines)


def _is_at_the_end(said: str) -> bool:
    """pg_waldump's ways to say that the log has nothing from there on."""
    return "could not find a valid record after" in said or "invalid record length" in said


def _unknown(reason: str, parted_at: int = 0) -> Divergence:
    return Divergence(True, parted_at, is_known=False, reason=reason)
