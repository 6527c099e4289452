"""PostgreSQL 18 and 15, stores in folders and in a real SeaweedFS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.s3 import S3Store
from recovery.core.ports import ObjectStore
from tests.adapters.backups.conftest import seaweed  # noqa: F401 - a fixture
from tests.adapters.databases.servers import Family
from tests.agent.backups.recorded import recorded as recorded  # noqa: PLC0414 - a fixture
from tests.needs import needs
from tests.support.seaweed import Seaweed


@pytest.fixture(params=["18", "15"])
async def family(request: pytest.FixtureRequest) -> AsyncIterator[Family]:
    """Three members of one database, nothing made yet."""
    if request.param == "15":
        needs("postgresql-15")
    with TemporaryDirectory(prefix="tocsin-db-") as folder:
        family = Family("postgresql", request.param, Path(folder), {"fsync": "off"})
        yield family
        await family.close()


@pytest.fixture
def folder_store(tmp_path: Path) -> DirectoryStore:
    (tmp_path / "replica-1").mkdir()
    return DirectoryStore("replica 1", tmp_path / "replica-1")


@pytest.fixture
async def bucket_store(seaweed: Seaweed) -> AsyncIterator[ObjectStore]:  # noqa: F811
    """Empty."""
    seaweed.make("backups")
    store = S3Store("replica 2", seaweed.bucket("backups"), patience=10)
    for each in await store.list():
        await store.delete(each.name)
    yield store
    await store.close()
