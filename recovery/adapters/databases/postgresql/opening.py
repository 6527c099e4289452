"""One connection for one act, which is closed whatever happens to its caller."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import psycopg

from recovery.adapters.databases.postgresql.files import keywords


@asynccontextmanager
async def opened(words: Mapping[str, str]) -> AsyncIterator[psycopg.AsyncConnection]:
    """`words`: of libpq. Each statement is its own transaction unless one is begun.

    psycopg's own block commits at its end, and who is cancelled in the middle of that leaves the
    connection, and the server's process behind it, open until the garbage is collected."""
    connection = await psycopg.AsyncConnection.connect(keywords(words), autocommit=True)
    try:
        yield connection
    finally:
        connection.pgconn.finish()
