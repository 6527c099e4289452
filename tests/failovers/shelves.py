"""A lab's stores as somebody sees them who can write there: objects removed, altered, put back."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from recovery.adapters.backups.s3 import Bucket, S3Store
from recovery.core.archive import Chunk, ManifestName, parse
from tests.support.stack import Stack

T = TypeVar("T")
ADDRESS = "SELECT address, bucket FROM backups_store WHERE name = %s"
SNAPSHOT = """
SELECT r.snapshot, s.bucket FROM backups_snapshotrun r
JOIN backups_backupreplica b ON b.id = r.replica_id JOIN backups_store s ON s.id = b.store_id
JOIN inventory_database d ON d.id = b.database_id
WHERE d.name = %s AND r.state = 'kept' ORDER BY r.begun_at DESC LIMIT 1
"""
IN_STORE = """
SELECT s.name FROM backups_backupreplica b JOIN backups_store s ON s.id = b.store_id
LEFT JOIN inventory_database d ON d.id = b.database_id
WHERE coalesce(d.name, 'tocsin-itself') = %s AND b.number = %s
"""


@dataclass(slots=True)
class Shelf:
    """One replica of one database, in its store."""

    bucket: Bucket
    database: str

    def names(self) -> list[str]:
        async def listed(store: S3Store) -> list[str]:
            return [each.name for each in await store.list(f"{self.database}/")]

        return asyncio.run(self._do(listed))

    def chunks(self) -> list[Chunk]:
        found = [parse(name) for name in self.names()]
        chunks = [each for each in found if isinstance(each, Chunk)]
        return sorted(chunks, key=lambda one: (one.timeline, one.start, one.stop))

    def newest_base(self) -> ManifestName:
        found = [parse(name) for name in self.names()]
        return max(
            (each for each in found if isinstance(each, ManifestName)), key=lambda one: one.backup
        )

    def take(self, name: str) -> bytes:
        """It is gone; what it was."""

        async def taken(store: S3Store) -> bytes:
            content = await store.get(name)
            await store.delete(name)
            return content

        return asyncio.run(self._do(taken))

    def put(self, name: str, content: bytes) -> None:
        asyncio.run(self._do(lambda store: store.put(name, content)))

    def flip(self, name: str) -> bytes:
        """One bit of its middle byte is another one; what it was."""
        content = self.take(name)
        middle = len(content) // 2
        altered = bytes([content[middle] ^ 1])
        self.put(name, content[:middle] + altered + content[middle + 1 :])
        return content

    async def _do(self, act: Callable[[S3Store], Awaitable[T]]) -> T:
        store = S3Store("the story", self.bucket, patience=20)
        try:
            return await act(store)
        finally:
            await store.close()


def shelf(stack: Stack, database: str, number: int) -> Shelf:
    """With the pair that hosts write with."""
    store = str(stack.rows(IN_STORE, database, number)[0][0])
    address, bucket = stack.rows(ADDRESS, store)[0]
    lines = (stack.running.state.folder / "lab/backups/credentials").read_text().splitlines()
    pairs = {name: (access, secret) for name, access, secret in map(str.split, lines)}
    return Shelf(Bucket(str(address), str(bucket), *pairs[store]), database)


def flip_in_snapshot(stack: Stack, database: str) -> str:
    """One bit of its base in the provider's newest snapshot, and the provider knows nothing of it;
    the name of the piece."""
    snapshot, site = stack.rows(SNAPSHOT, database)[0]
    folder = stack.running.state.folder / f"lab/provider/{site}/snapshots/{snapshot}"
    content = folder / "content"
    path = sorted(content.glob(f"{database}/*/base/*/part-00000"))[-1]
    middle = path.stat().st_size // 2
    with path.open("r+b") as file:
        file.seek(middle)
        (byte,) = file.read(1)
        file.seek(middle)
        file.write(bytes([byte ^ 1]))
    meta = json.loads((folder / "meta.json").read_text())
    whole = hashlib.blake2b(digest_size=32)
    for each in sorted(path for path in content.rglob("*") if path.is_file()):
        digest = hashlib.blake2b(each.read_bytes(), digest_size=32).hexdigest()
        whole.update(f"{each.relative_to(content)}\0{digest}\0".encode())
    (folder / "meta.json").write_text(json.dumps(meta | {"digest": whole.hexdigest()}))
    return path.relative_to(content).as_posix()


@dataclass(slots=True)
class Frozen:
    """What came since, and was taken away at once. `last`: the newest that stayed."""

    last: datetime
    lost: dict[str, bytes] = field(default_factory=dict)


@contextmanager
def frozen(there: Shelf) -> Iterator[Frozen]:
    """Inside, the store says yes to every new piece of the log, and has none of them."""
    newest = there.chunks()[-1]
    assert newest.moment is not None
    held, stop = Frozen(newest.moment), threading.Event()

    def take() -> None:
        while not stop.is_set():
            for each in there.chunks():
                if each.start >= newest.stop:
                    held.lost[str(each)] = there.take(str(each))
            time.sleep(0.1)

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    try:
        yield held
    finally:
        stop.set()
        thread.join(30)
        for name, content in held.lost.items():
            there.put(name, content)
