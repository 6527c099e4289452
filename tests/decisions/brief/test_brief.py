"""What a tired person reads: whose failure it is, what would go, how long, what waiting costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recovery.brief.canon import MOST_CHANGES, changes, plain
from recovery.brief.decide import brief_of, look_of
from recovery.brief.facts import (
    ArchiveFact,
    Cause,
    DatabaseFact,
    Drill,
    Facts,
    FitFact,
    HostFact,
    Measured,
    Past,
    ServiceFact,
    SiteFact,
    StandbyFact,
    Way,
    Word,
)
from recovery.brief.fit import fit_of
from recovery.brief.parts import Look, Suspicion
from recovery.brief.waves import slow, spoken_seconds
from recovery.inventory.facts import Plan, Verdict
from tests.decisions.scheduling.build import app, host, seat, world

LOST_AT = datetime(2026, 11, 29, 14, 0, 42, tzinfo=UTC)
GONE = HostFact("par1-a1", Verdict.LOST, 5, LOST_AT)
ALIVE = HostFact("osu2-a1", Verdict.ALIVE)
ELSEWHERE = (SiteFact("OSU2", "r", (ALIVE, ALIVE)), SiteFact("MRS1", "r", (ALIVE, ALIVE)))
ARCHIVE = ArchiveFact(2, "s3-osu2", "OSU2", LOST_AT - timedelta(minutes=31), 9_600_000_000, False)


def database(name: str, **more: object) -> DatabaseFact:
    made = DatabaseFact(
        name, Plan.BUSINESS, "postgresql", 50, LOST_AT, timedelta(minutes=30), is_written=False
    )
    return replace(made, **more)  # type: ignore[arg-type]  # as the tests vary it


def lost(**more: object) -> Facts:
    made = Facts(SiteFact("PAR1", "r", (GONE, GONE)), ELSEWHERE, as_of=LOST_AT, lost_at=LOST_AT)
    return replace(made, **more)  # type: ignore[arg-type]  # as the tests vary it


def said(cause: Cause) -> Word:
    return Word("A digger.", cause, "the provider", LOST_AT, None, "amelie", LOST_AT)


@pytest.mark.parametrize(
    ("verdicts", "look"),
    [
        ((), Look.FINE),
        ((Verdict.ALIVE, Verdict.SUSPECT), Look.FINE),
        ((Verdict.ALIVE, Verdict.LOST), Look.HURT),
        ((Verdict.ALIVE, Verdict.LOST, Verdict.HUNG), Look.LOST),
        ((Verdict.UNKNOWN,), Look.LOST),
    ],
)
def test_a_datacenter_looks_lost_when_most_of_it_is_given_up(
    verdicts: tuple[Verdict, ...], look: Look
) -> None:
    hosts = tuple(HostFact("h", one) for one in verdicts)
    assert look_of(SiteFact("PAR1", "r", hosts)) is look


def test_the_provider_tells_a_dead_datacenter_from_one_that_cannot_be_reached() -> None:
    def first(facts: Facts) -> tuple[Suspicion, int]:
        one = brief_of(facts).hypotheses[0]
        return one.suspicion, one.score

    assert first(lost()) == (Suspicion.GONE, 54)
    assert first(lost(word=said(Cause.UNSAID))) == (Suspicion.GONE, 54)
    assert first(lost(word=said(Cause.GONE)))[1] > 90
    assert first(lost(word=said(Cause.CUT)))[0] is Suspicion.CUT


def test_a_store_that_still_answers_there_speaks_against_a_dead_datacenter() -> None:
    found = brief_of(lost(answering_stores=("s3-par1",))).hypotheses
    assert found[0].suspicion is Suspicion.CUT
    gone = next(one for one in found if one.suspicion is Suspicion.GONE)
    assert "its store s3-par1 answers" in gone.opposing


def test_hosts_that_peers_see_are_a_cut_between_us_and_them() -> None:
    seen = HostFact("par1-a1", Verdict.ISOLATED)
    found = brief_of(lost(site=SiteFact("PAR1", "r", (seen, seen)))).hypotheses
    assert found[0].suspicion is Suspicion.PARTITION
    assert "replace its containers" in found[0].locks


def test_an_old_sign_of_blindness_yields_to_hosts_that_speak_now() -> None:
    found = brief_of(lost(blind="All 12 agents went silent at once.", spoke=8)).hypotheses
    assert found[0].suspicion is not Suspicion.BLIND
    blind = next(one for one in found if one.suspicion is Suspicion.BLIND)
    assert blind.score < found[0].score
    assert "All 12 agents went silent at once." in blind.supporting
    assert any(one.startswith("8 hosts elsewhere told") for one in blind.opposing)


def test_who_is_blind_says_so_first_and_believes_nothing_else() -> None:
    found = brief_of(lost(blind="Its link is cut.")).hypotheses
    assert found[0].suspicion is Suspicion.BLIND
    assert max(one.score for one in found[1:]) < 10


def test_other_datacenters_that_are_silent_too_point_at_the_provider() -> None:
    others = (SiteFact("OSU2", "r", (GONE,)), SiteFact("MRS1", "r", (GONE,)))
    assert brief_of(lost(others=others)).hypotheses[0].suspicion is Suspicion.PROVIDER


def test_a_standby_comes_before_an_archive_and_says_when_that_goes_further() -> None:
    standby = StandbyFact("osu2-a1", "OSU2", LOST_AT - timedelta(hours=1), "it was behind")
    (loss,) = brief_of(
        lost(databases=(database("crm-pg", standbys=(standby,), archive=ARCHIVE),))
    ).activate.losses
    assert (loss.way, loss.lost) == (Way.PROMOTE, timedelta(hours=1))
    assert loss.notes[1] == "replica 2 goes 29 min further, and takes longer"
    assert loss.is_over


def test_an_archive_that_cannot_be_read_now_may_be_gone_and_is_said_to_be() -> None:
    late = replace(ARCHIVE, is_unread=True)
    away = replace(late, error="connection refused")
    for archive, said in ((late, "not read lately: it may go further"), (away, "so is this copy")):
        (loss,) = brief_of(lost(databases=(database("a", archive=archive),))).activate.losses
        assert said in "; ".join(loss.notes)


def test_a_copy_that_nobody_sees_is_unknown_and_one_that_is_nowhere_is_gone() -> None:
    unseen = StandbyFact("osu2-a1", "OSU2", None, "its agent never told of it")
    found = brief_of(
        lost(databases=(database("a", standbys=(unseen,)), database("b"), database("c")))
    )
    ways = {one.database: one.way for one in found.activate.losses}
    assert ways == {"a": Way.UNKNOWN, "b": Way.NONE, "c": Way.NONE}
    assert found.activate.left == ("b", "c", "a"), "worst first"
    assert "2 can’t be restored, of 1 nobody knows" in found.after


def test_time_is_counted_from_what_was_measured_and_is_a_floor_where_a_size_is_unknown() -> None:
    sized, unsized = (
        database("a", archive=ARCHIVE),
        database("b", archive=replace(ARCHIVE, bytes=None)),
    )
    past = Past(Measured((80_000_000, 96_000_000), LOST_AT), Measured((31_500, 20_000), LOST_AT))
    now = brief_of(lost(databases=(sized, unsized), past=past)).activate
    (wave,) = now.waves
    assert (wave.seconds, wave.unknown) == (152, 1), "9.6 GB at the slower 80 MB/s, and the rest"
    assert "; and 32 s, side by side, to choose, check and lead users there" in wave.ground
    assert (now.seconds, now.is_floor) == (152, True)
    assert "The size of 1 is not known" in wave.ground
    assert "no drill yet: from 2 restores measured here" in now.ground
    nothing = brief_of(lost(databases=(sized,))).activate
    assert (nothing.seconds, nothing.is_floor) == (None, True)


def test_reading_alone_is_a_lower_bound_of_a_restore() -> None:
    """Seen: "about 13 s" before a plan whose restores took 66 to 85 s: nobody counted the rest."""
    (sized, again) = (database(name, archive=ARCHIVE) for name in ("a", "b"))
    read = Past(restores=Measured((80_000_000,), LOST_AT))
    now = brief_of(lost(databases=(sized, again), past=read)).activate
    assert (now.seconds, now.is_floor) == (240, True)
    assert (
        "What a restore takes beside its reading was not measured here yet" in now.waves[0].ground
    )
    whole = replace(read, besides=Measured((40_000,), LOST_AT))
    now = brief_of(lost(databases=(sized, again), past=whole)).activate
    assert (now.seconds, now.is_floor) == (280, False), "the rest of both is side by side"


def test_one_restore_that_stood_still_is_not_taken_for_all_of_them() -> None:
    """Seen: 75 hours for what takes two minutes, for one restore of a machine under load."""
    sized = database("a", archive=ARCHIVE)
    stalled = Past(restores=Measured((80_000_000, 35_000, 96_000_000), LOST_AT))
    now = brief_of(lost(databases=(sized,), past=stalled)).activate
    assert now.seconds == 120
    assert "Slowest of 2 restores here".lower() in now.waves[0].ground.lower()
    assert "1 that stood still left out" in now.waves[0].ground
    alone = Past(restores=Measured((35_000,), LOST_AT))
    (wave,) = brief_of(lost(databases=(sized,), past=alone)).activate.waves
    assert wave.seconds is not None
    assert spoken_seconds(wave.seconds) == "3 days"
    assert "at 35 kB/s; as the one restore here took" in wave.ground
    fit = FitFact(containers=2, moved=2, stops=(), degraded=())
    starts = Past(starts=Measured((900, 1200, 270_000_000, 1000), LOST_AT))
    assert brief_of(lost(fit=fit, past=starts)).activate.seconds == 3


def test_a_long_time_is_said_in_hours_and_days() -> None:
    said = [spoken_seconds(one) for one in (41, 2580, 9000, 270_164)]
    assert said == ["41 s", "43 min", "2 h", "3 days"]


def test_a_drill_is_the_ground_once_there_was_one() -> None:
    drill = Drill(LOST_AT - timedelta(hours=12), 2580, "simulation of PAR1")
    now = brief_of(lost(past=Past(drills=(drill,)))).activate
    assert now.ground == "simulation of PAR1 on 29 Nov 02:00:42 UTC took 43 min"


def test_nine_of_ten_is_what_nine_of_ten_stayed_under() -> None:
    assert slow([]) is None
    assert slow([7]) == 7
    assert slow(range(1, 11)) == 9


def test_a_promise_breaks_when_what_was_left_of_it_is_used_up() -> None:
    service = ServiceFact("crm-pg", "business databases", 1296, 96, LOST_AT, is_measured=True)
    spent = replace(service, name="old-pg", used=1300)
    unseen = replace(service, name="new-pg", is_measured=False)
    bases = tuple(database(s.name, service=s) for s in (service, spent, unseen))
    wait = brief_of(lost(databases=bases)).wait
    assert [one.name for one in wait.breaches] == ["old-pg", "crm-pg", "new-pg"]
    assert wait.breaches[1].at == LOST_AT + timedelta(minutes=20)
    (burn,) = wait.burns
    assert (burn.count, burn.burning, burn.broken, burn.unknown) == (3, 2, 1, 1)
    assert burn.first is not None
    assert burn.first.name == "crm-pg"


def test_a_promise_that_is_spent_is_broken_whoever_answers_now() -> None:
    """The overview counts the same outages of this month."""
    spent = ServiceFact("payment", "gold", 259, 617, None, is_measured=True)
    whole = ServiceFact("cart", "gold", 259, 12, None, is_measured=True)
    wait = brief_of(lost(services=(spent, whole))).wait
    (burn,) = wait.burns
    assert (burn.count, burn.burning, burn.broken) == (2, 0, 1)
    assert [(one.name, one.since) for one in wait.breaches] == [("payment", None)]


def test_what_is_still_written_there_makes_the_loss_grow() -> None:
    bases = (database("a", is_written=True), database("b", is_written=None), database("c"))
    growth = brief_of(lost(databases=bases)).wait.growth
    assert "1 database there still acknowledges writes" in growth
    assert "Of 1 database nobody knows" in growth
    quiet = brief_of(lost(databases=(database("c"),))).wait.growth
    assert quiet == "If it lives and is cut off, writes go on there: the loss grows."
    gone = brief_of(lost(databases=(database("c"),), word=said(Cause.GONE))).wait.growth
    assert gone == "It does not grow: nobody writes there."
    cut = brief_of(lost(databases=(database("c"),), word=said(Cause.CUT))).wait.growth
    assert cut == quiet


def test_only_what_has_a_lower_priority_makes_room_and_the_lowest_goes_first() -> None:
    hosts = [host("p1", "PAR1", capacity=(4, 4)), host("o1", "OSU2", capacity=(4, 4))]
    apps = [
        app("web", need=(2, 2), priority=90),
        app("mid", need=(2, 2), priority=50),
        app("low", need=(2, 2), priority=10),
        app("top", need=(3, 3), priority=95),
    ]
    seats = [seat("web", "p1"), seat("mid", "o1"), seat("low", "o1")]
    fit = fit_of(world(hosts, apps, seats), {"p1"}, LOST_AT)
    assert (fit.containers, fit.moved) == (1, 0)
    assert [(one.application, one.copies) for one in fit.sheds] == [("low", 1)]
    assert fit.sheds[0].reason == "makes room for web (priority 90)"
    assert (fit.tried, fit.helped) == (1, 1)
    assert fit.stops == ("web",)
    assert [(one.site, one.before, one.after) for one in fit.rooms] == [("OSU2", 100, 100)]
    over = fit_of(world(hosts, apps, [*seats[1:], seat("top", "p1")]), {"p1"}, LOST_AT)
    assert {one.application for one in over.sheds} == {"low", "mid"}
    equal = [replace(one, priority=90) for one in apps]
    assert fit_of(world(hosts, equal, seats), {"p1"}, LOST_AT).sheds == ()


def test_copies_that_another_loss_left_without_a_seat_are_told_from_its_own() -> None:
    hosts = [host("p1", "PAR1"), host("o1", "OSU2", verdict=Verdict.LOST), host("m1", "MRS1")]
    apps = [app("web", 3)]
    seats = [seat("web", "p1"), seat("web", "o1", 2), seat("web", "m1", 3)]
    fit = fit_of(world(hosts, apps, seats), {"p1"}, LOST_AT)
    assert (fit.containers, fit.beside) == (2, 1)
    said = brief_of(lost(fit=fit)).after
    assert f"{fit.moved} of 2 containers fit elsewhere: 1 of its own, 1 of other losses." in said


def test_how_full_the_others_would_be_is_said_and_the_lost_one_is_left_out() -> None:
    hosts = [host("p1", "PAR1", capacity=(4, 4)), host("o1", "OSU2", capacity=(8, 10))]
    apps = [app("web", need=(2, 3)), app("mid", need=(2, 2))]
    fit = fit_of(world(hosts, apps, [seat("web", "p1"), seat("mid", "o1")]), {"p1"}, LOST_AT)
    assert [(one.site, one.before, one.after) for one in fit.rooms] == [("OSU2", 20, 50)]


def test_nothing_irreversible_is_claimed_of_containers_alone() -> None:
    fit = FitFact(containers=3, moved=3, stops=(), degraded=())
    (only,) = brief_of(lost(fit=fit)).activate.irreversible
    assert "can be moved back at any time" in only


def test_a_difference_is_named_by_what_it_is_about() -> None:
    old = '{"losses":[{"database":"a","lost":1},{"database":"b","lost":null}],"x":1}'
    new = '{"losses":[{"database":"b","lost":5}],"x":1}'
    assert changes(old, new) == (
        'losses, a: {"database": "a", "lost": 1} → none',
        "losses, b, lost: none → 5",
    )
    assert changes("no json", new) == ("What your page sent is not what it was shown.",)
    many = changes(str(list(range(100))), str(list(range(1, 101))))
    assert len(many) == MOST_CHANGES + 1
    assert many[-1] == "and 70 more"


def test_a_fraction_has_no_canonical_form() -> None:
    with pytest.raises(TypeError, match="float"):
        plain(0.5)
    assert plain(timedelta(seconds=1.5)) == 1500
    assert plain(LOST_AT) == "2026-11-29T14:00:42.000Z"
