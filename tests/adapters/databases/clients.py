"""Clients of each engine: they come over TCP with a password, as users do."""

from __future__ import annotations

import asyncio

import psycopg
from redis.asyncio import Redis

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

    def alone(self, *numbers: int) -> tuple[str, ...]:
        return (f"public.ledger: {len(numbers)} inserted",)


class ValkeyClient:
    """One key for each number."""

    def connect(self, server: Server, login: Login = Login.CLIENT) -> Redis:
        return Redis(
            host="127.0.0.1",
            port=server.spec.port,
            username=login.value,
            password=login.password(SECRET),
            decode_responses=True,
            protocol=2,
        )

    async def prepare(self, server: Server) -> None:
        await self.write(server, 0)

    async def write(self, server: Server, number: int) -> None:
        client = self.connect(server)
        try:
            await client.set(f"ledger:{number}", number)
        finally:
            await asyncio.shield(client.aclose())  # a writer is cancelled anywhere

    async def numbers(self, server: Server) -> set[int]:
        async with self.connect(server) as client:
            keys = [str(key) async for key in client.scan_iter("ledger:*")]
        return {int(key.split(":")[1]) for key in keys} - {0}

    def alone(self, *numbers: int) -> tuple[str, ...]:
        names = ", ".join(f"ledger:{number}" for number in numbers)
        return (f"{len(numbers)} only here: {names}",)
