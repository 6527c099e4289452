"""If a datacenter vanished now: what would be lost, from which replica, and why not another."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.backups.facts import Copy, Database, Site
from recovery.backups.loss import quote_site, say
from recovery.backups.words import instant
from tests.decisions.backups.build import MRS1, NOW, OSU2, PAR1, ago, copy, database


def in_osu2(name: str, *ages: timedelta | None, engine: str = "postgresql") -> Database:
    """Written in OSU2: replica 1 there, 2 in PAR1, 3 in MRS1, each with this age or nothing."""
    places = (OSU2, PAR1, MRS1)
    copies = tuple(
        copy(n, None if age is None else NOW - age, place=place)
        for n, (age, place) in enumerate(zip(ages, places, strict=True), start=1)
    )
    return database(name, *copies, home=OSU2, primary="OSU2", engine=engine)


S40, H17, H20 = timedelta(seconds=40), timedelta(hours=17), timedelta(hours=20)
MANY = [
    *(in_osu2(f"pg-{n}", timedelta(seconds=2), S40, H20) for n in range(3)),
    *(in_osu2(f"valkey-{n}", H17, H17, H20, engine="valkey") for n in range(2)),
    in_osu2("wiki-pg", timedelta(seconds=2), None, None),
    database("elsewhere"),
]


def test_the_quote_says_how_many_lose_how_much() -> None:
    quote = quote_site("OSU2", MANY, NOW)
    assert say(quote, NOW) == (
        "If OSU2 vanished now: 3 databases lose up to 40 s, 2 databases lose up to 17 h,"
        " 1 database can’t be restored."
    )
    assert quote.untouched == 1


def test_it_names_the_replica_and_why_not_the_others() -> None:
    line = quote_site("OSU2", MANY, NOW).lines[0]
    assert line.used is not None
    assert (line.used.number, line.at, line.loses(NOW)) == (2, NOW - S40, S40)
    assert line.why_not == (
        "replica 1 is in OSU2 too.",
        "replica 3 in MRS1 ends 19 h earlier.",
    )


def test_what_cannot_be_restored_says_why_for_each_replica() -> None:
    gap = "no chunk from 0/3000000 on timeline 1: 4 later chunks are useless."
    base = in_osu2("wiki-pg", S40, None, None)
    holed = replace(base, copies=(base.copies[0], replace(base.copies[1], missing=(gap,))))
    (line,) = quote_site("OSU2", [holed], NOW).lines
    assert line.used is None
    assert line.loses(NOW) is None
    assert line.why_not == (
        "replica 1 is in OSU2 too.",
        f"replica 2 in PAR1: {gap}",
        "there is no replica 3.",
    )


def test_a_replica_at_an_unknown_place_is_not_counted_on() -> None:
    lost = database("x", copy(1, NOW), copy(2, ago(seconds=5), place=None), copy(3, ago(hours=9)))
    (line,) = quote_site("PAR1", [lost], NOW).lines
    assert line.used is not None
    assert line.used.number == 3
    assert "nobody knows whether it would be left" in line.why_not[1]


def test_an_unread_point_is_quoted_at_its_age_and_said_to_be_unread() -> None:
    unread = copy(2, ago(minutes=9), read_at=ago(minutes=8))
    (line,) = quote_site("PAR1", [database("x", copy(1, NOW), unread)], NOW).lines
    assert line.is_unread
    assert line.loses(NOW) == timedelta(minutes=9)
    quote = quote_site(
        "PAR1", [database("x", copy(1, NOW), unread)], NOW, database("Tocsin", unread)
    )
    since = instant(ago(minutes=8))
    assert say(quote, NOW) == (
        f"If PAR1 vanished now: 1 database loses at most 9 min (not read since {since})."
        f" Tocsin itself loses at most 9 min (not read since {since})."
    )


def test_a_running_copy_elsewhere_is_told_beside_the_backup() -> None:
    (line,) = quote_site("PAR1", [database(standbys=("PAR1", "MRS1"))], NOW).lines
    assert line.standbys == ("MRS1",)


def test_a_site_where_nothing_is_written_loses_no_database() -> None:
    quote = quote_site("MRS1", [database()], NOW)
    assert say(quote, NOW).startswith("If MRS1 vanished now, no database would be lost")


PLACES = st.sampled_from([PAR1, OSU2, MRS1, None])
AGES = st.one_of(st.none(), st.timedeltas(timedelta(0), timedelta(days=2)))


@st.composite
def copies(draw: st.DrawFn) -> tuple[Copy, ...]:
    numbers = draw(st.lists(st.sampled_from([1, 2, 3]), unique=True))
    return tuple(
        copy(n, None if (age := draw(AGES)) is None else NOW - age, place=draw(PLACES))
        for n in sorted(numbers)
    )


@settings(deadline=None)
@given(copies(), st.sampled_from(["PAR1", "OSU2", "MRS1"]))
def test_no_quote_counts_on_what_would_be_lost_and_none_is_worse_than_it_must_be(
    held: tuple[Copy, ...], lost: str
) -> None:
    (line,) = quote_site(lost, [database("x", *held, primary=lost, copies=held)], NOW).lines
    left = [
        one.point.at
        for one in held
        if one.point is not None and isinstance(one.place, Site) and one.place.name != lost
    ]
    assert line.at == max(left, default=None)
    used = 0 if line.used is None else 1
    assert len(line.why_not) + used == 3, "each replica is used or has its reason"


def test_tocsin_itself_is_told_apart_where_it_stands() -> None:
    own = in_osu2("Tocsin", timedelta(seconds=2), S40, H20)
    quote = quote_site("OSU2", MANY, NOW, own)
    assert say(quote, NOW).endswith("1 database can’t be restored. Tocsin itself loses 40 s.")
    assert len(quote.lines) == 6
    assert quote_site("PAR1", MANY, NOW, own).own is None
    gone = replace(own, copies=own.copies[:1])
    assert say(quote_site("OSU2", [], NOW, gone), NOW).endswith(
        "none is written there. Tocsin itself can’t be restored."
    )


def test_it_quotes_what_a_restore_would_choose_where_a_test_failed() -> None:
    base = in_osu2("wiki-pg", S40, S40, H17)
    one, two, three = base.copies
    failed = replace(two, disproof="part-00003 was altered.")
    (line,) = quote_site("OSU2", [replace(base, copies=(one, failed, three))], NOW).lines
    assert (line.used, line.loses(NOW)) == (three, H17)
    assert "replica 2 in PAR1 failed its last restore test." in line.why_not
    both = replace(three, disproof="The same.")
    (line,) = quote_site("OSU2", [replace(base, copies=(one, failed, both))], NOW).lines
    assert line.used == failed, "there is no better one"
