"""What holds for any sight whatsoever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recovery.detection.decide import decide
from recovery.detection.eyes import Scene
from recovery.detection.facts import (
    CONTROL_PLANE,
    MOVES,
    Gateway,
    Ground,
    HostSight,
    Kernel,
    Sighting,
)
from recovery.detection.policy import Policy
from recovery.detection.sights import Memory, Roster, Seen, Sights, Standing
from recovery.detection.verdicts import are_independent, judge
from recovery.inventory.facts import Replace, Verdict

POLICY = Policy()
VERDICTS = [one for one in Verdict if one is not Verdict.ENROLLING]
HARM = {Verdict.LOST: 3, Verdict.HUNG: 2, Verdict.UNKNOWN: 1}
SECONDS = st.floats(0.0, 20.0, allow_nan=False)
RACKS = st.sampled_from(["P/a", "P/b", "P/c", "Q/a", "Q/b"])


@st.composite
def sightings(draw: st.DrawFn) -> Sighting:
    rack = draw(RACKS)
    asked = draw(st.integers(0, 3))
    return Sighting(
        observer=draw(st.sampled_from([*"abcdefgh", CONTROL_PLANE])),
        kernel=draw(st.sampled_from(list(Kernel))),
        answering=draw(st.integers(0, asked)),
        asked=asked,
        age=draw(SECONDS),
        observer_datacenter=rack[0],
        observer_domains=frozenset({rack}),
        observer_verdict=draw(st.sampled_from([Verdict.ALIVE, Verdict.ALIVE, *VERDICTS])),
        observer_steady=draw(SECONDS),
    )


@st.composite
def sights(draw: st.DrawFn) -> HostSight:
    return HostSight(
        host="h",
        name="h",
        datacenter="P",
        domains=frozenset({"P/a"}),
        silence=draw(SECONDS),
        verdict=draw(st.sampled_from(VERDICTS)),
        verdict_age=draw(SECONDS),
        steady=draw(SECONDS),
        flaps=draw(st.integers(0, 9)),
        sightings=tuple(draw(st.lists(sightings(), max_size=6, unique_by=lambda s: s.observer))),
    )


grounds = st.builds(
    Ground, st.integers(1, 40), st.sampled_from([frozenset({"P"}), frozenset({"P", "Q"})])
)


@given(sights(), grounds)
def test_a_verdict_changes_only_by_a_named_move(sight: HostSight, ground: Ground) -> None:
    after = judge(sight, ground, POLICY).verdict
    assert after is sight.verdict or (sight.verdict, after) in MOVES


@given(sights(), grounds)
def test_lost_is_never_said_without_two_fresh_witnesses_apart_and_none_for_life(
    sight: HostSight, ground: Ground
) -> None:
    if sight.verdict is Verdict.LOST or judge(sight, ground, POLICY).verdict is not Verdict.LOST:
        return
    fresh = [one for one in sight.sightings if one.age < sight.silence]
    quiet = [
        one
        for one in fresh
        if one.observer != CONTROL_PLANE
        and one.is_quiet
        and one.observer_verdict is Verdict.ALIVE
        and not one.observer_domains & sight.domains
    ]
    assert are_independent(quiet, 2)
    assert sight.silence >= POLICY.lost_after
    recent = [one for one in fresh if one.age <= POLICY.stale_life]
    assert not any(one.is_serving for one in recent if one.observer != CONTROL_PLANE)


@given(sights(), grounds, sightings())
def test_another_sign_of_life_never_makes_it_deader(
    sight: HostSight, ground: Ground, sign: Sighting
) -> None:
    alive = replace(
        sign,
        observer="z",
        kernel=Kernel.ANSWERS,
        answering=1,
        asked=1,
        age=min(sign.age, POLICY.stale_life),
    )
    before = judge(sight, ground, POLICY)
    after = judge(replace(sight, sightings=(*sight.sightings, alive)), ground, POLICY)
    assert HARM.get(after.verdict, 0) <= HARM.get(before.verdict, 0)
    assert after.may_start <= before.may_start


@given(sights(), grounds, st.randoms())
def test_the_order_of_sightings_does_not_matter(
    sight: HostSight, ground: Ground, random: object
) -> None:
    shuffled = list(sight.sightings)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis types it as object
    assert judge(replace(sight, sightings=tuple(shuffled)), ground, POLICY) == judge(
        sight, ground, POLICY
    )


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Up to 12 hosts in three datacenters, any verdicts, ages and looks."""
    count = draw(st.integers(1, 12))
    names = [f"h{at}" for at in range(count)]
    roster = Roster.of(
        names,
        names,
        [f"D{at % 3}" for at in range(count)],
        [frozenset({f"D{at % 3}/r{at // 3 % 2}"}) for at in range(count)],
    )
    troubled = draw(st.lists(st.sampled_from(names), unique=True, max_size=count // 2))
    standing = {
        name: Standing(
            draw(st.sampled_from(VERDICTS[1:])), draw(SECONDS), draw(st.sampled_from(list(Replace)))
        )
        for name in troubled
    }
    ages = draw(st.lists(st.floats(0.0, 6.0), min_size=count, max_size=count))
    seen = {
        name: [
            Seen(observer, draw(st.sampled_from(list(Kernel))), 0, 1, draw(SECONDS))
            for observer in draw(st.lists(st.sampled_from(names), unique=True, max_size=4))
        ]
        for name in draw(st.lists(st.sampled_from(names), unique=True, max_size=4))
    }
    age = draw(st.sampled_from([0.1, 0.1, 0.1, 2.0]))
    return Scene(
        roster,
        standing,
        Sights(
            tuple(names),
            np.array(ages),
            np.zeros(count, np.uint64),
            seen,
            (Gateway("g", age, 500.0),),
        ),
        paused=draw(st.sampled_from(["", "", "works"])),
    )


def settled(scene: Scene) -> Memory:
    """A controller that has watched for long, with every observer in health."""
    count = len(scene.roster.hosts)
    return Memory(
        begun=0.0,
        ticked=499.8,
        hosts=scene.roster.hosts,
        heard_since=np.full(count, 1.0),
        boots=np.zeros(count, np.uint64),
    )


@given(scenes())
def test_blind_or_just_started_means_no_change_and_only_who_is_heard_looks(scene: Scene) -> None:
    ages = dict(zip(scene.sights.hosts, scene.sights.ages.tolist(), strict=True))
    for memory in (settled(scene), Memory.fresh(498.0)):
        decision = decide(scene, memory, POLICY, 500.0)
        if decision.blind:
            assert not decision.changes
            began = decision.blind.starting or decision.blind.is_grace
            assert not (began and decision.looks)
            assert len(decision.looks) <= POLICY.looks_per_tick
            asked = {observer for look in decision.looks for observer in look.observers}
            assert all(ages[observer] < POLICY.suspect_after for observer in asked)
    assert decide(scene, Memory.fresh(498.0), POLICY, 500.0).blind


@given(scenes())
def test_a_pause_gives_no_grant(scene: Scene) -> None:
    decision = decide(replace(scene, paused="works"), settled(scene), POLICY, 500.0)
    for change in decision.changes:
        stood = scene.standing.get(change.host)
        kept = stood.replace if stood else Replace.NONE
        assert change.replace in (Replace.NONE, Replace.HELD, kept)


@given(scenes(), st.permutations(range(12)))
def test_the_order_of_hosts_does_not_matter(scene: Scene, order: list[int]) -> None:
    size = len(scene.roster.hosts)
    picked = [at for at in order if at < size]
    roster = scene.roster
    other = Roster.of(
        [roster.hosts[at] for at in picked],
        [roster.names[at] for at in picked],
        [roster.datacenters[at] for at in picked],
        [roster.domains[at] for at in picked],
    )
    shuffled = replace(scene, roster=other, standing=dict(reversed(list(scene.standing.items()))))
    one = decide(scene, settled(scene), POLICY, 500.0)
    two = decide(shuffled, settled(scene), POLICY, 500.0)
    assert set(one.changes) == set(two.changes)
    assert one.situations == two.situations
    assert bool(one.blind) == bool(two.blind)


@given(scenes())
def test_every_change_says_why(scene: Scene) -> None:
    for change in decide(scene, settled(scene), POLICY, 500.0).changes:
        assert change.reason
        stood = scene.standing.get(change.host)
        if change.replace is not (stood.replace if stood else Replace.NONE):
            assert change.replace_reason
