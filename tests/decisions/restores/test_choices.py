"""Which replica is restored and where to, over thousands of drawn cases against plain oracles."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.backups.distance import kilometres
from recovery.backups.facts import Copy, Database, Point, Site
from recovery.backups.loss import quote_site
from recovery.inventory.facts import Verdict
from recovery.restores.choices import choose, place, refuse_host, refuse_source
from recovery.restores.facts import Home, HostSight, Source

NOW = datetime(2026, 11, 28, 18, 0, tzinfo=UTC)
SITES = (
    Site("PAR1", 48.936, 2.357),
    Site("OSU2", 49.066, 2.066),
    Site("MRS1", 43.296, 5.37),
    Site("DARK"),
)
HOME = SITES[0]
ages = st.one_of(st.none(), st.integers(0, 3).map(lambda n: NOW - timedelta(minutes=n)))
sources = st.lists(
    st.builds(
        Source,
        key=st.just(""),
        number=st.just(0),
        store=st.just("s3"),
        site=st.one_of(st.none(), st.sampled_from(SITES)),
        at=ages,
        unusable=st.sampled_from(["", "", "it is a snapshot."]),
        disproof=st.sampled_from(["", "", "a flipped byte"]),
    ),
    max_size=3,
)
lost_sites = st.frozensets(st.sampled_from([site.name for site in SITES]), max_size=3)


def numbered(found: list[Source]) -> tuple[Source, ...]:
    return tuple(
        Source(f"k{n}", n, one.store, one.site, one.at, one.unusable, one.disproof)
        for n, one in enumerate(found, start=1)
    )


@settings(max_examples=250, deadline=None)
@given(sources, lost_sites)
def test_the_newest_then_the_nearest_that_is_left_is_chosen(
    found: list[Source], lost: frozenset[str]
) -> None:
    copies = numbered(found)
    choice = choose(copies, HOME, lost)
    left = [
        one
        for one in copies
        if one.site and one.site.name not in lost and one.at and not one.unusable
    ]
    assert (choice.source is None) == (not left)
    assert len(choice.why_not) == len(copies) - (choice.source is not None)
    assert all(why.endswith((".", "byte")) for why in (choice.reason, *choice.why_not))
    if choice.source is None:
        return
    assert choice.source in left
    sound = [one for one in left if not one.disproof] or left
    newest = max(one.at for one in sound if one.at)
    assert choice.source in sound
    assert choice.source.at == newest
    far = {
        one.key: kilometres(one.site, HOME) or (0.0 if one.site == HOME else float("inf"))
        for one in sound
        if one.at == newest
    }
    assert far[choice.source.key] == min(far.values())


@settings(max_examples=200, deadline=None)
@given(sources, lost_sites, st.integers(1, 3))
def test_a_replica_that_a_person_names_is_taken_or_refused_never_replaced(
    found: list[Source], lost: frozenset[str], number: int
) -> None:
    copies = numbered(found)
    choice = choose(copies, HOME, lost, f"k{number}")
    named = next((one for one in copies if one.number == number), None)
    if named is None or refuse_source(named, lost):
        assert choice.source is None
    else:
        assert choice.source == named


def test_the_words_of_a_choice_are_true() -> None:
    minutes = [NOW - timedelta(minutes=n) for n in range(3)]
    freshest = Source("k1", 1, "s3", SITES[0], minutes[0], disproof="a flipped byte")
    next_one, last = (Source(f"k{n}", n, "s3", SITES[n - 1], minutes[n - 1]) for n in (2, 3))
    every = (freshest, next_one, last)
    assert choose(every, HOME, frozenset()).reason.startswith(
        "Replica 2 in OSU2 goes furthest of those not disproven, to "
    )
    assert choose(every, HOME, frozenset(), "k3").reason.startswith(
        "Replica 3 in MRS1 was asked for, and goes to "
    )
    assert choose((next_one, last), HOME, frozenset()).reason.startswith(
        "Replica 2 in OSU2 goes furthest, to "
    )
    gone = choose(every, HOME, frozenset({"MRS1"}), "k3")
    assert gone.reason == "What was asked for cannot be restored."
    none = choose((last,), HOME, frozenset({"MRS1"}), "k3")
    assert none.reason == "Nothing that is left can be restored."


def test_of_equals_one_that_can_be_read_is_chosen_and_the_words_say_who_cannot() -> None:
    away = Source("k1", 1, "s3", HOME, NOW, unread="not read since 03:00: it is down.")
    other = Source("k2", 2, "s3", SITES[2], NOW)
    choice = choose((away, other), HOME, frozenset())
    assert choice.source == other, "though it is farther"
    assert choice.why_not == ("Replica 1 (s3) goes as far, and cannot be read now.",)
    alone = choose((away,), HOME, frozenset()).reason
    assert "It may be away (not read since 03:00: it is down)" in alone


def test_one_that_cannot_be_read_comes_after_those_that_can_within_the_promise() -> None:
    """And goes before those that would lose more than the promise."""
    away = Source("k1", 1, "s3", HOME, NOW, unread="not read since 03:00: it is down.")
    near = Source("k2", 2, "s3", SITES[1], NOW - timedelta(minutes=30))
    choice = choose((away, near), HOME, frozenset())
    assert choice.source == near
    assert choice.reason.startswith(
        "Replica 2 in OSU2 goes furthest of those that can be read, to "
    )
    assert choice.why_not == (
        "Replica 1 (s3) goes 30 min further, and cannot be read now (not read since 03:00: it is "
        "down).",
    )
    late = replace(near, at=NOW - timedelta(minutes=30, seconds=1))
    assert choose((away, late), HOME, frozenset()).source == away
    daily = choose((away, late), HOME, frozenset(), promise=timedelta(hours=24))
    assert daily.source == late
    bad = replace(near, key="k3", number=3, at=NOW, disproof="a flipped byte")
    reason = choose((away, near, bad), HOME, frozenset()).reason
    assert "goes furthest of those not disproven and that can be read, to " in reason


@settings(max_examples=150, derandomize=True)
@given(st.data())
def test_what_is_quoted_is_what_a_restore_would_choose(data: st.DataObject) -> None:
    def drawn(number: int) -> Copy:
        at = NOW - timedelta(minutes=10 * data.draw(st.integers(0, 9)))
        return Copy(
            key=f"k{number}",
            number=number,
            store="s3",
            place=data.draw(st.sampled_from(SITES[:3])),
            since=NOW,
            read_at=NOW,
            error=data.draw(st.sampled_from(["", "it is down."])),
            point=Point(at, at),
            disproof=data.draw(st.sampled_from(["", "", "a flipped byte"])),
        )

    copies = tuple(drawn(number) for number in (1, 2, 3))
    notes = Database("d", "notes", "postgresql", HOME, "PAR1", copies)
    (line,) = quote_site("PAR1", [notes], NOW).lines
    sources = [
        Source(c.key, c.number, c.store, c.place, c.point.at, "", c.disproof, c.error)
        for c in copies
        if c.point
    ]
    chosen = choose(sources, HOME, frozenset({"PAR1"})).source
    assert (chosen and chosen.key) == (line.used and line.used.key)


def test_a_host_that_is_heard_and_takes_no_orders_is_not_chosen_and_says_why() -> None:
    deaf = HostSight("h1", "aaa1-b1", "PAR1", "r1", deaf_since=NOW)
    other = HostSight("h2", "aaa1-b2", "PAR1", "r1", databases=5)
    seat = place((deaf, other), Home("PAR1", "old", "r1"))
    assert seat.host == other
    (why,) = seat.why_not
    assert why.startswith("aaa1-b1 takes no orders: its agent's session has told nothing since ")


hosts = st.lists(
    st.builds(
        HostSight,
        key=st.just(""),
        name=st.just(""),
        site=st.sampled_from(["PAR1", "OSU2", "MRS1"]),
        rack=st.sampled_from(["r1", "r2"]),
        verdict=st.sampled_from([Verdict.ALIVE, Verdict.ALIVE, Verdict.LOST, Verdict.SUSPECT]),
        is_cordoned=st.sampled_from([False, False, True]),
        is_quarantined=st.sampled_from([False, False, True]),
        taken_by=st.sampled_from(["", "", "more-1"]),
        databases=st.integers(0, 3),
    ),
    max_size=6,
)


@settings(max_examples=250, deadline=None)
@given(hosts, lost_sites, st.integers(0, 5))
def test_it_goes_to_a_living_host_with_room_at_home_first(
    found: list[HostSight], lost: frozenset[str], old: int
) -> None:
    named = tuple(
        HostSight(f"h{n}", f"host-{n}", one.site, one.rack, one.verdict, one.is_cordoned,
                  one.is_quarantined, one.taken_by, one.databases)
        for n, one in enumerate(found)
    )  # fmt: skip
    home = Home("PAR1", f"h{old}", "r1", lost)
    seat = place(named, home)
    usable = [one for one in named if not refuse_host(one, home)]
    for one in usable:
        assert one.verdict is Verdict.ALIVE
        assert one.key != home.host
        assert one.site not in lost
        assert not any((one.is_cordoned, one.is_quarantined, one.taken_by))
    assert (seat.host is None) == (not usable)
    assert len(seat.why_not) == len(named) - len(usable)
    if seat.host is None:
        return
    assert seat.host in usable
    if any(one.site == "PAR1" for one in usable):
        assert seat.host.site == "PAR1"
    same = [one for one in usable if (one.site, one.rack) == (seat.host.site, seat.host.rack)]
    assert seat.host.databases == min(one.databases for one in same)
