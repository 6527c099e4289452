"""What is set apart comes back: its own rows are told and kept, on every engine."""

from __future__ import annotations

import pytest

from recovery.core.ports import EngineFailed
from tests.adapters.databases.conftest import Engine
from tests.adapters.databases.servers import Family


async def test_what_a_standby_has_and_the_new_primary_never_got_is_told_and_kept(
    family: Family, engine: Engine
) -> None:
    """It lies beyond where the two parted: it could not follow, or would be overwritten."""
    a, b = await family.pair(engine.client)
    c = family.servers["c"]
    await c.engine.clone(c.spec)
    await c.start()
    await c.until_streaming()
    await engine.client.write(a, 1)
    await b.reaches((await a.look()).position)
    await b.stop()
    await engine.client.write(a, 2)
    await c.reaches((await a.look()).position)
    await c.stop()
    a.kill()
    await b.start()
    family.give("b")
    await b.engine.promote(b.spec)
    await engine.client.write(b, 4)
    found = await c.engine.divergence(c.spec)
    assert found.changes == 1
    assert found.rows == engine.client.alone(2)
    rejoined = await c.engine.rejoin(c.spec)
    assert rejoined.divergence.alone == found.alone
    assert rejoined.kept
    await c.start()
    await c.until_streaming()
    await c.reaches((await b.look()).position)
    assert await engine.client.numbers(c) == {1, 4}


async def test_what_is_kept_is_put_aside_as_it_is_and_its_copy_is_cloned_anew(
    family: Family, engine: Engine
) -> None:
    a, b = await family.pair(engine.client)
    await engine.client.write(a, 1)
    await b.reaches((await a.look()).position)
    with pytest.raises(EngineFailed, match="still runs"):
        await a.engine.keep()
    a.kill()
    kept = await a.engine.keep()
    assert kept.size > 0
    assert (a.folder / "kept" / kept.name).is_dir()
    assert not a.engine.is_made()
    assert await a.engine.keep() == kept, "who asks again after a death is told the same"
    family.give("b")
    await b.engine.promote(b.spec)
    await a.engine.clone(a.spec)
    await a.start()
    await a.until_streaming()
    assert (a.folder / "kept" / kept.name).is_dir()
