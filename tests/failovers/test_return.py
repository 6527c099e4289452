"""An old primary comes back with writes that only it has (I-DB-5)."""

from __future__ import annotations

from pathlib import Path

from tests.failovers.account import accounting
from tests.failovers.telling import Bases
from tests.stories.telling import diary
from tests.support.running import wait_for


def test_an_old_primary_with_rows_of_its_own_rejoins_and_they_are_kept_and_shown(
    bases: Bases,
) -> None:
    """Nothing of it gets out any more, while what its user asked for still gets in: the write is
    done there and nowhere else, and nobody was told."""
    name = "town-pg"
    bases.prove(name)
    bases.allow(name)
    host, standby = bases.host_of(name), bases.host_of(name, "standby")
    gone = bases.missing(name)
    with accounting(bases, name):
        bases.stack.lab("partition", host=host, way="out")
        wait_for(lambda: bases.is_failing(name), 10)
        bases.stack.lab("kill", host=host)
        wait_for(lambda: bases.host_of(name) == standby, 60)
    wait_for(lambda: not bases.is_failing(name), 30)
    bases.stack.lab("restart", host=host)
    wait_for(lambda: bases.host_of(name, "standby") == host, 90)
    bases.settle(name)
    alone = bases.alone(name, host)
    diary(f"{name}: {host} is back: {alone}")
    assert "acknowledged: " in alone
    assert "inserted" in alone
    kept = Path(alone.rpartition("kept on its host in ")[2])
    assert (kept / "PG_VERSION").exists()
    assert "kept on its host in" in bases.read(f"/databases/{name}/")
    assert alone.partition(";")[0] in bases.failover(name)["end_reason"]
    assert bases.missing(name) <= gone
