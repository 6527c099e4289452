"""The engine under test: PostgreSQL 18 and 15, Valkey 9, Redis 7, all real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from recovery.core.wire import EngineName
from tests.adapters.databases.clients import PostgresClient, ValkeyClient
from tests.adapters.databases.servers import Family, Writes
from tests.needs import needs


class Engine(NamedTuple):
    name: EngineName
    version: str
    client: Writes
    thing: str = ""
    settings: Mapping[str, str] = {}


QUICK = {"fsync": "off"}
"""The machine is not switched off: a killed server loses nothing by it."""
ENGINES = {
    "postgresql-18": Engine("postgresql", "18", PostgresClient(), settings=QUICK),
    "postgresql-15": Engine("postgresql", "15", PostgresClient(), "postgresql-15", QUICK),
    "valkey-9": Engine("valkey", "9", ValkeyClient()),
    "redis-7": Engine("valkey", "7", ValkeyClient(), "redis-server"),
}


@pytest.fixture(params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    engine = ENGINES[request.param]
    if engine.thing:
        needs(engine.thing)
    return engine


@pytest.fixture
async def family(engine: Engine) -> AsyncIterator[Family]:
    """Three members, nothing made yet. Their folder is short, as sockets need it."""
    with TemporaryDirectory(prefix="tocsin-db-") as folder:
        family = Family(engine.name, engine.version, Path(folder), engine.settings)
        yield family
        await family.close()
