"""One contract for every database engine; docs of the port: `recovery.core.ports.databases`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import pytest

from recovery.core.errors import TocsinError
from recovery.core.ports import EngineAway, EngineFailed
from recovery.core.wire import StandbyFact
from tests.adapters.databases.conftest import Engine
from tests.adapters.databases.servers import Family, Server
from tests.support.clocks.steady import steady
from tests.support.waiting import until


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
    assert facts.settings


async def test_a_server_listens_on_further_addresses_too(family: Family, engine: Engine) -> None:
    a = family.servers["a"]
    place = replace(a.place, also=("::1",))
    there = Server("a", a.folder, a.spec, place)
    await there.engine.make(there.spec)
    await there.start()
    try:
        for address in (place.listen, "::1"):
            _, writer = await asyncio.open_connection(address, there.spec.port)
            writer.close()
    finally:
        there.kill()
        await there.engine.close()


async def test_making_or_cloning_what_is_there_changes_nothing(
    family: Family, engine: Engine
) -> None:
    a, b = await family.pair(engine.client)
    await engine.client.write(a, 1)
    await a.engine.make(a.spec)
    await b.engine.clone(b.spec)
    await b.reaches((await a.look()).position)
    assert await engine.client.numbers(b) == {1}


async def test_a_standby_streams_and_both_sides_say_so(family: Family, engine: Engine) -> None:
    a, b = await family.pair(engine.client)
    for number in range(1, 6):
        await engine.client.write(a, number)
    position = (await a.look()).position
    await b.reaches(position)
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


async def test_a_connection_that_stands_to_a_primary_that_says_nothing_is_told_as_that(
    family: Family, engine: Engine
) -> None:
    """Or its standby seems to follow for seconds longer than there is anybody to follow."""
    a, b = await family.pair(engine.client)
    a.pause()

    async def is_unheard() -> bool:
        facts = await b.look()
        return facts.is_streaming and facts.unheard_ms >= 1_000

    await until(is_unheard)


async def test_the_position_never_falls_in_one_role_and_nothing_confirmed_goes(
    family: Family, engine: Engine
) -> None:
    a, b = await family.pair(engine.client)
    seen = []
    for number in range(1, 20):
        await engine.client.write(a, number)
        seen.append((await b.look()).position)
    await b.reaches((await a.look()).position)
    a.kill()
    seen.append((await b.look()).position)
    assert seen == sorted(seen)
    family.give("b")
    await b.engine.promote(b.spec)
    later = [(await b.look()).position]
    await engine.client.write(b, 20)
    later.append((await b.look()).position)
    assert later == sorted(later)
    assert await engine.client.numbers(b) == set(range(1, 21))


async def test_a_promoted_standby_is_another_timelines_primary_and_takes_writes(
    family: Family, engine: Engine
) -> None:
    a, b = await family.pair(engine.client)
    before = await b.look()
    a.kill()
    family.give("b")
    await b.engine.promote(b.spec)
    await b.engine.promote(b.spec)
    await engine.client.write(b, 1)
    facts = await b.look()
    assert (facts.role, facts.is_writable) == ("primary", True)
    assert facts.timeline != before.timeline
    await b.stop()
    await b.start()
    assert (await b.look()).is_writable


async def test_the_old_primary_reports_its_own_rows_and_follows_the_new_one(
    family: Family, engine: Engine
) -> None:
    a, b = await family.pair(engine.client)
    await engine.client.write(a, 1)
    await b.reaches((await a.look()).position)
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
    assert rejoined.divergence.alone == found.alone
    assert rejoined.kept
    await a.start()
    await a.until_streaming()
    await a.reaches((await b.look()).position)
    assert await engine.client.numbers(a) == {1, 4}


async def test_an_old_primary_is_of_the_new_timeline_also_when_the_new_primary_is_gone_too(
    family: Family, engine: Engine
) -> None:
    """Or the second loss in a row would find nobody: its standby "forked"."""
    a, b = await family.pair(engine.client)
    await a.stop()
    family.give("b")
    await b.engine.promote(b.spec)
    await a.engine.rejoin(a.spec)
    await a.start()
    await a.until_streaming()
    await engine.client.write(b, 1)
    await a.reaches((await b.look()).position)
    timeline = (await b.look()).timeline
    b.kill()

    async def is_alone() -> bool:
        return not (await a.look()).is_streaming

    await until(is_alone)
    assert (await a.look()).timeline == timeline


async def test_after_a_hand_over_in_order_the_old_primary_just_follows(
    family: Family, engine: Engine
) -> None:
    a, b = await family.pair(engine.client)
    await engine.client.write(a, 1)
    await b.reaches((await a.look()).position)
    await engine.client.write(a, 2)
    written = (await a.look()).position
    await a.stop()
    ended_at = await a.engine.ended_at()
    assert ended_at is None or written <= ended_at
    await b.reaches(ended_at or written)
    family.give("b")
    await b.engine.promote(b.spec)
    await engine.client.write(b, 3)
    rejoined = await a.engine.rejoin(a.spec)
    assert rejoined.divergence.alone == ""
    await a.start()
    await a.until_streaming()
    assert not (await a.look()).is_writable
    await a.reaches((await b.look()).position)
    assert await engine.client.numbers(a) == {1, 2, 3}


async def test_the_other_standby_follows_the_new_primary(family: Family, engine: Engine) -> None:
    a, b = await family.pair(engine.client)
    c = family.servers["c"]
    await c.engine.clone(c.spec)
    await c.start()
    await c.until_streaming()
    await b.reaches((await a.look()).position)
    a.kill()
    family.give("b")
    await b.engine.promote(b.spec)
    await c.engine.repoint(c.spec)
    await engine.client.write(b, 7)

    async def follows_b() -> bool:
        return (await c.look()).follows == "b"

    await until(follows_b)
    await c.reaches((await b.look()).position)
    assert 7 in await engine.client.numbers(c)


async def test_a_standby_that_was_away_catches_up(family: Family, engine: Engine) -> None:
    a, b = await family.pair(engine.client)
    b.kill()
    for number in range(1, 11):
        await engine.client.write(a, number)
    await b.start()
    await b.until_streaming()
    await b.reaches((await a.look()).position)
    assert await engine.client.numbers(b) == set(range(1, 11))


# ------------------------------------------------------------------ never writable by accident


async def test_a_standbys_data_started_as_a_primarys_wait_for_their_promotion(
    family: Family, engine: Engine
) -> None:
    a, b = await family.pair(engine.client)
    a.kill()
    await b.stop()
    family.give("b")
    await b.start()
    facts = await b.look()
    assert (facts.role, facts.is_writable) == ("standby", False)
    await b.engine.promote(b.spec)
    assert (await b.look()).is_writable


@pytest.mark.parametrize("role", ["standby", "out"])
async def test_a_returned_old_primary_starts_read_only(
    family: Family, engine: Engine, role: str
) -> None:
    a, b = await family.pair(engine.client)
    a.kill()
    family.give("b")
    await b.engine.promote(b.spec)
    a.spec = msgspec.structs.replace(a.spec, role=role)
    await a.spawn()
    await a.engine.accepts(30)
    assert not (await a.look()).is_writable
    with pytest.raises(Exception, match=r"(?i)read.?only"):
        await engine.client.write(a, 9)


async def test_nothing_is_arranged_or_rejoined_under_a_running_server(
    family: Family, engine: Engine
) -> None:
    a, b = await family.pair(engine.client)
    for act in (b.engine.arrange, b.engine.rejoin, b.engine.divergence):
        with pytest.raises(EngineFailed, match="still runs"):
            await act(b.spec)
    assert (await b.look()).follows == "a"
    with pytest.raises(EngineFailed, match="is a primary"):
        await a.engine.repoint(msgspec.structs.replace(b.spec, replica="a", port=a.spec.port))


# ------------------------------------------------------------------ bad input


async def test_wrong_credentials_are_said_and_leave_nothing(family: Family, engine: Engine) -> None:
    a, b = family.servers["a"], family.servers["b"]
    await a.engine.make(a.spec)
    await a.start()
    stranger = msgspec.structs.replace(b.spec, secret="another one")
    with pytest.raises(EngineFailed, match=r"refused us: .*(authentication|username-password)"):
        await b.engine.clone(stranger)
    assert not b.engine.is_made()
    await b.engine.clone(b.spec)
    assert b.engine.is_made()


async def test_a_primary_that_does_not_answer_is_no_failure_of_ours(
    family: Family, engine: Engine
) -> None:
    b = family.servers["b"]
    with pytest.raises(EngineAway, match="does not answer"):
        await b.engine.clone(b.spec)
    assert not b.engine.is_made()


async def test_a_standby_is_no_source_for_a_clone(family: Family, engine: Engine) -> None:
    await family.pair(engine.client)
    c = family.servers["c"]
    wrong = family.spec("c", primary="b")
    with pytest.raises(EngineAway, match="b is not a primary"):
        await c.engine.clone(wrong)
    assert not c.engine.is_made()


async def test_an_unknown_version_is_refused_with_what_is_here(
    family: Family, engine: Engine
) -> None:
    for version, words in (("42", "42 is"), ("3", "too old"), ("new", "no version")):
        a = family.servers["a"]
        a.spec = msgspec.structs.replace(a.spec, version=version)
        with pytest.raises(EngineFailed, match=words):
            await (await family.another("a")).engine.make(a.spec)


async def test_data_of_another_version_are_refused_and_stay(family: Family, engine: Engine) -> None:
    a = family.servers["a"]
    await a.engine.make(a.spec)
    mark = next(path for path in (a.folder / "data").iterdir() if path.name.endswith("VERSION"))
    mark.write_text("12\n")
    for act in (a.engine.make, a.engine.arrange):
        with pytest.raises(EngineFailed, match="12's"):
            await act(a.spec)
    assert mark.read_text() == "12\n"


async def test_a_standby_that_does_not_answer_is_not_promoted_and_can_be_later(
    family: Family, engine: Engine
) -> None:
    a, b = await family.pair(engine.client)
    a.kill()
    family.give("b")
    b.pause()
    began = steady.monotonic()
    with pytest.raises(TocsinError):
        await b.engine.promote(b.spec, seconds=2)
    assert steady.monotonic() - began < 8, "3 s for an answer, whatever hangs"
    with pytest.raises(EngineAway):
        await b.look()
    b.go_on()
    await b.engine.accepts(30)
    await b.engine.promote(b.spec)
    await engine.client.write(b, 1)


async def test_a_server_that_is_not_there_is_away(family: Family, engine: Engine) -> None:
    a = family.servers["a"]
    await a.engine.make(a.spec)
    with pytest.raises(EngineAway):
        await a.look()
    with pytest.raises(EngineAway, match="not ready in 0 s"):
        await a.engine.accepts(0.1)
