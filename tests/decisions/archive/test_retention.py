"""What may go, and what never does."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from recovery.core.archive import SEGMENT, Line, RetentionPolicy, coverage, retention
from recovery.core.archive.retention import ago
from tests.decisions.archive.build import LINE, at, base, chunk, history, info, snapshot, whole

DAY = 24 * 60
POLICY = RetentionPolicy(backups=2, days=2, gap=timedelta(days=1))
BASES = [base(day * DAY, (3 + day) * SEGMENT) for day in range(6)]
LOG = [chunk(3 + day, 4 + day, (day + 1) * DAY) for day in range(6)]
ALL = [each for name in BASES for each in whole(name)] + LOG


def test_old_backups_go_with_their_log_and_the_last_days_stay_restorable() -> None:
    gone = retention(ALL, at(6 * DAY), POLICY)
    kept = [name for name in BASES if str(name) not in gone]
    assert kept == BASES[3:]
    assert [each.name for each in LOG if each.name in gone] == [each.name for each in LOG[:2]]


def test_a_manifest_goes_before_its_pieces_and_these_before_the_log() -> None:
    gone = retention(ALL, at(6 * DAY), POLICY)
    first = next(number for number, name in enumerate(gone) if "/part-" in name)
    second = next(number for number, name in enumerate(gone) if "/wal/" in name)
    assert all("/manifest-" in name for name in gone[:first])
    assert all("/part-" in name for name in gone[first:second])
    assert all("/wal/" in name for name in gone[second:])


def test_the_number_of_backups_stays_however_old_they_are() -> None:
    gone = retention(ALL, at(600 * DAY), POLICY)
    assert [name for name in BASES if str(name) not in gone] == BASES[-2:]


def test_nothing_goes_where_nothing_can_be_restored() -> None:
    objects = [each for name in BASES for each in whole(name, lost=[0])] + LOG
    assert retention(objects, at(6 * DAY), POLICY) == ()


def test_a_backup_whose_log_has_not_come_yet_stays() -> None:
    fresh = base(6 * DAY, 9 * SEGMENT)
    assert not {str(fresh)} & set(retention([*ALL, *whole(fresh)], at(6 * DAY), POLICY))


def test_pieces_without_a_manifest_go_after_a_day() -> None:
    pieces = [
        info(each.name, modified=at(5 * DAY)) for each in whole(base(5 * DAY + 1, SEGMENT))[:-1]
    ]
    later = at(5 * DAY) + POLICY.orphans
    gone = set(retention([*ALL, *pieces], later, POLICY))
    assert not gone & {each.name for each in pieces}
    gone = set(retention([*ALL, *pieces], later + timedelta(seconds=1), POLICY))
    assert {each.name for each in pieces} <= gone


def test_a_former_system_goes_when_its_last_moment_is_too_old() -> None:
    former = Line("shop", "former")
    old = whole(snapshot(0, line=former))
    assert {each.name for each in old} <= set(retention([*ALL, *old], at(6 * DAY), POLICY))
    young = whole(snapshot(5 * DAY, line=former))
    assert not {each.name for each in young} & set(retention([*ALL, *young], at(6 * DAY), POLICY))


def test_the_proof_that_ends_where_a_base_begins_stays_with_it() -> None:
    """Found by the property: its moment was gone with the log before it."""
    only = base(2, 2 * SEGMENT, parts=0)
    objects = [chunk(0.5, 1, 0.5), chunk(1, 2, 1), *whole(only), chunk(2, 2)]
    gone = retention(objects, at(3), RetentionPolicy(backups=1, days=0))
    assert gone == (objects[0].name,)
    left = [each for each in objects if each.name not in gone]
    assert coverage(left).moment == coverage(objects).moment == at(1)


def test_the_log_of_a_timeline_that_no_backup_is_of_yet_stays() -> None:
    """Wound back below the newest base: one that is being made there needs it from its begin on."""
    old = base(0, 9 * SEGMENT)
    fresh = [history(2, 1, 4), chunk(4, 5, 3 * DAY, timeline=2), chunk(5, 6, 3 * DAY, timeline=2)]
    objects = [chunk(3, 9, 0), chunk(9, 10, 1), *whole(old), *fresh]
    gone = retention(objects, at(3 * DAY), RetentionPolicy(backups=1, days=0))
    assert gone == ()
    late = whole(base(3 * DAY, int(4.5 * SEGMENT), timeline=2))
    left = [each for each in objects if each.name not in gone]
    assert coverage([*left, *late]).moment == at(3 * DAY)


def test_a_new_system_keeps_what_has_come_before_its_first_backup_is_whole() -> None:
    new = [
        info(each.name.replace(LINE.system, "made-anew"), modified=at(6 * DAY))
        for each in [*LOG[:2], whole(base(6 * DAY, 3 * SEGMENT))[0]]
    ]
    gone = set(retention([*ALL, *new], at(6 * DAY + 1), POLICY))
    assert not gone & {each.name for each in new}
    later = [chunk(9 + day, 10 + day, (7 + day) * DAY) for day in range(3)]
    gone = set(retention([*ALL, *new, *later], at(9 * DAY), POLICY))
    assert {each.name for each in new} <= gone


def test_pieces_of_a_backup_that_takes_longer_than_a_day_stay_while_more_of_them_come() -> None:
    names = [each.name for each in whole(base(4 * DAY + 1, SEGMENT, parts=3))[:-1]]
    pieces = [info(name, modified=at(n * DAY)) for n, name in enumerate(names, start=4)]
    assert not {*names} & {*retention([*ALL, *pieces], at(6 * DAY + 60), POLICY)}


def test_an_hour_without_a_new_object_makes_nothing_older_than_that() -> None:
    """A clock that stands a year ahead, and a host that was away for a year: the same."""
    hourly = replace(POLICY, gap=timedelta(hours=1))
    right = retention(ALL, at(6 * DAY + 60), POLICY)
    assert retention(ALL, at(366 * DAY), POLICY) == retention(ALL, at(7 * DAY), POLICY)
    assert retention(ALL, at(6 * DAY + 60), hourly) == ()
    assert right, "a day between two objects is what its log has here"


def test_the_first_step_back_is_no_longer_than_the_others() -> None:
    written = [at(100), at(60), at(0), at(-6000)]
    hour = timedelta(hours=1)

    def back(now: float, minutes: float) -> datetime:
        return ago(written, at(now), timedelta(minutes=minutes), hour)

    assert back(120, 0) == at(120)
    assert back(9999, 0) == at(160), "an hour after the newest object"
    assert back(9999, 60) == at(100)
    assert back(9999, 150) == at(10)
    assert back(9999, 170) == at(-5950), "at least: of a long step only an hour counts"
    assert back(80, 30) == at(50), "one that was written after now tells nothing"
    assert back(9999, 300) == at(-6080)
    assert ago([], at(5), hour, hour) == at(-55)


LEFT = [
    *whole(base(0, SEGMENT)),
    *whole(base(8, 2 * SEGMENT, int(2.25 * SEGMENT))),
    chunk(1, 2.25, 11),
    replace(history(2, 1, 2), modified=at(11)),
]
"""Its newest base ends after the point from which somebody else leads, who has said nothing yet."""
ONE = RetentionPolicy(backups=1, days=0, gap=timedelta(days=9))


def test_the_base_that_leads_to_a_timeline_that_says_nothing_yet_stays() -> None:
    """Found by the property: it was gone when the first word of who serves came."""
    assert retention(LEFT, at(12), ONE) == ()
    assert coverage([*LEFT, chunk(2, 2, 13, timeline=2)]).moment == at(13)


def test_a_timeline_that_never_said_a_word_holds_no_base_for_longer_than_a_day() -> None:
    day = at(11) + ONE.orphans
    assert retention(LEFT, day, ONE) == ()
    gone = retention(LEFT, day + timedelta(seconds=1), ONE)
    assert gone == tuple(each.name for each in (LEFT[2], *LEFT[:2]))


def test_a_base_that_ends_where_one_left_leads_nowhere_before_the_new_one_speaks() -> None:
    """It may be an old primary's that went on, whose word would be the newest: the one before it
    stays until the new timeline proves a moment."""
    before, last = base(0, SEGMENT), base(14, 2 * SEGMENT)
    left = replace(history(2, 1, 2), modified=at(15))
    objects = [*whole(before), *whole(last), chunk(1, 2, 9), chunk(2, 2, 15), left]
    assert retention(objects, at(16), ONE) == ()
    spoken = [*objects, chunk(2, 3, 17, timeline=2)]
    assert str(before) in retention(spoken, at(18), ONE)


def test_a_base_whose_log_may_still_come_stays_for_a_day_beside_a_newer_one() -> None:
    """Found by the property: the newer one was an old primary's that had gone on alone."""
    waits, last = base(0, SEGMENT, timeline=2), base(8, SEGMENT)
    objects = [*whole(waits), *whole(last), chunk(1, 2, 9)]
    day = at(0.5) + ONE.orphans
    assert retention(objects, day, ONE) == ()
    gone = retention(objects, day + timedelta(seconds=1), ONE)
    assert gone == tuple(each.name for each in (objects[2], *objects[:2]))
