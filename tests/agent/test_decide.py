"""The agent's decisions, told without a clock."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from recovery.agent.decide import (
    BACKOFF,
    CALM_SECONDS,
    CRASH_LOOP,
    MISSES,
    SICK_SECONDS,
    after_check,
    after_failed_start,
    after_restart,
    decide,
    state_of,
)
from recovery.agent.facts import Act, Deed, Health, Picture, Track
from recovery.core.ports import Sight
from recovery.core.wire import ContainerSpec

SPEC = ContainerSpec(placement="p", application="a", container="a-1", generation=2)
RUNS = Sight("p", "a", "a-1", 2, running=True)
ENDED = replace(RUNS, running=False, ended="exit code 1")


def picture(
    *specs: ContainerSpec,
    sights: tuple[Sight, ...] = (),
    track: Track | None = None,
    busy: frozenset[str] = frozenset(),
    quarantined: bool = False,
    is_fresh: bool = True,
) -> Picture:
    return Picture(
        {s.placement: s for s in specs},
        {s.placement: s for s in sights},
        {"p": track} if track else {},
        busy,
        quarantined,
        is_fresh,
    )


def deeds(acts: list[Act]) -> list[Deed]:
    return [act.deed for act in acts]


def test_what_is_listed_and_absent_is_started() -> None:
    assert deeds(decide(picture(SPEC), 0)) == [Deed.START]


def test_nothing_starts_before_a_control_plane_confirmed_the_list() -> None:
    assert decide(picture(SPEC, is_fresh=False), 0) == []


def test_nothing_new_starts_in_quarantine() -> None:
    assert decide(picture(SPEC, quarantined=True), 0) == []


def test_in_quarantine_what_is_not_listed_stops() -> None:
    assert deeds(decide(picture(sights=(RUNS,), quarantined=True), 0)) == [Deed.STOP]


def test_nothing_is_stopped_without_a_control_plane() -> None:
    assert decide(picture(sights=(RUNS,), is_fresh=False), 0) == []


def test_what_crashed_is_restarted_without_a_control_plane_and_in_quarantine() -> None:
    for quarantined in (False, True):
        seen = picture(SPEC, sights=(ENDED,), is_fresh=False, quarantined=quarantined)
        assert deeds(decide(seen, 0)) == [Deed.RESTART]


def test_another_generation_is_stopped_before_the_wanted_one_starts() -> None:
    old = replace(RUNS, generation=1)
    assert deeds(decide(picture(SPEC, sights=(old,)), 0)) == [Deed.STOP]


def test_a_placement_with_an_act_under_way_is_left_alone() -> None:
    assert decide(picture(SPEC, busy=frozenset({"p"})), 0) == []


def test_a_restart_waits_for_its_backoff() -> None:
    track = Track(not_before=10.0)
    assert decide(picture(SPEC, sights=(ENDED,), track=track), 9.9) == []
    assert deeds(decide(picture(SPEC, sights=(ENDED,), track=track), 10.0)) == [Deed.RESTART]


def test_a_container_that_answered_once_is_sick_only_after_several_misses() -> None:
    track = after_check(Track(), "", 0.0)
    for miss in range(MISSES - 1):
        track = after_check(track, "no answer", float(miss))
        assert state_of(RUNS, track) == "running"
    track = after_check(track, "no answer", float(MISSES))
    assert state_of(RUNS, track) == "sick"


def test_a_sick_container_is_restarted_once_patience_is_over() -> None:
    track = Track(Health.FAILS, failing_since=5.0, running_since=1.0, has_run=True)
    assert decide(picture(SPEC, sights=(RUNS,), track=track), 5.0 + SICK_SECONDS - 0.1) == []
    acts = decide(picture(SPEC, sights=(RUNS,), track=track), 5.0 + SICK_SECONDS)
    assert deeds(acts) == [Deed.RESTART]


def test_restarts_in_a_row_wait_longer_each_time() -> None:
    track, waits = Track(), []
    for _ in range(10):
        track = after_restart(track, 0.0)
        waits.append(track.not_before)
    assert waits == sorted(waits)
    assert waits[-1] == BACKOFF[-1]


def test_a_calm_hour_forgives_earlier_crashes() -> None:
    track = replace(Track(), streak=5, running_since=1.0)
    assert after_restart(track, 1.0 + CALM_SECONDS).streak == 1


def test_it_is_failed_only_after_several_attempts_in_a_row() -> None:
    track = Track()
    for _ in range(CRASH_LOOP - 1):
        track = after_failed_start(track, "no such program", 0.0)
        assert state_of(None, track) == "starting"
    assert state_of(None, after_failed_start(track, "no such program", 0.0)) == "failed"


_names = st.sampled_from(["p", "q", "r"])
_specs = st.builds(
    lambda p, g: ContainerSpec(placement=p, application="a", container=p, generation=g),
    _names,
    st.integers(1, 3),
)
_sights = st.builds(
    lambda p, g, r: Sight(p, "a", p, g, running=r), _names, st.integers(1, 3), st.booleans()
)
_pictures = st.builds(
    lambda specs, sights, busy, quarantined, fresh: picture(
        *specs, sights=tuple(sights), busy=busy, quarantined=quarantined, is_fresh=fresh
    ),
    st.lists(_specs),
    st.lists(_sights),
    st.frozensets(_names),
    st.booleans(),
    st.booleans(),
)


@given(_pictures, st.floats(0, 1e6))
def test_one_act_per_placement_and_nothing_new_where_it_is_forbidden(
    seen: Picture, now: float
) -> None:
    acts = decide(seen, now)
    placements = [act.placement for act in acts]
    assert len(placements) == len(set(placements))
    assert not set(placements) & seen.busy
    for act in acts:
        if act.deed is Deed.START:
            assert seen.is_fresh
            assert not seen.quarantined
            assert act.placement not in seen.sights
        if act.deed is Deed.STOP:
            assert seen.is_fresh
