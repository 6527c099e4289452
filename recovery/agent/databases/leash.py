"""The agent's end of one watchdog: finds it, starts it, talks with it.

Invariant: a watchdog that runs is found again by the next agent, through the socket in its
folder; there is never a second one (it holds a lock).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from recovery.agent.databases import watchdog
from recovery.agent.disk import private_folder
from recovery.core.errors import Refused, TocsinError

_PROGRAM = Path(watchdog.__file__)
_ANSWER_SECONDS = 2.0
_START_SECONDS = 10.0
_STOP_MARGIN = 15.0
_QUIT_SECONDS = 10.0


class WatchdogAway(TocsinError):
    """It does not answer: nothing is known of its server, nothing may be concluded."""


class Sight(msgspec.Struct, frozen=True):
    """What a watchdog says of itself and its server. `left`: seconds of the lease."""

    pid: int
    watchdog: int
    ended: str
    is_paused: bool
    is_primary: bool
    is_gate: bool
    epoch: int
    fenced: int
    left: float
    refusal: str = ""


class Leash:
    """One watchdog."""

    def __init__(self, folder: Path) -> None:
        self.folder = private_folder(folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._turn = asyncio.Lock()

    async def hold(self) -> Sight:
        """Finds it, or starts it; returns what it says."""
        with contextlib.suppress(WatchdogAway):
            return await self.look()
        self._spawn()
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        while True:
            try:
                return await self.look()
            except WatchdogAway:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.02)

    async def look(self) -> Sight:
        return await self.ask("status")

    async def start(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        *,
        is_primary: bool,
        epoch: int,
    ) -> Sight:
        """Starts the server unless it runs. Raises `Refused` with the reason why not."""
        return await self.demand(
            "start",
            {
                "argv": argv,
                "environment": dict(environment),
                "folder": str(folder),
                "log": str(log),
                "is_primary": is_primary,
                "epoch": epoch,
            },
        )

    async def stop(self, number: int, seconds: float) -> Sight:
        fields = {"number": int(number), "seconds": seconds}
        return await self.ask("stop", fields, patience=seconds + _STOP_MARGIN)

    async def demand(self, do: str, fields: Mapping[str, object] | None = None) -> Sight:
        """Asks for it; what the watchdog refuses is raised."""
        sight = await self.ask(do, fields)
        if sight.refusal:
            raise Refused(sight.refusal, field="watchdog")
        return sight

    async def ask(
        self,
        do: str,
        fields: Mapping[str, object] | None = None,
        *,
        patience: float = _ANSWER_SECONDS,
    ) -> Sight:
        """One line there, one back."""
        line = msgspec.json.encode({"do": do, **(fields or {})}) + b"\n"
        async with self._turn:
            try:
                async with asyncio.timeout(patience):
                    return await self._exchange(line)
            except (OSError, EOFError, TimeoutError, msgspec.MsgspecError) as error:
                self._let_go()
                raise WatchdogAway(f"the watchdog in {self.folder.name}: {error!r}") from error
            except BaseException:
                self._let_go()
                raise

    async def quit(self) -> None:
        """Ends it and its server, also one that has just been started and does not listen yet.
        Raises `WatchdogAway` while one lives on."""
        deadline = asyncio.get_running_loop().time() + _QUIT_SECONDS
        while True:
            why = "it was asked to quit"
            try:
                await self.ask("quit", patience=_STOP_MARGIN)
            except WatchdogAway as error:
                why = str(error)
            self._let_go()
            if not self._lives():
                return
            if asyncio.get_running_loop().time() > deadline:
                raise WatchdogAway(f"it lives on: {why}")
            await asyncio.sleep(0.02)

    def close(self) -> None:
        """Lets go; watchdog and server stay."""
        self._let_go()
        if self._process is not None:
            self._process.returncode = 0  # it lives on, and its end is for the next agent to see
            self._process = None

    # ------------------------------------------------------------------ inside

    def _lives(self) -> bool:
        """Whether ours lives, or another holds this folder's lock; its server dies with it."""
        if self._process is not None and self._process.poll() is None:
            return True
        try:
            lock = os.open(self.folder / watchdog.LOCK, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def _spawn(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_PROGRAM), str(self.folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    async def _exchange(self, line: bytes) -> Sight:
        if self._reader is None or self._writer is None:
            await self._connect()
        assert self._reader is not None
        assert self._writer is not None
        self._writer.write(line)
        answer = await self._reader.readuntil(b"\n")
        return msgspec.json.decode(answer, type=Sight)

    async def _connect(self) -> None:
        """By way of the folder's descriptor: a socket's path must be short, a folder's may not."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            path = f"/proc/self/fd/{descriptor}/{watchdog.SOCKET}"
            self._reader, self._writer = await asyncio.open_unix_connection(path)
        finally:
            os.close(descriptor)

    def _let_go(self) -> None:
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            with contextlib.suppress(RuntimeError):
                writer.transport.abort()
