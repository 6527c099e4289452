"""Which moment can be had from where: what is refused names one that is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from recovery.backups.facts import Site
from recovery.core.moments import ends, read_moment
from recovery.restores.facts import Source
from recovery.restores.in_place import refuse_moment

DAY = datetime(2026, 11, 29, tzinfo=UTC)
NEAR = Source("near", 1, "par1-a", Site("PAR1"), DAY.replace(hour=18, minute=28, second=15))
NEAR = replace(NEAR, opens=DAY.replace(hour=18, minute=21, second=43, microsecond=270_000))
FAR = Source("far", 3, "par1-cloud", Site("PAR1"), DAY.replace(hour=18, minute=22, second=47))


def moment(text: str) -> datetime:
    return read_moment(f"2026-11-29 {text}")


def test_another_replica_that_has_the_moment_is_named() -> None:
    to = moment("18:25:00")
    assert refuse_moment(FAR, to, (NEAR, FAR)) == (
        "Replica 3 (par1-cloud) goes to 29 Nov 18:22:47 UTC and no further. Replica 1 (par1-a) has"
        " it."
    )
    bad = replace(NEAR, disproof="It did not start.")
    assert "Replica 1" not in refuse_moment(FAR, to, (bad, FAR))
    begins = refuse_moment(NEAR, moment("18:20:00"), (replace(FAR, opens=DAY),))
    assert begins.endswith("begins at 29 Nov 18:21:44 UTC. Replica 3 (par1-cloud) has it.")
    alone = refuse_moment(FAR, moment("18:22:00"), (NEAR,))
    assert alone.endswith("leave it empty. Replica 1 (par1-a) has it.")
    cut = replace(NEAR, cuts=((moment("18:24:00"), moment("18:26:00.5")),))
    whole = replace(FAR, opens=DAY, at=NEAR.at)
    said = refuse_moment(cut, to, (whole,))
    assert said.endswith(
        "the first after it is 29 Nov 18:26:01 UTC. Replica 3 (par1-cloud) has it."
    )


def test_a_moment_to_come_is_refused_with_the_newest_once() -> None:
    to = moment("23:00:00")
    assert refuse_moment(NEAR, to, (FAR,)) == (
        "Replica 1 (par1-a) goes to 29 Nov 18:28:15 UTC and no further; that is the newest moment"
        " that can be restored."
    )
    assert refuse_moment(FAR, to, (NEAR,)).endswith(
        "no further; the newest moment that can be restored is 29 Nov 18:28:15 UTC, in replica 1."
    )


@given(st.integers(0, 10**6), st.integers(1, 3 * 10**6))
def test_both_ends_that_are_offered_can_be_had(begins: int, lasts: int) -> None:
    opens = DAY + timedelta(microseconds=begins)
    found = replace(NEAR, opens=opens, at=opens + timedelta(microseconds=lasts))
    assert found.at is not None
    for end in ends(opens, found.at):
        typed = datetime.strptime(f"2026 {end[:-4]}", _form(end)).replace(tzinfo=UTC)
        assert not refuse_moment(found, typed)


def _form(end: str) -> str:
    return f"%Y %d %b %H:%M:%S{'.%f' if '.' in end else ''}"
