"""What holds for the brief of every fleet: sums add up, nothing counts twice, unknown stays so."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recovery.brief.canon import canonical, changes, document
from recovery.brief.decide import brief_of
from recovery.brief.facts import (
    ArchiveFact,
    Cause,
    Choice,
    DatabaseFact,
    Decided,
    Drill,
    Facts,
    FitFact,
    HostFact,
    Measured,
    Misfit,
    Past,
    ServiceFact,
    SiteFact,
    StandbyFact,
    Way,
    Word,
)
from recovery.brief.fit import fit_of
from recovery.brief.parts import Brief, Look
from recovery.inventory.facts import Plan, Verdict
from recovery.scheduling.facts import ACTIVE, Snapshot
from tests.decisions.scheduling.build import NOW
from tests.properties.scheduling.test_decide import worlds

BRIEFS = int(os.environ.get("TOCSIN_BRIEFS", "60"))
"""Fleets a run; thousands were tried with each change of the decision."""
many = settings(max_examples=BRIEFS, suppress_health_check=[HealthCheck.too_slow])

DECIDED = Decided(1, Choice.WAIT, NOW, "amelie", NOW, "why")
spans = st.integers(0, 40 * 3600).map(lambda n: timedelta(seconds=n))
moments = spans.map(lambda span: NOW - span)
sizes = st.none() | st.integers(1, 10**12)
words = st.sampled_from(["", "a", "its line is cut", "“within two hours”"])
measured = st.lists(st.integers(1, 10**8), max_size=5).map(
    lambda found: Measured(tuple(found), NOW if found else None)
)
hosts = st.builds(
    HostFact,
    name=st.just("h"),
    verdict=st.sampled_from([one for one in Verdict if one is not Verdict.ENROLLING]),
    witnesses=st.integers(0, 5),
    since=st.none() | moments,
)


def sites(name: str) -> st.SearchStrategy[SiteFact]:
    return st.builds(SiteFact, st.just(name), st.just("r"), st.lists(hosts, max_size=6).map(tuple))


standbys = st.builds(
    StandbyFact, st.just("osu2-a1"), st.just("OSU2"), st.none() | moments, st.just("seen")
)
archives = st.builds(
    ArchiveFact,
    replica=st.integers(1, 3),
    store=st.just("s3"),
    site=st.just("OSU2"),
    at=moments,
    bytes=sizes,
    is_unread=st.booleans(),
    proven_at=st.none() | moments,
    unusable=st.sampled_from(["", "it is a snapshot"]),
)
levels = st.sampled_from(["one container", "two or more containers"])
services = st.builds(
    ServiceFact,
    name=st.sampled_from([f"app{n}" for n in range(4)]),
    level=levels,
    allowed=st.integers(0, 3000),
    used=st.integers(0, 4000),
    out_since=st.none() | moments,
    is_measured=st.booleans(),
)


@st.composite
def databases(draw: st.DrawFn, name: str) -> DatabaseFact:
    service = draw(st.none() | services)
    return DatabaseFact(
        name=name,
        plan=draw(st.sampled_from(Plan)),
        engine="postgresql",
        priority=draw(st.integers(0, 100)),
        until=draw(moments),
        promise=draw(st.sampled_from([timedelta(minutes=30), timedelta(hours=24)])),
        is_written=draw(st.sampled_from([True, False, None])),
        standbys=tuple(draw(st.lists(standbys, max_size=2))),
        archive=draw(st.none() | archives),
        why_not=("replica 1 is in PAR1 too.",),
        service=replace(service, name=name, level="databases") if service else None,
    )


@st.composite
def fits(draw: st.DrawFn) -> FitFact:
    moved, misfits = draw(st.integers(0, 300)), draw(st.integers(0, 3))
    lost = tuple(Misfit(f"app{n}", 10 * n, n + 1, "1 core", "no room") for n in range(misfits))
    return FitFact(
        containers=moved + sum(one.copies for one in lost),
        moved=moved,
        stops=tuple(draw(st.sets(st.sampled_from(["app0", "app1", "app2"])))),
        degraded=(),
        misfits=lost,
        at_once=draw(st.integers(1, 40)),
    )


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    drills = st.lists(st.builds(Drill, moments, st.integers(1, 9000), st.just("drill")), max_size=2)
    past = st.builds(Past, measured, measured, measured, measured, drills.map(tuple))
    names = [f"db{n}" for n in range(draw(st.integers(0, 8)))]
    word = st.builds(
        Word, words, st.sampled_from(Cause), st.just("x"), moments, st.none() | moments,
        st.just("amelie"), moments,
    )  # fmt: skip
    return Facts(
        site=draw(sites("PAR1")),
        others=tuple(draw(sites(name)) for name in ("OSU2", "MRS1")[: draw(st.integers(0, 2))]),
        as_of=NOW,
        lost_at=draw(st.none() | moments),
        blind=draw(st.sampled_from(["", "its link is cut."])),
        databases=tuple(draw(databases(name)) for name in names),
        elsewhere=draw(st.integers(0, 9)),
        services=tuple(draw(st.lists(services, max_size=4, unique_by=lambda one: one.name))),
        fit=draw(st.none() | fits()),
        past=draw(past),
        word=draw(st.none() | word),
        decided=draw(st.none() | st.just(DECIDED)),
    )


def lines_bins_and_waves(found: Facts, brief: Brief) -> None:
    """Each database has one line, stands in one bin, and in one wave or stays down."""
    now = brief.activate
    names = sorted(one.name for one in found.databases)
    assert sorted(one.database for one in now.losses) == names
    assert sum(one.count for one in now.bins) == len(names)
    placed = [name for wave in now.waves for name in wave.names]
    assert sorted([*placed, *now.left]) == names


def nothing_unknown_is_small(found: Facts, brief: Brief) -> None:
    """Unknown never becomes a loss of nothing, and having no copy is never a small loss."""
    facts_of = {one.name: one for one in found.databases}
    for loss in brief.activate.losses:
        one = facts_of[loss.database]
        seen = [copy.at for copy in (*one.standbys, one.archive) if copy and copy.at]
        assert (loss.lost is None) == (loss.way in (Way.NONE, Way.UNKNOWN)) == (not seen)
        if loss.lost is not None:
            assert loss.at in seen
            assert loss.lost == max(timedelta(0), one.until - loss.at)
        assert loss.way is not Way.NONE or loss.is_over
    if any(one.lost is None for one in brief.activate.losses):
        assert {"not known", "can’t be restored"} & {b.word for b in brief.activate.bins}


def times_rest_on_measurements(found: Facts, brief: Brief) -> None:
    """A time rests on measurements, and is a lower bound where one is missing."""
    now = brief.activate
    sized = {one.database: one.bytes for one in now.losses}
    ways = {
        "promote": found.past.promotions,
        "start": found.past.starts,
        "restore business": found.past.restores,
        "restore starter": found.past.restores,
    }
    for wave in now.waves:
        assert wave.count > 0
        if not ways[wave.verb].values:
            assert wave.seconds is None
            assert wave.unknown == wave.count
        elif wave.verb.startswith("restore"):
            unsized = sum(sized[name] is None for name in wave.names)
            assert wave.unknown == (unsized if found.past.besides.values else wave.count)
        if wave.seconds is None:
            assert wave.is_floor
        else:
            assert wave.seconds > 0
    known = [wave.seconds for wave in now.waves if wave.seconds is not None]
    assert now.seconds == (sum(known) if known or not now.waves else None)
    assert now.is_floor == any(wave.unknown for wave in now.waves)


def unmeasured_promises(found: Facts, brief: Brief) -> None:
    """A promise that nobody measures neither burns nor breaks nor holds."""
    wait = brief.wait
    apps = {one.name: one for one in found.services}
    bases = {one.name: one.service for one in found.databases if one.service}
    for breach in wait.breaches:
        one = bases.get(breach.name) or apps[breach.name]
        if not one.is_measured:
            assert (breach.left, breach.at) == (None, None)
            assert not breach.is_broken
        elif breach.at is not None:
            assert breach.since is not None
            assert breach.at == breach.since + timedelta(seconds=one.allowed - one.used)
            assert breach.at > breach.since
    for burn in wait.burns:
        ours = [one for one in wait.breaches if one.level == burn.level]
        assert burn.unknown == sum(one.left is None for one in ours)
        assert burn.broken == sum(one.is_broken for one in ours)
        assert burn.burning + burn.unknown <= len(ours) <= burn.count
    assert len({(one.level, one.name) for one in wait.breaches}) == len(wait.breaches)


def silence_alone(found: Facts, brief: Brief) -> None:
    """Silence alone proves neither a dead datacenter nor a cut line."""
    if brief.look is Look.FINE:
        assert brief.hypotheses == ()
        return
    scores = {str(one.suspicion): one for one in brief.hypotheses}
    assert set(scores) == {"gone", "cut", "partition", "provider", "blind"}
    assert [h.score for h in brief.hypotheses] == sorted(h.score for h in brief.hypotheses)[::-1]
    if found.word is None or found.word.cause is Cause.UNSAID:
        for one in (scores["gone"], scores["cut"]):
            assert one.score <= 54
            assert one.missing
    if found.blind:
        assert brief.hypotheses[0].suspicion == "blind"


@many
@given(facts())
def test_sums_add_up_nothing_counts_twice_and_unknown_never_becomes_zero(found: Facts) -> None:
    brief = brief_of(found)
    lines_bins_and_waves(found, brief)
    nothing_unknown_is_small(found, brief)
    times_rest_on_measurements(found, brief)
    unmeasured_promises(found, brief)
    silence_alone(found, brief)


@many
@given(facts(), st.randoms())
def test_equal_facts_give_equal_bytes_that_say_nothing_changed(
    found: Facts, random: Random
) -> None:
    mixed = replace(
        found,
        databases=tuple(random.sample(found.databases, len(found.databases))),
        services=tuple(random.sample(found.services, len(found.services))),
    )
    text = canonical(document(brief_of(found)))
    assert text == canonical(document(brief_of(mixed)))
    assert changes(text, text) == ()
    assert json.loads(text)["format"] == "tocsin brief 1"
    assert json.loads(text)["site"] == "PAR1"


@many
@given(facts(), facts())
def test_different_bytes_always_have_a_difference_to_show(one: Facts, other: Facts) -> None:
    first, second = canonical(document(brief_of(one))), canonical(document(brief_of(other)))
    assert (first == second) == (changes(first, second) == ())


@many
@given(worlds(), st.sets(st.sampled_from([f"h{n}" for n in range(7)])))
def test_every_copy_is_moved_without_a_seat_or_waiting_and_counted_once(
    snapshot: Snapshot, lost: set[str]
) -> None:
    gone = lost & {one.id for one in snapshot.hosts}
    fit = fit_of(snapshot, gone, NOW)
    assert fit.containers == fit.moved + sum(one.copies for one in fit.misfits)
    priorities = {app.name: app.priority for app in snapshot.applications}
    running = Counter(
        seat.application
        for seat in snapshot.seats
        if seat.host not in gone and seat.state in ACTIVE
    )
    highest = max((m.priority for m in fit.misfits if not m.is_waiting), default=0)
    for shed in fit.sheds:
        assert shed.priority == priorities[shed.application] < highest
        assert shed.copies <= running[shed.application], "nothing is shed twice"
    assert all(0 <= one.before <= one.after for one in fit.rooms)
    unseated = sum(m.copies for m in fit.misfits if not m.is_waiting)
    assert fit.helped <= fit.tried <= unseated
    assert bool(fit.helped) >= bool(fit.sheds)
    assert not set(fit.stops) & set(fit.degraded)
