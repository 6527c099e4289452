"""Connections to servers: ours through its socket, another one as the replication role."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from recovery.core.ports import EngineAway, EngineFailed, Login, Place
from recovery.core.wire import DatabaseSpec, Member

SECONDS = 3.0
NO_WAIT_FOR: dict[str, Any] = {"socket_timeout": None, "socket_connect_timeout": None}
"""redis-py counts a timeout of its own with `asyncio.wait_for`, which loses a cancellation that
comes as the wait ends: whoever was told to stop went on for ever. Ours is around each command."""
Info = dict[str, Any]
_LOST = (exceptions.ConnectionError, exceptions.TimeoutError, TimeoutError, OSError)
_REFUSED = (exceptions.AuthenticationError, exceptions.NoPermissionError)


class Session:
    """Questions to one server; `EngineAway` whenever one has no answer, `EngineFailed` for a no."""

    def __init__(self, client: Redis, who: str) -> None:
        self._client, self._who = client, who
        self._send: Callable[..., Awaitable[Any]] = client.execute_command
        self._turn = asyncio.Lock()

    async def say(self, *words: str | bytes | int) -> Any:
        """One command and its answer."""
        async with self._turn:
            try:
                async with asyncio.timeout(SECONDS):
                    return await self._send(*words)
            except _REFUSED as error:
                await self.close()
                raise EngineFailed(
                    f"{self._who} refused us: {error}", todo="Give its members one secret."
                ) from error
            except _LOST as error:
                await self.close()
                raise EngineAway(f"{self._who} does not answer: {error}") from error
            except exceptions.ResponseError as error:
                raise EngineFailed(f"{self._who}: {error}") from error

    async def info(self) -> Info:
        """What INFO says, as redis-py reads it."""
        return dict(await self.say("INFO"))

    async def close(self) -> None:
        """Also where whoever waits for it is cancelled meanwhile."""
        await asyncio.shield(self._client.aclose())


def here(socket: Path, login: Login | None = None, secret: str = "") -> Session:
    """The server behind this socket; without a login one of our own private ones."""
    name = login.value if login else None
    password = login.password(secret) if login else None
    client = Redis(
        unix_socket_path=str(socket),
        username=name,
        password=password,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        driver_info=None,
        single_connection_client=True,
        **NO_WAIT_FOR,
    )
    return Session(client, "the server")


def there(member: Member, spec: DatabaseSpec, place: Place) -> Session:
    """Another member's server."""
    host, port = place.reach(member)
    client = Redis(
        host=host,
        port=port,
        username=Login.REPLICATION.value,
        password=Login.REPLICATION.password(spec.secret),
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        driver_info=None,
        single_connection_client=True,
        **NO_WAIT_FOR,
    )
    return Session(client, member.replica)
