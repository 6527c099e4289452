"""What of Tocsin goes into its stores: its log and bases, and its keys, sealed to a person."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import timedelta

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.polite import PoliteStore
from recovery.agent.backups.archiver import Archiver, Primary
from recovery.agent.backups.keeping import Plan
from recovery.agent.backups.spool import Spool
from recovery.agent.backups.stores import keys_for, store_for
from recovery.core.archive import RetentionPolicy
from recovery.core.clock import system
from recovery.core.errors import TocsinError
from recovery.core.ports import ObjectStore, StoreAway
from recovery.core.wire.backups import StoreSpec
from recovery.engines.roles import DATABASE
from recovery.engines.state import State
from recovery.own import bundle
from recovery.own.folder import KEY, OwnFolder
from recovery.own.proving import Proving
from recovery.own.server import NAME, Server
from recovery.own.words import UNKNOWN

PLAN = Plan(
    base_every=timedelta(hours=12),
    kept=RetentionPolicy(backups=2, days=2.0),
    stagger=2.0,
    fast=True,
)
"""Its log is long, for leases are renewed in it all the time: a young base keeps a restore short,
and two days of every moment are what a mistake of a person needs. `fast`: its checkpoint writes at
most the server's few buffers, and spread over minutes it would leave a fresh Tocsin without any."""
KEYS_SECONDS = 30.0
NO_KEY = "Its keys are in no store: nobody made a recovery key (manage.py own recovery-key)."


def archiver_of(server: Server, folder: OwnFolder, stores: Mapping[int, StoreSpec]) -> Archiver:
    """Into the spool, and from there into every store beside the others."""
    canary = dict(server.words) | {"dbname": DATABASE}
    primary = Primary(NAME, server.version, server.words, canary)
    spool = Spool(spool_of(folder), NAME, keys_for(folder.path, KEY))
    return Archiver(
        primary, spool, [store_for(each, folder.path) for each in stores.values()], PLAN
    )


def spool_of(folder: OwnFolder) -> PoliteStore:
    """It leaves a GiB to the database, however small their disk is."""
    whose = "Tocsin's own database"
    return PoliteStore("spool", folder.spool, whose=whose, beside=folder.path.parent, share=1.0)


class KeysKept:
    """The newest sealed keys in every store and on the spool's volume."""

    def __init__(self, state: State, folder: OwnFolder, stores: Sequence[ObjectStore]) -> None:
        self._state, self._folder, self._stores = state, folder, stores
        self._has: dict[str, str] = {}
        self.trouble = ""

    async def run(self) -> None:
        """For ever."""
        while True:
            self.trouble = await self._keep()
            await asyncio.sleep(KEYS_SECONDS)

    async def _keep(self) -> str:
        """What is in the way, if anything."""
        if not self._folder.recovery.exists():
            return NO_KEY
        public = self._folder.recovery.read_text()
        files = await asyncio.to_thread(bundle.files_of, self._state.folder)
        troubles = []
        for store in self._stores:
            try:
                await self._put(store, files, public)
            except StoreAway as error:
                troubles.append(f"{UNKNOWN} {store.name}: {error}")
            except TocsinError as error:
                troubles.append(f"Its keys are not in {store.name}: {error}")
        return " ".join(troubles)

    async def _put(self, store: ObjectStore, files: bundle.Files, public: str) -> None:
        """Only where they are other ones than those that lie there."""
        digest = bundle.digest_of(files)
        if self._has.get(store.name) == digest:
            return
        there = sorted(each.name for each in await store.list(bundle.PREFIX))
        if not there or not there[-1].endswith(f"-{digest}"):
            name = bundle.name_of(files, system.now())
            await store.put(name, bundle.seal_files(files, public, name=name))
            for old in there[: -bundle.KEPT]:
                with contextlib.suppress(TocsinError):  # locked: its turn comes
                    await store.delete(old)
        self._has[store.name] = digest


def keys_of(state: State, folder: OwnFolder, stores: Sequence[ObjectStore]) -> KeysKept:
    return KeysKept(state, folder, [DirectoryStore("spool", folder.spool), *stores])


def proving_of(server: Server, folder: OwnFolder) -> Proving:
    """Goes on from the proofs that were told last."""
    former = folder.told()
    return Proving(
        folder.path / "proof",
        keys_for(folder.path, KEY),
        server.version,
        folder.readable,
        lambda spec: store_for(spec, folder.path),
        dict(former.proofs) if former else {},
    )
