"""What a returned Valkey copy holds beyond its primary: keys only there, or of another value.

A private server (no port, a socket in a closed folder) loads a copy of the data; each key is
compared with the primary's.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from recovery.adapters.databases.folders import Folder
from recovery.adapters.databases.members import primary_of
from recovery.adapters.databases.running import alone
from recovery.adapters.databases.valkey.comparing import private_server
from recovery.adapters.databases.valkey.programs import program_for
from recovery.adapters.databases.valkey.session import Session, there
from recovery.agent.backups.exporting.copies import copied
from recovery.agent.backups.exporting.outbox import File
from recovery.agent.backups.exporting.texts import about_keys
from recovery.agent.backups.restoring.bringing import remove
from recovery.agent.backups.restoring.places import staging_of
from recovery.core.ports import EngineFailed, Place
from recovery.core.wire import DatabaseSpec
from recovery.engines.places import door

READ: dict[str, tuple[tuple[str, ...], tuple[str | int, ...]]] = {
    "string": (("GET",), ()),
    "list": (("LRANGE",), (0, -1)),
    "hash": (("HGETALL",), ()),
    "set": (("SMEMBERS",), ()),
    "zset": (("ZRANGE",), (0, -1, "WITHSCORES")),
    "stream": (("XRANGE",), ("-", "+")),
}
"""How a value is read, by its type: before the key, and after it."""


@dataclass(slots=True)
class ValkeyHeld:
    """Open: its private server runs. `said`: what was found, once its files were read."""

    spec: DatabaseSpec
    mine: Session
    theirs: Session
    said: str = ""
    only: int = 0
    other: int = 0

    async def files(self) -> AsyncIterator[File]:
        """May be asked for again, when a store failed half-way."""
        self.only = self.other = 0
        yield "keys.jsonl", self._keys()
        self.said = f"{self.only} keys only here, {self.other} with another value."
        yield "README.txt", _text(about_keys(self.spec.name, self.only, self.other))

    async def _keys(self) -> AsyncIterator[bytes]:
        info = await self.mine.info()
        for number in (n for n in range(16) if f"db{n}" in info):
            await self.mine.say("SELECT", number)
            await self.theirs.say("SELECT", number)
            cursor = 0
            while True:
                cursor, keys = await self.mine.say("SCAN", cursor, "COUNT", 1000)
                for key in keys:
                    if line := await self._line(number, key):
                        yield line
                if not int(cursor):
                    break

    async def _line(self, number: int, key: bytes) -> bytes:
        """Empty where the primary has the same, or it is gone by now."""
        ours, their = await self.mine.say("DUMP", key), await self.theirs.say("DUMP", key)
        if ours is None or ours == their:
            return b""
        self.only, self.other = self.only + (their is None), self.other + (their is not None)
        kind = bytes(await self.mine.say("TYPE", key)).decode()
        before, after = READ.get(kind, ((), ()))
        told = {
            "db": number,
            "key": _told(key),
            "type": kind,
            "ttl_ms": int(await self.mine.say("PTTL", key)),
            "is": "only here" if their is None else "another value on the primary",
            "value": _told(await self.mine.say(*before, key, *after)) if before else None,
            "dump": base64.b64encode(bytes(ours)).decode(),
        }
        return json.dumps(told, ensure_ascii=False).encode() + b"\n"


@contextlib.asynccontextmanager
async def held_by_valkey(spec: DatabaseSpec, name: str, place: Place) -> AsyncIterator[ValkeyHeld]:
    """Inside, the copy serves nobody but us; afterwards nothing of it is left."""
    source, staging = Folder(place.folder), staging_of(spec, name, place)
    socket = door(place.folder / "socket" / "export.sock")
    try:
        async with alone(staging) as lock:
            async with alone(place.folder) as keep:
                if not source.data.exists():
                    raise EngineFailed("there are no data that could be exported")
                data = await copied(source, Folder(staging), keep)
            socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            theirs = there(primary_of(spec), spec, place)
            try:
                async with private_server(program_for(spec.version), data, socket, lock) as mine:
                    yield ValkeyHeld(spec, mine, theirs)
            finally:
                await theirs.close()
    finally:
        await remove(spec, name, place)


async def _text(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


def _told(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, bytes):
        with contextlib.suppress(UnicodeDecodeError):
            return value.decode()
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return [[_told(one), _told(other)] for one, other in value.items()]
    if isinstance(value, (list, tuple, set)):
        return [_told(one) for one in value]
    return value
