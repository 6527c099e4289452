"""One act of an engine in a process of its own, to be killed: `act.py VERB SPEC.json FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from recovery.adapters.databases.choice import engine_for
from recovery.core.ports import Place
from recovery.core.wire import DatabaseSpec


async def main(verb: str, spec: DatabaseSpec, folder: Path) -> None:
    engine = engine_for(spec, Place(folder, "127.0.0.1"))
    if verb != "nothing":
        await getattr(engine, verb)(spec)
    await engine.close()


if __name__ == "__main__":
    decoded = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=DatabaseSpec)
    asyncio.run(main(sys.argv[1], decoded, Path(sys.argv[3])))
