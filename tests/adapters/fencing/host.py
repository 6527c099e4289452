"""A host's agent reduced to its gate: told what to do by lines on its standard input.

A process of its own, so that it can be killed or stopped like an agent, and has a network
namespace of its own where the gate is the kernel's.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recovery.adapters.fencing.fences import Fences
from recovery.adapters.fencing.nftables import NftablesGate
from recovery.adapters.fencing.watchdog import WatchdogGate
from recovery.agent.databases.leash import Leash
from recovery.core.clock import system
from recovery.core.errors import TocsinError
from recovery.core.gates import Gate
from tests.adapters.fencing import echo

REPLICA = "replica-1"


class Host:
    """The gate of one replica, and its server under a watchdog."""

    def __init__(self, kind: str, folder: Path, port: int, key: Ed25519PrivateKey) -> None:
        self._folder, self._port = folder, port
        self.leash = Leash(folder / "dog")
        fences = Fences(folder / "fences.json")

        def sign(data: bytes) -> str:
            return base64.b64encode(key.sign(data)).decode()

        self.gate: Gate = (
            NftablesGate(fences, sign)
            if kind == "nftables"
            else WatchdogGate(lambda _: self.leash, fences, sign)
        )

    async def guard(self, *peers: str) -> None:
        await self.gate.guard(REPLICA, self._port, peers)

    async def start(self, epoch: int) -> None:
        """The server, as a primary."""
        await self.leash.hold()
        await self.leash.start(
            [sys.executable, "-I", "-S", echo.__file__, str(self._port)],
            {},
            self._folder,
            self._folder / "server.log",
            is_primary=True,
            epoch=epoch,
        )

    async def extend(self, epoch: int, seconds: float) -> None:
        await self.gate.extend(REPLICA, epoch, system.boottime() + seconds)

    async def close(self) -> None:
        await self.gate.close(REPLICA)

    async def fence(self, epoch: int) -> str:
        return await self.gate.fence("op", REPLICA, epoch)

    async def left(self) -> float:
        return await self.gate.left(REPLICA)

    async def release(self) -> None:
        await self.gate.release(REPLICA, self._port)

    async def arm(self, epoch: int, seconds: float) -> None:
        await self.gate.arm(REPLICA, self._port, (), epoch, system.boottime() + seconds)

    async def server(self) -> int:
        return (await self.leash.look()).pid

    async def watchdog(self) -> int:
        return (await self.leash.look()).watchdog


async def main(kind: str, folder: str, port: str, key: str) -> None:
    signing = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key))
    host = Host(kind, Path(folder), int(port), signing)
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, *words = json.loads(line)
        try:
            told = {"is": await getattr(host, name)(*words)}
        except TocsinError as error:
            told = {"refusal": str(error)}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
