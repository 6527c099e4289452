"""A row a minute in each database: what a restore must bring back to prove how far it came.

The table belongs to the probe, in its own schema (adapters/databases/postgresql/files.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import psycopg

from recovery.adapters.databases.postgresql.opening import opened
from recovery.core.ports import EngineAway, Login

TABLE = f"{Login.PROBE}.canaries"
NEWEST = f"SELECT max(at) FROM {TABLE}"  # noqa: S608 - our own name
_MADE = f"CREATE TABLE IF NOT EXISTS {TABLE} (at timestamptz PRIMARY KEY)"
_SUNG = f"INSERT INTO {TABLE} VALUES (%s) ON CONFLICT DO NOTHING"  # noqa: S608
_OLD = f"DELETE FROM {TABLE} WHERE at < %s"  # noqa: S608
_SECONDS = 20.0


async def sing(words: Mapping[str, str], now: datetime) -> None:
    """`words`: of libpq, as the probe, to the clients' database. `EngineAway` if it was not
    acknowledged in time."""
    try:
        async with asyncio.timeout(_SECONDS):
            async with opened(words) as connection, connection.transaction():
                await connection.execute(_MADE)
                await connection.execute(_SUNG, [now])
                await connection.execute(_OLD, [now - timedelta(days=1)])
    except (psycopg.Error, TimeoutError, OSError) as error:
        raise EngineAway(f"no canary: {' '.join(str(error).split())}") from error
