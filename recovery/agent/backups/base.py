"""A base backup of a running server into the spool, through its replication protocol.

Invariants: the manifest comes last, so what is interrupted is no backup; its moment is read after
the last byte; nothing of it waits on this host but a few pieces in memory.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta

from psycopg import pq

from recovery.adapters.databases.postgresql.replication import (
    CHECKPOINT_PATIENCE,
    Marks,
    Replication,
    rows_of,
)
from recovery.agent.backups.decide import still_fits
from recovery.agent.backups.pieces import Pieces
from recovery.agent.backups.spool import Spool
from recovery.core.archive import (
    SEGMENT,
    Line,
    Manifest,
    ManifestName,
    PartFact,
    backup_name,
    lsn_number,
)
from recovery.core.archive.names import milliseconds
from recovery.core.clock import system
from recovery.core.ports import EngineFailed


def _rounded_up(moment: datetime) -> datetime:
    """To the milliseconds of a name: nobody may ask for a moment before the backup was whole."""
    return moment + timedelta(microseconds=-moment.microsecond % 1000)


class BaseBackup:
    """One of them. `done` of about `total` bytes have come."""

    def __init__(
        self, words: Mapping[str, str], spool: Spool, version: str, *, fast: bool = False
    ) -> None:
        self._words, self._spool, self._version, self._fast = words, spool, version, fast
        self.done = self.total = 0
        self._facts: tuple[PartFact, ...] = ()

    async def take(self) -> ManifestName:
        """The name of its manifest, which is in the spool."""
        began = system.now()
        async with await Replication.open(self._words) as connection:
            ((segment,),) = await connection.ask("SHOW wal_segment_size")
            if segment != f"{SEGMENT >> 20}MB":
                raise EngineFailed(f"segments of {segment} are not archived, only of 16MB")
            line = Line(self._spool.database, (await connection.identify()).system)
            backup = backup_name(began, secrets.token_hex(2))
            (start, timeline), (stop, _) = await self._copy(connection, line, backup)
        marks = Marks(self._words)
        try:
            ended = _rounded_up((await marks.ask())[0])
        finally:
            await marks.close()
        name = ManifestName(line, "base", backup, timeline, start, stop, len(self._facts), ended)
        manifest = Manifest(
            engine="postgresql",
            major=int(self._version.split(".")[0]),
            version=self._version,
            database=line.database,
            system=line.system,
            backup=backup,
            timeline=timeline,
            start=start,
            stop=stop,
            segment=SEGMENT,
            begun=milliseconds(began),
            ended=milliseconds(ended),
            key=self._spool.keys.current,
            parts=self._facts,
        )
        await self._spool.put(str(name), manifest.encoded())
        return name

    async def _copy(
        self, connection: Replication, line: Line, backup: str
    ) -> tuple[tuple[int, int], tuple[int, int]]:
        """Where its log must begin and end, each with its timeline."""
        speed = "fast" if self._fast else "spread"
        options = f"LABEL 'tocsin {backup}', PROGRESS, CHECKPOINT '{speed}', WAL 'false'"
        answers: list[list[tuple[str, ...]]] = []
        command = f"BASE_BACKUP ({options}, WAIT 'false', MANIFEST 'no')"
        async for result in connection.begin(command, first_within=CHECKPOINT_PATIENCE):
            if result.status == pq.ExecStatus.COPY_OUT:
                await self._pieces(connection.copied(), line, backup)
            elif result.status == pq.ExecStatus.TUPLES_OK:
                answers.append(rows_of(result))
                if len(answers) == 2:
                    self._measure(answers[1])
        (start,), _, (stop,) = answers[:3]
        return (lsn_number(start[0]), int(start[1])), (lsn_number(stop[0]), int(stop[1]))

    def _measure(self, spaces: list[tuple[str, ...]]) -> None:
        if len(spaces) != 1:
            raise EngineFailed("tablespaces outside of the data are not backed up")
        self.total = int(spaces[0][2]) * 1024

    async def _pieces(self, copied: AsyncIterator[memoryview], line: Line, backup: str) -> None:
        async with Pieces(self._spool, line, "base", backup) as pieces:
            async for message in copied:
                if message[0] != ord("d"):
                    continue
                self.done += len(message) - 1
                if await pieces.add(message[1:]):
                    await self._check(pieces)
        self._facts = pieces.facts

    async def _check(self, pieces: Pieces) -> None:
        """Stops where the spool's disk has no room for the rest."""
        plain, sealed = pieces.packed
        if plain:
            self._spool.packed = (plain, sealed)
        room = await self._spool.room()
        still_fits(self._spool.database, self.total, plain, sealed, room)
