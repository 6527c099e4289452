"""A standby, set apart while another one came to lead, may hold what nobody else does."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from recovery.agent.databases.decide import decide
from recovery.agent.databases.facts import Act, Deed, Picture, Wait
from recovery.agent.databases.records import Record, learned
from recovery.core.ports import ServerFacts
from recovery.core.wire import DatabaseSpec
from tests.agent.databases.conftest import A, B, Pair

SPEC = DatabaseSpec(
    replica="b", database="d", name="shop", engine="valkey", version="8", role="standby",
    epoch=2, port=1, secret="s" * 32, members=(),
)  # fmt: skip
STOPPED = Picture(
    spec=SPEC,
    role="standby",
    led=0,
    is_made=True,
    is_running=False,
    is_fresh=True,
    quarantined=False,
    is_overtaken=True,
)


def deed(picture: Picture) -> Deed | None:
    found = decide(picture)
    return found.deed if isinstance(found, Act) else None


def test_it_follows_only_after_what_it_alone_has_is_kept() -> None:
    """A start would have it take in the new primary's data over its own."""
    assert deed(STOPPED) is Deed.REJOIN
    assert deed(replace(STOPPED, is_overtaken=False)) is Deed.START
    late = decide(replace(STOPPED, is_fresh=False))
    assert late == Wait("it was set apart: waits for the control plane's list")


def test_set_apart_it_is_compared_once_as_one_that_led_is() -> None:
    apart = replace(STOPPED, spec=msgspec.structs.replace(SPEC, role="out"))
    assert deed(apart) is Deed.MEASURE
    assert deed(replace(apart, is_measured=True)) is None
    assert deed(replace(apart, is_overtaken=False)) is None, "nobody else leads: nothing to compare"


def test_it_is_overtaken_by_another_epoch_alone() -> None:
    assert not Record(epoch=2).is_overtaken
    assert not Record(epoch=2, apart=2).is_overtaken
    assert Record(epoch=2, apart=1).is_overtaken


def test_who_was_away_while_its_datacenter_was_fenced_is_as_one_that_was_set_apart() -> None:
    """Nobody told it: the fence was lifted before it came back."""
    missed = Record(epoch=1, role="standby")
    after = msgspec.structs.replace(SPEC, epoch=3, checked_below=2)
    told, is_newer = learned(after, missed)
    assert is_newer
    assert told.is_overtaken
    assert deed(replace(STOPPED, spec=after)) is Deed.REJOIN
    for there in (
        Record(epoch=2, role="standby"),
        Record(epoch=1, role="primary", led=1),
        Record(),
    ):
        assert not learned(after, there)[0].is_overtaken
    home = msgspec.structs.replace(after, checked_below=0)
    assert not learned(home, missed)[0].is_overtaken, "no fence: its place was never in doubt"


def test_what_runs_by_an_older_list_ends_before_it_follows_who_came_to_lead() -> None:
    seen = ServerFacts(
        role="standby", is_writable=False, version="8", system="7", timeline=1, position=9
    )
    runs = replace(STOPPED, is_running=True, seen=seen, configured=SPEC)
    assert deed(runs) is Deed.STOP
    assert deed(replace(runs, is_overtaken=False)) is None


async def test_who_lacks_nothing_follows_as_it_is(up: Pair) -> None:
    """On real servers: another epoch began while it was out, and its agent looked first."""
    up.out = {B}
    await up.desire()
    await up.until(B, state="down")
    up.epoch = 2
    await up.desire()
    await up.until(B, 20.0, is_measured=True)
    assert up.fact(B).alone == ""
    up.out = set()
    await up.desire()
    await up.until(B, 40.0, state="running", role="standby", follows=A)
    assert not list(up.hosts[B].folder.rglob("kept/*/PG_VERSION"))
