"""A copy of stopped data, beside them, for as long as something is read from it.

Invariants: the data themselves are only read; nothing is copied without the space for it; whatever
a killed agent left of an earlier try is ended and removed first.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from recovery.adapters.databases.folders import Folder
from recovery.adapters.databases.running import run
from recovery.core.ports import EngineFailed


async def copied(source: Folder, target: Folder, keep: int, prefix: Sequence[str] = ()) -> Path:
    """`prefix`: how its programs are started, where others own the files. Its folder afterwards."""
    await source.check_space()
    await asyncio.to_thread(shutil.rmtree, target.data, ignore_errors=True)
    partial = await target.begin()
    argv = [*prefix, "cp", "-a", "--reflink=auto", str(source.data), str(partial)]
    done = await run(argv, environment={"PATH": os.defpath}, keep=(keep,))
    if done.code:
        raise EngineFailed(f"copying the data failed: {done.words}", kept="The data stay.")
    target.complete()
    return target.data
