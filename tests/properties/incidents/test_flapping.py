"""What is back within minutes: whatever happened, nothing new is quiet and no second is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.alarms.decide import Before, refuse_silence, rings
from recovery.alarms.facts import Severity
from recovery.incidents.flapping import (
    JOINED,
    OPENED,
    POLICY,
    RESOLVED,
    RETURNED,
    Bound,
    Over,
    is_carried,
    quiet_for,
    refuse_quiet,
    refuse_same,
    say_times,
    spells,
)

NOW = datetime(2026, 11, 29, 3, tzinfo=UTC)
THOUSANDS = settings(max_examples=1000, derandomize=True, deadline=None)
HUNDREDS = settings(max_examples=300, derandomize=True, deadline=None)
SPANS = st.integers(0, 4000).map(lambda seconds: timedelta(seconds=seconds))
TAKEN = st.none() | SPANS.map(lambda span: NOW - span)
SEVERITIES = st.sampled_from(list(Severity))


@st.composite
def befores(draw: st.DrawFn) -> Before:
    ended = NOW - draw(SPANS)
    lasted = draw(SPANS)
    longest = lasted + draw(SPANS)
    return Before(draw(SEVERITIES), ended - lasted, ended, draw(st.booleans()), longest)


@THOUSANDS
@given(st.none() | befores(), TAKEN, SEVERITIES, st.booleans())
def test_quiet_is_only_what_a_person_has_and_knows(
    before: Before | None, taken_at: datetime | None, severity: Severity, is_more: bool
) -> None:
    if rings(before, taken_at, severity, is_more=is_more, now=NOW):
        return
    assert taken_at is not None, "nobody's rings"
    assert before is not None, "what is new rings"
    assert not is_more, "what is more rings"
    assert NOW - taken_at <= POLICY.taken_for
    assert NOW - before.ended_at <= POLICY.window
    assert before.is_taken or before.raised_at <= taken_at, "it was there when it was taken"
    assert (before.severity, severity) != (Severity.NOTICE, Severity.PAGE)


@THOUSANDS
@given(SPANS, TAKEN, SPANS, st.booleans())
def test_nothing_is_quiet_for_longer_than_a_minute_or_after_its_acknowledgement(
    lasted: timedelta, taken_at: datetime | None, longest: timedelta, is_grave: bool
) -> None:
    grave = ["orders has its primary on b1, which is lost"] if is_grave else []
    why = refuse_silence(NOW - lasted, taken_at, longest, NOW, grave=grave)
    if not why:
        assert not is_grave, "what nobody is served by is never quiet"
        assert taken_at is not None
        assert lasted < POLICY.most_quiet
        assert lasted < max(longest, POLICY.least_quiet)
    elif not is_grave and taken_at is not None and NOW - taken_at <= POLICY.taken_for:
        assert lasted >= quiet_for(longest), "it rings for a reason"


@THOUSANDS
@given(TAKEN, st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_who_has_it_has_no_more_than_they_took(
    taken_at: datetime | None, known: set[str], hurt: set[str]
) -> None:
    why = refuse_quiet(taken_at, hurt - known, NOW)
    assert bool(why) == (taken_at is None or not hurt <= known or NOW - taken_at > POLICY.taken_for)


@THOUSANDS
@given(
    st.sampled_from(["control:blind", "host:a", "database:b", "datacenter:PAR1", "region:x"]),
    SPANS,
    st.booleans(),
    st.booleans(),
)
def test_what_people_closed_or_decide_about_is_not_opened_again(
    domain: str, rest: timedelta, is_part: bool, by_person: bool
) -> None:
    is_same = not refuse_same(domain, Over(NOW - rest, is_part, by_person), NOW)
    theirs = domain.startswith(("datacenter:", "region:")) or is_part or by_person
    assert is_same == (not theirs and rest <= POLICY.window)


@HUNDREDS
@given(
    st.lists(st.tuples(st.sampled_from([RESOLVED, JOINED]), SPANS, SPANS), max_size=12),
    st.booleans(),
)
def test_each_happening_is_counted_once_and_no_second_of_it_is_lost(
    happenings: list[tuple[str, timedelta, timedelta]], lasts: bool
) -> None:
    at, hurt = NOW, timedelta(0)
    bounds: list[Bound] = []
    for kind, lasted, rest in happenings:
        bounds += [Bound(RETURNED if bounds else OPENED, at), Bound(kind, at + lasted)]
        hurt, at = hurt + lasted, at + lasted + rest
    if lasts:
        bounds.append(Bound(RETURNED if bounds else OPENED, at))
    found = spells(bounds)
    assert len(found) == len(happenings) + lasts
    ended = [one.ended_at - one.began_at for one in found if one.ended_at is not None]
    assert sum(ended, timedelta(0)) == hurt
    assert all(one.ended_at and one.ended_at <= two.began_at for one, two in pairwise(found))
    assert (found[-1].ended_at is None if found else False) == lasts


@HUNDREDS
@given(
    st.lists(st.tuples(st.sampled_from([OPENED, RETURNED, RESOLVED, JOINED]), SPANS), max_size=12)
)
def test_whatever_stands_in_a_story_no_happening_ends_before_it_began(
    lines: list[tuple[str, timedelta]],
) -> None:
    found = spells(Bound(kind, NOW + span) for kind, span in lines)
    assert all(one.ended_at is None or one.ended_at >= one.began_at for one in found)
    assert all(one.ended_at is not None for one in found[:-1]), "never two at once"


@given(st.integers(2, 130), SPANS)
def test_a_count_is_said_as_people_say_it(times: int, span: timedelta) -> None:
    said = say_times(times, NOW, NOW + span)
    assert said.startswith(f"{times}")
    ending = said.removeprefix(str(times))[:2]
    assert (ending == "th") == (times % 10 not in {1, 2, 3} or times % 100 in {11, 12, 13})
    assert not say_times(1, NOW, NOW + span)


def test_who_said_a_word_since_it_is_back_has_it_anew() -> None:
    assert is_carried(NOW, NOW + timedelta(seconds=1))
    assert not is_carried(NOW, NOW)
    assert not is_carried(None, NOW)
