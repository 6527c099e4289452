"""The store under test: a folder, and a bucket of a real SeaweedFS."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.s3 import S3Store
from recovery.adapters.backups.sealing import Keys
from recovery.core.ports import ObjectStore
from tests.support.seaweed import Seaweed

PATIENCE = 10.0
KEYS = Keys("k1", {"k1": b"1" * 32})
OTHER_KEYS = Keys("k1", {"k1": b"2" * 32})


def key_line(name: str, key: bytes) -> str:
    return f"{name} {base64.b64encode(key).decode()}\n"


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """One for the tests that do it no harm."""
    service = Seaweed(tmp_path_factory.mktemp("weed"))
    service.start()
    try:
        yield service
    finally:
        service.kill()


@pytest.fixture(params=["folder", "bucket"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    """Empty."""
    found: ObjectStore
    if request.param == "folder":
        found = DirectoryStore("replica 1", tmp_path)
    else:
        service: Seaweed = request.getfixturevalue("seaweed")
        service.make("backups")
        found = S3Store("replica 2", service.bucket("backups"), patience=PATIENCE)
        for each in await found.list():
            await found.delete(each.name)
    yield found
    await found.close()
