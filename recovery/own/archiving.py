"""Tocsin's own database into its archive: the archiver of every database, with a few words of ours.

Invariants: it only reads, as a login of its own, and gives way to the database: its slot keeps at
most what the server's own bound allows (engines/postgres.py), it takes no disk below a reserve, and
where nobody asks for backups no slot is left. Begun anew whenever what it is told changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping

from recovery.core.clock import system
from recovery.core.ending import end
from recovery.core.errors import TocsinError
from recovery.core.wire.backups import BackupFact
from recovery.engines.state import State
from recovery.own.folder import OwnFolder, OwnProof, Report
from recovery.own.server import NAME, Server

_log = logging.getLogger("tocsin.own")
Mark = tuple[float, ...]
LOOK_SECONDS = 5.0
AGAIN_SECONDS = 10.0


async def keep(state: State) -> None:
    """For ever: as the files say, whatever fails is tried again."""
    folder = OwnFolder(state.folder)
    while True:
        mark = folder.mark()
        try:
            if folder.is_configured:
                await _until_changed(state, folder, mark)
            else:
                await _idle(state, folder, mark)
        except (TocsinError, OSError, ExceptionGroup) as error:
            _log.warning("%s", error)
            said = BackupFact(replica=NAME, database=NAME, state="failed", trouble=str(error))
            _tell(folder, said)
            await asyncio.sleep(AGAIN_SECONDS)


async def _idle(state: State, folder: OwnFolder, mark: Mark) -> None:
    """Until somebody asks for backups."""
    await _free_slot(state)
    while folder.mark() == mark:  # noqa: ASYNC110 - files of other processes
        await asyncio.sleep(LOOK_SECONDS)


async def _until_changed(state: State, folder: OwnFolder, mark: Mark) -> None:
    from recovery.own.keeping import archiver_of, keys_of, proving_of  # noqa: PLC0415 - only where it is wanted

    stores = folder.stores()
    server = Server.of(state)
    archiver = archiver_of(server, folder, stores)
    keys = keys_of(state, folder, [each.store for each in archiver.carriers])
    proving = proving_of(server, folder)
    running = [asyncio.create_task(each.run()) for each in (archiver, keys, proving)]
    try:
        while folder.mark() == mark:
            _tell(folder, archiver.fact(), keys.trouble, proving.proofs)
            done, _ = await asyncio.wait(running, timeout=LOOK_SECONDS)
            for each in done:
                each.result()
    finally:
        await end(running)
        for carrier in archiver.carriers:
            with contextlib.suppress(TocsinError):
                await carrier.store.close()


async def _free_slot(state: State) -> None:
    """The server keeps no log for an archive that nobody wants."""
    from recovery.adapters.databases.postgresql.replication import Replication  # noqa: PLC0415

    async with await Replication.open(Server.of(state).words) as connection:
        await connection.drop_slot()


def _tell(
    folder: OwnFolder,
    fact: BackupFact,
    keys: str = "",
    proofs: Mapping[int, OwnProof] | None = None,
) -> None:
    if proofs is None:
        former = folder.told()
        proofs = former.proofs if former else {}
    with contextlib.suppress(OSError):
        folder.tell(Report(at=system.now(), fact=fact, keys=keys, proofs=dict(proofs)))
