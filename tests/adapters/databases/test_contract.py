"""One contract for every database engine; docs of the port: `recovery.core.ports.databases`."""

from __future__ import annotations

from recovery.core.wire import StandbyFact
from tests.adapters.databases.conftest import Engine
from tests.adapters.databases.servers import Family, Server
from tests.support.waiting import until


async def pair(family: Family, engine: Engine) -> tuple[Server, Server]:
    """A primary with a table and a standby that streams."""
    a, b = family.servers["a"], family.servers["b"]
    await a.engine.make(a.spec)
    await a.start()
    await engine.client.prepare(a)
    await b.engine.clone(b.spec)
    await b.start()
    await b.until_streaming()
    return a, b


async def reaches(server: Server, position: int) -> None:
    async def has_it() -> bool:
        return (await server.look()).position >= position

    await until(has_it, 30)


async def test_a_made_primary_takes_writes_and_says_who_it_is(
    family: Family, engine: Engine
) -> None:
    a = family.servers["a"]
    assert not a.engine.is_made()
    await a.engine.make(a.spec)
    await a.start()
    await engine.client.prepare(a)
    await engine.client.write(a, 1)
    facts = await a.look()
    assert (facts.role, facts.is_writable) == ("primary", True)
    assert facts.version.startswith(engine.version)
    assert facts.system
    assert facts.timeline


async def test_a_standby_streams_and_both_sides_say_so(family: Family, engine: Engine) -> None:
    a, b = await pair(family, engine)
    for number in range(1, 6):
        await engine.client.write(a, number)
    position = (await a.look()).position
    await reaches(b, position)
    facts = await b.look()
    assert (facts.role, facts.is_writable, facts.follows) == ("standby", False, "a")
    assert facts.timeline == (await a.look()).timeline
    assert facts.system == (await a.look()).system

    async def confirmed() -> StandbyFact | None:
        return next((each for each in (await a.look()).standbys if each.position >= position), None)

    await until(confirmed)
    found = await confirmed()
    assert found is not None
    assert (found.replica, found.is_streaming) == ("b", True)
    assert await engine.client.numbers(b) == set(range(1, 6))


async def test_the_old_primary_reports_its_own_rows_and_follows_the_new_one(
    family: Family, engine: Engine
) -> None:
    a, b = await pair(family, engine)
    await engine.client.write(a, 1)
    await reaches(b, (await a.look()).position)
    await b.stop()
    await engine.client.write(a, 2)
    await engine.client.write(a, 3)
    a.kill()
    await b.start()
    family.give("b")
    await b.engine.promote(b.spec)
    await engine.client.write(b, 4)
    found = await a.engine.divergence(a.spec)
    assert found.is_divergent
    assert found.changes == 2
    assert found.rows == engine.client.alone(2, 3)
    rejoined = await a.engine.rejoin(a.spec)
    assert rejoined.how in ("rewound", "reseeded")
    await a.start()
    await a.until_streaming()
    await reaches(a, (await b.look()).position)
    assert await engine.client.numbers(a) == {1, 4}
