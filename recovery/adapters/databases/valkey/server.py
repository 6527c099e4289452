"""Valkey and Redis behind the port `DatabaseEngine`.

Beside the data's own files their folder holds marks of ours: `VERSION`; `standby`, while they
are a standby's (only a promotion takes it away); `whole`, once a copy was complete. A clone is
made by the server itself, when it starts: it is whole in one instant, and until then nothing
that could be promoted.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from recovery.adapters.databases.folders import Folder, write_whole
from recovery.adapters.databases.members import primary_of
from recovery.adapters.databases.running import alone, run
from recovery.adapters.databases.valkey import files, looks
from recovery.adapters.databases.valkey.comparing import compare, private_server
from recovery.adapters.databases.valkey.programs import major, program_for
from recovery.adapters.databases.valkey.session import here, there
from recovery.core.clock import system
from recovery.core.ports import (
    Command,
    Divergence,
    EngineAway,
    EngineFailed,
    Kept,
    Login,
    Place,
    Rejoined,
    ServerFacts,
)
from recovery.core.wire import DatabaseSpec
from recovery.engines.places import door

_PAUSE = 0.02


class Valkey:
    """One replica of a Valkey or Redis database on this host."""

    name = "valkey"

    def __init__(self, place: Place, *, version: str, secret: str) -> None:
        self._place, self._version = place, version
        self._files = Folder(place.folder)
        self._socket = door(place.folder / "socket" / "server.sock")
        self._session = here(self._socket, Login.ADMIN, secret)

    def is_made(self) -> bool:
        mark = self._files.data / "VERSION"
        if not mark.exists():
            if self._files.data.exists():
                raise EngineFailed(f"{self._files.data} holds no data of ours", kept="It stays.")
            return False
        found, wanted = mark.read_text().strip(), major(self._version)
        if found != str(wanted):
            raise EngineFailed(
                f"the data are version {found}'s, {wanted} was asked for",
                field="version",
                kept="The data stay.",
                todo="Run that version, or upgrade the data by hand.",
            )
        return True

    # ------------------------------------------------------------------ data

    async def make(self, spec: DatabaseSpec) -> None:
        async with alone(self._place.folder):
            if not self.is_made():
                program_for(self._version)
                await self._empty("whole")
                self._files.complete()

    async def clone(self, spec: DatabaseSpec) -> None:
        async with alone(self._place.folder):
            if not self.is_made():
                program_for(self._version)
                await self._ask_primary(spec)
                await self._empty("standby")
                self._files.complete()

    async def _empty(self, mark: str) -> None:
        partial = await self._files.begin()
        _make_marked(partial, {"VERSION": str(major(self._version)), mark: ""})

    async def _ask_primary(self, spec: DatabaseSpec) -> None:
        """It answers to our password, is a primary, and of this version."""
        session = there(primary_of(spec), spec, self._place)
        try:
            info = await session.info()
        finally:
            await session.close()
        if info["role"] != "master":
            raise EngineAway(f"{primary_of(spec).replica} is not a primary (yet)")
        found = str(info.get("valkey_version") or info["redis_version"])
        if major(found) != major(self._version):
            raise EngineFailed(
                f"{primary_of(spec).replica} runs version {found}, this replica is to run "
                f"{self._version}",
                field="version",
            )

    # ------------------------------------------------------------------ the server

    async def arrange(self, spec: DatabaseSpec) -> None:
        async with alone(self._place.folder):
            if not self.is_made():
                raise EngineFailed(f"{spec.replica} has no data yet", todo="Make or clone them.")
            await self._check_stopped()
            if spec.role != "primary":
                self._mark("standby")
            self._socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._write(spec)

    async def _check_stopped(self) -> None:
        try:
            await self._session.say("PING")
        except EngineAway:
            return
        raise EngineFailed("the server still runs", kept="Nothing changed.")

    def _write(self, spec: DatabaseSpec) -> None:
        data = self._files.data
        text = files.server_conf(spec, self._place, socket=self._socket, data=data)
        if (data / "standby").exists():
            text += files.following(spec, self._place)
        write_whole(self._settings, text)

    @property
    def _settings(self) -> Path:
        return self._place.folder / "server.conf"

    def _mark(self, name: str) -> None:
        (self._files.data / name).touch(mode=0o600)

    def command(self, spec: DatabaseSpec) -> Command:
        program = program_for(self._version)
        return Command(
            argv=("setpriv", "--pdeathsig", "TERM", "--", program, str(self._settings)),
            environment={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            folder=self._place.folder,
            log=self._files.log,
            polite=signal.SIGTERM,
        )

    async def accepts(self, seconds: float) -> None:
        deadline = system.monotonic() + seconds
        while True:
            try:
                if not (await self._session.info())["loading"]:
                    return
            except EngineAway as error:
                if system.monotonic() > deadline:
                    words = self._files.last_words()
                    raise EngineAway(f"not ready in {seconds:.0f} s: {words}") from error
            await asyncio.sleep(_PAUSE)

    async def look(self, spec: DatabaseSpec) -> ServerFacts:
        info = await self._session.info()
        if info["loading"]:
            raise EngineAway("the server still loads its data")
        settings = await self._session.say("CONFIG GET", *looks.TOLD)
        user = await self._session.say("ACL GETUSER", Login.CLIENT.value)
        names = {_text(name): _text(value) for name, value in settings.items()}
        may_write = "on" in [_text(flag) for flag in user["flags"]]
        is_kept = self._noted(info)
        return looks.facts(spec, self._place, info, names, may_write=may_write, is_kept=is_kept)

    def _noted(self, info: dict[str, object]) -> bool:
        """Notes in the data's folder whether they are whole there; gives what it says then."""
        mark = self._files.data / "whole"
        if looks.is_kept(info):
            mark.touch(mode=0o600)
        elif info.get("master_sync_in_progress"):
            mark.unlink(missing_ok=True)
        return mark.exists()

    async def configure(self, spec: DatabaseSpec) -> None:
        self._write(spec)
        for name, value in (spec.settings | files.durability(spec)).items():
            await self._session.say("CONFIG SET", name, value)

    # ------------------------------------------------------------------ acts of a failover

    async def promote(self, spec: DatabaseSpec, *, seconds: float = 30.0) -> None:
        info = await self._session.info()
        if info["role"] != "master":
            self._check_promotable(info)
            await self.configure(spec)
            await self._session.say("REPLICAOF", "NO", "ONE")
            if (await self._session.info())["role"] != "master":
                raise EngineFailed("the server did not become a primary")
        (self._files.data / "standby").unlink(missing_ok=True)
        self._write(spec)

    def _check_promotable(self, info: dict[str, object]) -> None:
        """A standby that never had a whole copy, or is in the middle of another, has no data."""
        if not (self._files.data / "whole").exists():
            raise EngineFailed(
                "this standby never had a whole copy of the data", kept="It stays a standby."
            )
        if info["master_sync_in_progress"]:
            raise EngineFailed(
                "this standby is in the middle of a full copy", kept="It stays a standby."
            )

    async def repoint(self, spec: DatabaseSpec) -> None:
        if (await self._session.info())["role"] == "master":
            raise EngineFailed(f"{spec.replica} is a primary", todo="Stop it, then let it rejoin.")
        host, port = self._place.reach(primary_of(spec))
        await self.configure(spec)
        await self._session.say("REPLICAOF", host, port)

    async def ended_at(self) -> int | None:
        return None

    async def divergence(self, spec: DatabaseSpec) -> Divergence:
        async with alone(self._place.folder) as keep:
            await self._check_stopped()
            return await self._compared(spec, keep)

    async def _compared(self, spec: DatabaseSpec, keep: int) -> Divergence:
        await self._ask_primary(spec)
        await self._files.check_space()
        copy = await self._files.begin()
        argv = ["cp", "-a", "--reflink=auto", str(self._files.data), str(copy)]
        done = await run(argv, environment={"PATH": os.defpath}, keep=(keep,))
        if done.code:
            raise EngineFailed(f"copying the data failed: {done.words}")
        theirs = there(primary_of(spec), spec, self._place)
        socket = self._socket.with_name("private.sock")
        socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            async with private_server(program_for(self._version), copy, socket, keep) as mine:
                return await compare(mine, theirs)
        finally:
            await theirs.close()
            await self._files.end()

    async def rejoin(self, spec: DatabaseSpec) -> Rejoined:
        async with alone(self._place.folder) as keep:
            await self._check_stopped()
            found = await self._compared(spec, keep)
            if not found.is_divergent:
                self._mark("standby")
                return Rejoined("follows", found)
            await self._empty("standby")
            kept = self._files.put_aside()
            self._files.complete()
            return Rejoined("reseeded", found, kept=str(kept))

    async def keep(self) -> Kept:
        async with alone(self._place.folder):
            await self._check_stopped()
            return await asyncio.to_thread(self._files.keep)

    async def close(self) -> None:
        await self._session.close()


def _make_marked(folder: Path, marks: dict[str, str]) -> None:
    folder.mkdir(mode=0o700)
    for name, text in marks.items():
        (folder / name).write_text(text)


def _text(word: bytes | str) -> str:
    return word.decode() if isinstance(word, bytes) else word
