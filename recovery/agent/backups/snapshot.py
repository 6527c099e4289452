"""A snapshot of a Valkey or Redis server into the spool.

Invariants as a base backup's: the manifest comes last; its moment was read before the server was
asked, so what was acknowledged up to then is in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets

from redis.asyncio import Redis
from redis.exceptions import RedisError

from recovery.adapters.databases.valkey.dumping import dump
from recovery.adapters.databases.valkey.programs import major
from recovery.adapters.databases.valkey.session import NO_WAIT_FOR
from recovery.agent.backups.pieces import Pieces
from recovery.agent.backups.spool import Spool
from recovery.core.archive import Line, Manifest, ManifestName, backup_name
from recovery.core.archive.names import instant, milliseconds
from recovery.core.clock import system
from recovery.core.ports import EngineAway, Login

CANARY = f"{Login.PROBE}:canary"
CANARY_SECONDS = 10.0


class Snapshot:
    """One of them. `database`: its id, which stands for the system in the names."""

    def __init__(
        self, address: tuple[str, int], secret: str, spool: Spool, *, database: str, version: str
    ) -> None:
        self._address, self._secret, self._spool = address, secret, spool
        self._line, self._version = Line(spool.database, database), version
        self.done = 0

    async def take(self) -> ManifestName:
        """The name of its manifest, which is in the spool."""
        await self.sing()
        began = instant(milliseconds(system.now()))
        assert began is not None
        backup = backup_name(began, secrets.token_hex(2))
        found = dump(*self._address, Login.REPLICATION.password(self._secret))
        async with (
            contextlib.aclosing(found) as stream,
            Pieces(self._spool, self._line, "snapshot", backup) as pieces,
        ):
            async for piece in stream:
                await pieces.add(piece)
                self.done += len(piece)
        facts = pieces.facts
        name = ManifestName(self._line, "snapshot", backup, 0, 0, 0, len(facts), began)
        manifest = Manifest(
            engine="valkey",
            major=major(self._version),
            version=self._version,
            database=self._line.database,
            system=self._line.system,
            backup=backup,
            begun=milliseconds(began),
            ended=milliseconds(system.now()),
            key=self._spool.keys.current,
            parts=facts,
        )
        await self._spool.put(str(name), manifest.encoded())
        return name

    async def sing(self) -> None:
        """The canary that a restore must bring back: the moment just before."""
        host, port = self._address
        client = Redis(
            host=host,
            port=port,
            username=Login.PROBE.value,
            password=Login.PROBE.password(self._secret),
            protocol=2,
            **NO_WAIT_FOR,
        )
        try:
            async with asyncio.timeout(CANARY_SECONDS):
                await client.set(CANARY, milliseconds(system.now()))
        except (RedisError, OSError) as error:
            raise EngineAway(f"no canary: {error}") from error
        finally:
            await asyncio.shield(client.aclose())  # cancelled in it, it leaves the connection open
