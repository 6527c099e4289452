"""Whatever a database went through and whatever was lost of its archive: what is promised is what
was acknowledged, a plan gives all of it, and no retention takes it away."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recovery.core.archive import (
    Chunk,
    History,
    ManifestName,
    RestorePlan,
    RetentionPolicy,
    coverage,
    parse,
    plan_restore,
    retention,
)
from recovery.core.ports.stores import ObjectInfo
from tests.decisions.archive.build import at
from tests.properties.archive.served import brought, is_split, never_came, served, wound_back
from tests.properties.archive.worlds import STEP, World, given_back, owed, worlds

LOST = st.sets(st.integers(0, 60), max_size=3)
POLICIES = st.builds(
    RetentionPolicy,
    backups=st.integers(1, 3),
    days=st.floats(0, 0.03),
    orphans=st.just(timedelta(days=1)),
)


def left_of(world: World, lost: set[int]) -> list[ObjectInfo]:
    return [each for number, each in enumerate(world.objects) if number not in lost]


@given(worlds(), LOST)
@settings(max_examples=300)
def test_the_newest_moment_is_kept_to_the_last_commit(world: World, lost: set[int]) -> None:
    there = left_of(world, lost)
    seen, plan = coverage(there), plan_restore(there, {})
    assert isinstance(plan, RestorePlan) == (seen.moment is not None)
    if isinstance(plan, RestorePlan):
        assert plan.moment == seen.moment
        assert given_back(world, plan) == owed(world, plan)


@given(worlds(), LOST, st.integers(0, 120))
@settings(max_examples=300)
def test_every_moment_of_a_window_is_kept_to_the_last_commit(
    world: World, lost: set[int], minute: int
) -> None:
    there, to = left_of(world, lost), at(minute)
    plan = plan_restore(there, {}, to)
    assert isinstance(plan, RestorePlan) == any(a <= to <= b for a, b in coverage(there).windows)
    if isinstance(plan, RestorePlan):
        assert given_back(world, plan) == owed(world, plan)


@given(worlds(), LOST, st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_a_listing_in_any_order_promises_the_same(
    world: World, lost: set[int], random: Random
) -> None:
    there = left_of(world, lost)
    mixed = list(there)
    random.shuffle(mixed)
    one, other = coverage(there), coverage(mixed)
    assert (one.backups, one.newest, one.windows) == (other.backups, other.newest, other.windows)


def _log(objects: list[ObjectInfo]) -> list[Chunk | History | ManifestName]:
    found = (parse(each.name) for each in objects)
    return [each for each in found if isinstance(each, Chunk | History | ManifestName)]


def _is_led_to(world: World, objects: list[ObjectInfo], history: History, *, ends: int) -> bool:
    """Whether one of these bases lies on the way to this timeline, and ended so much before it."""
    bases = [each for each in _log(objects) if isinstance(each, ManifestName)]
    timeline, end = history.parent, history.switch
    while not any(each.timeline == timeline and each.stop + ends <= end for each in bases):
        if timeline not in world.parents:
            return False
        end = min(end, world.switches[timeline] * STEP)
        timeline = world.parents[timeline]
    return True


@given(worlds(), LOST, POLICIES, st.data())
@settings(max_examples=200)
def test_what_is_to_come_is_worth_the_same_whatever_retention_took(
    world: World, lost: set[int], policy: RetentionPolicy, data: st.DataObject
) -> None:
    """A backup that was being made when things were removed is whole once the rest has come. Who
    leaves a history that was left already, or leaves one from before every kept base or just where
    one ends, needs a base of its own; not so who left it before things were removed."""
    count = data.draw(st.integers(0, len(world.objects)))
    before = [each for n, each in enumerate(world.objects[:count]) if n not in lost]
    now = max((each.modified for each in before), default=at(0)) + timedelta(minutes=1)
    gone = set(retention(before, now, policy))
    late = world.objects[count:]
    newest = max((each.timeline for each in _log(before)), default=0)
    whole, thinned = [*before, *late], [each for each in before if each.name not in gone] + late
    for each in _log(late):
        if isinstance(each, History):
            assume(each.parent >= newest)
            is_led_to = _is_led_to(world, thinned, each, ends=1)
            assume(is_led_to or not _is_led_to(world, whole, each, ends=0))
    assert coverage(thinned).moment == coverage(whole).moment


@given(st.one_of(wound_back(), worlds()))
@settings(max_examples=150, derandomize=True)
def test_a_moment_brings_back_what_was_served_then_whatever_cut_it_away_later(world: World) -> None:
    for minute in range(world.minute + 1):
        plan = plan_restore(world.objects, {}, at(minute))
        if isinstance(plan, RestorePlan) and not is_split(world, minute):
            due, has = served(world, minute), brought(world, plan)
            assert has <= due
            assert never_came(world, due - has)
