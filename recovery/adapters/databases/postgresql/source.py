"""Questions to the primary that this replica is to follow, as the replication role."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import psycopg

from recovery.adapters.databases.postgresql.files import keywords, upstream
from recovery.adapters.databases.postgresql.forks import Ended, history
from recovery.core.ports import EngineAway, EngineFailed, Login, Place
from recovery.core.wire import DatabaseSpec, Member

_SECONDS = 15.0
_ITSELF = """
SELECT pg_is_in_recovery(),
       (SELECT system_identifier::text FROM pg_control_system()),
       CASE WHEN pg_is_in_recovery() THEN 0
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
       CASE WHEN pg_is_in_recovery() THEN 0
            ELSE (pg_current_wal_flush_lsn() - '0/0')::bigint END,
       (SELECT timeline_id FROM pg_control_checkpoint())
"""
_TABLE = """
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE pg_relation_filenode(c.oid) = %s AND n.nspname NOT IN ('pg_catalog', 'pg_toast')
"""


@dataclass(frozen=True, slots=True)
class Source:
    """The primary, asked now."""

    system: str
    timeline: int
    position: int
    history: tuple[Ended, ...]


async def ask(member: Member, spec: DatabaseSpec, place: Place) -> Source:
    """Its identity and history. `EngineAway` without an answer, `EngineFailed` for a no."""
    connection = await _connect(member, spec, place, "postgres")
    async with connection:
        row = await (await connection.execute(_ITSELF)).fetchone()
        assert row is not None
        is_standby, system, timeline, at, checkpointed = row
        if is_standby:
            raise EngineAway(f"{member.replica} is not a primary (yet)")
        if checkpointed < timeline:
            await connection.execute("CHECKPOINT")
        return Source(system, timeline, at, await _history(connection, timeline))


async def _history(connection: psycopg.AsyncConnection, timeline: int) -> tuple[Ended, ...]:
    if timeline == 1:
        return history(1, "")
    name = f"pg_wal/{timeline:08X}.history"
    row = await (await connection.execute("SELECT pg_read_binary_file(%s)", [name])).fetchone()
    assert row is not None
    return history(timeline, bytes(row[0]).decode())


async def tables(
    member: Member, spec: DatabaseSpec, place: Place, wanted: set[tuple[int, int]]
) -> dict[tuple[int, int], str]:
    """Names of the users' tables among these (database, file), as far as it knows them."""
    names: dict[tuple[int, int], str] = {}
    for database, name in (await _databases(member, spec, place)).items():
        files = [file for base, file in wanted if base == database]
        if not files:
            continue
        async with await _connect(member, spec, place, name) as connection:
            for file in files:
                row = await (await connection.execute(_TABLE, [file])).fetchone()
                if row is not None:
                    names[database, file] = row[0]
    return names


async def _databases(member: Member, spec: DatabaseSpec, place: Place) -> dict[int, str]:
    query = "SELECT oid::bigint, datname FROM pg_database WHERE datallowconn AND NOT datistemplate"
    async with await _connect(member, spec, place, "postgres") as connection:
        return {oid: name for oid, name in await (await connection.execute(query)).fetchall()}


async def _connect(
    member: Member, spec: DatabaseSpec, place: Place, database: str
) -> psycopg.AsyncConnection:
    who = f"the copy at {member.address}, port {member.port},"
    password = {"password": Login.REPLICATION.password(spec.secret), "dbname": database}
    words = keywords(upstream(member, spec, place) | password)
    try:
        async with asyncio.timeout(_SECONDS):
            return await psycopg.AsyncConnection.connect(words, autocommit=True)
    except TimeoutError as error:
        raise EngineAway(f"{who} does not answer") from error
    except psycopg.OperationalError as error:
        said = " ".join(str(error).split())
        if "authentication failed" in said or "pg_hba.conf" in said:
            raise EngineFailed(
                f"{who} refused us: {said}", todo="Give its members one secret."
            ) from error
        raise EngineAway(f"{who} does not answer: {said}") from error
