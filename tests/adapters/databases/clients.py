"""Clients of each engine: they come over TCP with a password, as users do."""

from __future__ import annotations

import psycopg

from recovery.core.ports import DATABASE, Login
from tests.adapters.databases.servers import SECRET, Server


class PostgresClient:
    """One table of numbers."""

    def connect(self, server: Server, login: Login = Login.CLIENT) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=server.spec.port,
            user=login,
            password=login.password(SECRET),
            dbname=DATABASE,
            autocommit=True,
            connect_timeout=5,
        )

    async def prepare(self, server: Server) -> None:
        with self.connect(server) as connection:
            connection.execute("CREATE TABLE ledger (number int PRIMARY KEY)")

    async def write(self, server: Server, number: int) -> None:
        with self.connect(server) as connection:
            connection.execute("INSERT INTO ledger VALUES (%s)", [number])

    async def numbers(self, server: Server) -> set[int]:
        with self.connect(server) as connection:
            return {row[0] for row in connection.execute("SELECT number FROM ledger")}
