"""What Valkey and Redis alone promise."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from redis.exceptions import NoPermissionError, ResponseError

from recovery.core.ports import EngineFailed, Login
from tests.adapters.databases.clients import ValkeyClient
from tests.adapters.databases.conftest import ENGINES, Engine
from tests.adapters.databases.servers import Family
from tests.needs import needs
from tests.support.waiting import until

CLIENT = ValkeyClient()


@pytest.fixture(params=["valkey-9", "redis-7"])
def engine(request: pytest.FixtureRequest) -> Engine:
    engine = ENGINES[request.param]
    if engine.thing:
        needs(engine.thing)
    return engine


async def test_a_standby_that_never_had_a_whole_copy_is_not_promoted(family: Family) -> None:
    """It would be an empty primary, and the others would follow it into emptiness."""
    a, b = family.servers["a"], family.servers["b"]
    await a.engine.make(a.spec)
    await a.start()
    await b.engine.clone(b.spec)
    a.kill()
    await b.start()
    family.give("b")
    with pytest.raises(EngineFailed, match="never had a whole copy"):
        await b.engine.promote(b.spec)
    assert (await b.look()).role == "standby"


async def test_writes_are_refused_while_nobody_confirms_until_it_is_degraded(
    family: Family,
) -> None:
    a, b = await family.pair(CLIENT)
    family.give("a", synchronous=True)
    await a.engine.configure(a.spec)

    async def is_refused() -> bool:
        try:
            await CLIENT.write(a, 1)
        except ResponseError as error:
            if "NOREPLICAS" in str(error) or "Not enough good replicas" in str(error):
                return True
            raise
        return False

    async def is_taken() -> bool:
        return not await is_refused()

    await until(is_taken)  # its standby confirms once a second, on a busy machine later
    b.kill()
    await until(is_refused)
    family.give("a", synchronous=True, degraded=True)
    await a.engine.configure(a.spec)
    await CLIENT.write(a, 3)


async def test_every_login_has_its_own_rights(family: Family) -> None:
    a, _ = await family.pair(CLIENT)
    async with CLIENT.connect(a, Login.PROBE) as probe:
        await probe.set(f"{Login.PROBE}:beat", 1)
        with pytest.raises(NoPermissionError):
            await probe.set("ledger:9", 9)
    async with CLIENT.connect(a) as client:
        with pytest.raises(NoPermissionError):
            await client.config_set("appendonly", "no")
    async with CLIENT.connect(a, Login.REPLICATION) as replication:
        with pytest.raises(NoPermissionError):
            await replication.set("ledger:9", 9)


async def test_values_that_differ_are_told_from_keys_that_are_only_here(family: Family) -> None:
    a, b = await family.pair(CLIENT)
    async with CLIENT.connect(a) as client:
        await client.set("ledger:1", "old")
    await b.reaches((await a.look()).position)
    await b.stop()
    async with CLIENT.connect(a) as client:
        await client.set("ledger:1", "mine")
    await asyncio.sleep(1.2)  # appendfsync everysec: now it is in the file of a killed server
    a.kill()
    await b.start()
    family.give("b")
    await b.engine.promote(b.spec)
    found = await a.engine.divergence(a.spec)
    assert found.rows == ("1 with another value here: ledger:1",)
    assert found.alone == "1 keys differ: 1 with another value here: ledger:1"


async def test_a_promoted_one_that_starts_anew_follows_nobody(family: Family) -> None:
    a, b = await family.pair(CLIENT)
    a.kill()
    family.give("b")
    await b.engine.promote(b.spec)
    b.spec = msgspec.structs.replace(b.spec, epoch=9)
    await b.stop()
    await b.start()
    assert (await b.look()).role == "primary"
