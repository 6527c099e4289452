"""What a listing tells: no gap is overlooked, and no chunk is counted that nobody can reach."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recovery.core.archive import SEGMENT, Line, coverage
from recovery.core.archive.timelines import Reach
from tests.decisions.archive.build import at, base, chunk, history, info, snapshot, whole

OTHER = Line("shop", "before")
BASE = base(0, 3 * SEGMENT + 40, 3 * SEGMENT + 300)
LOG = [chunk(3, 3.5, 1), chunk(3.5, 4.25, 2), chunk(4.25, 5, 3), chunk(5, 5, 4)]


def test_an_empty_archive_restores_nothing() -> None:
    seen = coverage([])
    assert (seen.newest, seen.moment, seen.windows, seen.missing) == (None, None, (), ())


def test_a_base_with_its_log_comes_back_up_to_the_last_mark() -> None:
    seen = coverage([*whole(BASE), *LOG])
    assert seen.moment == at(4)
    assert seen.windows == ((at(0.5), at(4)),)
    assert seen.reach is not None
    assert (seen.reach.timeline, seen.reach.lsn) == (1, 5 * SEGMENT)
    assert seen.missing == ()
    assert (seen.objects, seen.bytes) == (7, 700)


@pytest.mark.parametrize("gone", [1, 2])
def test_a_lost_chunk_moves_the_moment_before_it_and_says_what_is_useless(gone: int) -> None:
    seen = coverage([*whole(BASE), *LOG[:gone], *LOG[gone + 1 :]])
    assert seen.moment == at(gone)
    (said,) = seen.missing
    assert said.startswith("no chunk from 0/")
    useless = "2 later chunks are" if gone == 1 else "1 later chunk is"
    written = f"between {at(gone):%d %b %H:%M:%S} and {at(gone + 2):%H:%M:%S} UTC"
    assert said.endswith(f"on timeline 1, {written}: {useless} useless")


def test_without_the_log_to_its_end_a_base_is_no_backup() -> None:
    far = base(0, 3 * SEGMENT, 4 * SEGMENT)
    seen = coverage([*whole(far), LOG[0]])
    assert seen.newest is None
    assert seen.missing == (f"backup {far.backup} lacks its log up to 0/4000000",)


def test_a_log_that_begins_after_the_segment_of_its_base_is_of_no_use() -> None:
    seen = coverage([*whole(BASE), *LOG[1:]])
    assert seen.newest is None
    assert seen.missing == ("no chunk from 0/3000000 on timeline 1: 3 later chunks are useless",)


def test_a_lost_piece_makes_a_base_useless_and_the_one_before_it_is_taken() -> None:
    later = base(3, 4 * SEGMENT)
    seen = coverage([*whole(BASE), *whole(later, lost=[1]), *LOG])
    assert seen.newest is not None
    assert seen.newest.name == BASE
    assert seen.missing == (f"piece 1 of 2 of backup {later.backup} is missing",)


def test_of_two_bases_with_the_same_reach_the_one_with_less_to_replay_is_taken() -> None:
    later = base(3, 4 * SEGMENT)
    seen = coverage([*whole(BASE), *whole(later), *LOG])
    assert seen.newest is not None
    assert seen.newest.name == later


def test_a_base_after_a_gap_makes_the_newest_whole_again() -> None:
    later = base(2.2, int(4.5 * SEGMENT))
    log = [LOG[0], chunk(4, 5, 3), LOG[3]]
    seen = coverage([*whole(BASE), *whole(later), *log])
    assert seen.moment == at(4)
    assert seen.windows == ((at(0.5), at(1)), (at(2.7), at(4)))
    assert len(seen.missing) == 1


def test_pieces_without_a_manifest_are_orphans_and_no_backup() -> None:
    pieces = whole(base(2, 4 * SEGMENT))[:-1]
    seen = coverage([*whole(BASE), *LOG, *pieces])
    assert seen.orphans == tuple(pieces)
    assert len(seen.backups) == 1


def test_names_that_are_none_of_ours_are_told_and_counted() -> None:
    odd = info("shop/7412345678901234567/wal/00000001/0-1")
    assert coverage([odd]).strangers == (odd.name,)


def test_a_chunk_without_a_proven_moment_keeps_the_one_before_it() -> None:
    assert coverage([*whole(BASE), LOG[0], chunk(3.5, 6)]).moment == at(1)


def test_where_no_moment_is_proven_a_base_brings_back_what_was_before_it_began() -> None:
    seen = coverage([*whole(BASE), chunk(3, 4)])
    assert (seen.moment, seen.windows) == (at(0), ())
    assert seen.opens == at(0.5), "whoever follows the log knows from when on moments can be had"


def test_a_clock_that_jumped_ahead_and_back_is_believed_as_it_is_now() -> None:
    seen = coverage([*whole(BASE), chunk(3, 4, 1), chunk(4, 5, 9000), chunk(5, 6, 2)])
    assert seen.moment == at(2)


def test_a_snapshot_that_was_named_by_a_clock_ahead_is_not_the_newest() -> None:
    """A year ahead for one night: it came before the one after it, by the store's clock."""
    ahead, after = snapshot(500_000), snapshot(1440)
    wrong = [replace(each, modified=at(5)) for each in whole(ahead)]
    seen = coverage([*wrong, *whole(after), *whole(snapshot(0))])
    assert seen.newest is not None
    assert seen.newest.name == after
    alone = coverage([*wrong, *whole(snapshot(0))])
    assert alone.newest is not None
    assert alone.newest.name == ahead, "until the next one comes it holds most"


def test_another_history_by_a_clock_ahead_is_not_the_newest() -> None:
    """The line of before: its last log was written before that of now came."""
    former = [replace(each, modified=at(1)) for each in whole(snapshot(9000, line=OTHER))]
    seen = coverage([*former, *whole(snapshot(60))])
    assert seen.moment == at(60)


# ------------------------------------------------------------------ timelines


def test_a_failover_goes_on_where_the_new_timeline_left_the_old_one() -> None:
    log = [chunk(3, 4.5, 1), history(2, 1, 4.6), chunk(4, 5, 2, timeline=2)]
    seen = coverage([*whole(BASE), *log])
    assert seen.moment == at(2)
    assert seen.reach is not None
    assert (seen.reach.timeline, seen.reach.lsn) == (2, 5 * SEGMENT)
    assert seen.missing == ()


def test_the_old_timeline_beyond_the_switch_is_nobodys() -> None:
    log = [chunk(3, 4.5, 1), chunk(4.5, 4.8, 9), history(2, 1, 4.6)]
    seen = coverage([*whole(BASE), *log])
    assert seen.moment == at(1)
    assert seen.reach is not None
    assert seen.reach.lsn == int(4.6 * SEGMENT)
    assert seen.missing == ()


def test_the_old_timeline_must_reach_the_segment_in_which_it_was_left() -> None:
    log = [chunk(3, 3.5, 1), history(2, 1, 4.6), chunk(4, 5, 2, timeline=2)]
    seen = coverage([*whole(BASE), *log])
    assert seen.moment == at(1)
    (said,) = seen.missing
    assert said.startswith("no chunk from 0/3800000 on timeline 1, between")
    assert said.endswith("1 later chunk is useless")


def test_what_has_come_of_a_new_timeline_is_not_taken_before_it_passes_the_old_one() -> None:
    log = [chunk(3, 4.5, 1), history(2, 1, 4.6), chunk(4, 4.25, timeline=2)]
    seen = coverage([*whole(BASE), *log])
    assert seen.reach is not None
    assert (seen.reach.timeline, seen.reach.lsn) == (1, int(4.5 * SEGMENT))


def test_two_failovers_in_one_segment_are_followed() -> None:
    log = [chunk(3, 4.5, 1), history(2, 1, 4.6), history(3, 2, 4.7), chunk(4, 6, 5, timeline=3)]
    seen = coverage([*whole(BASE), *log])
    assert seen.moment == at(5)
    assert seen.newest is not None
    assert [each.timeline for each in seen.newest.chain.histories] == [2, 3]


def test_a_base_beyond_the_switch_does_not_follow_a_timeline_that_left_before_it() -> None:
    late = base(2, int(4.7 * SEGMENT), int(4.75 * SEGMENT))
    log = [chunk(3, 5, 3), history(2, 1, 4.6), chunk(4, 5, 4, timeline=2)]
    seen = coverage([*whole(BASE), *whole(late), *log])
    assert seen.newest is not None
    assert (seen.newest.name, seen.moment) == (BASE, at(4))


def test_chunks_of_a_timeline_without_history_are_told() -> None:
    seen = coverage([*whole(BASE), *LOG, chunk(5, 6, 7, timeline=2)])
    assert seen.moment == at(4)
    assert seen.missing == ("timeline 2 has no history: its 1 chunks are useless",)


def test_two_histories_of_one_timeline_are_told() -> None:
    seen = coverage([*whole(BASE), *LOG, history(2, 1, 4.6), history(2, 1, 4.7)])
    assert "timeline 2 has two histories: nobody can follow it" in seen.missing


def test_neither_of_two_histories_is_followed_in_whatever_order_they_are_listed() -> None:
    forks = [history(2, 1, 4.6), history(2, 1, 4.7)]
    log = [*whole(BASE), *LOG, chunk(4, 6, 9, timeline=2)]
    assert coverage([*log, *forks]).moment == coverage([*log, *reversed(forks)]).moment == at(4)


def test_an_old_primary_that_goes_on_saying_that_all_is_well_proves_nothing() -> None:
    """Found by the property: it stands at the switch, and others write where nothing has come."""
    log = [chunk(3, 4.5, 1), history(2, 1, 4.75), chunk(4.5, 4.75, 5), chunk(4.75, 4.75, 9)]
    seen = coverage([*whole(BASE), *log])
    assert seen.moment == at(1)
    assert seen.reach is not None
    assert seen.reach.lsn == int(4.75 * SEGMENT)


def test_a_base_that_an_old_primary_made_where_it_was_left_brings_back_its_own_alone() -> None:
    """Found by the property: its begin proved what others had written to the new timeline."""
    late = base(6, 4 * SEGMENT)
    log = [history(2, 1, 4), chunk(4, 4.5, timeline=2)]
    seen = coverage([*whole(late), *log, chunk(4, 4, 7)])
    assert seen.newest is not None
    assert (seen.reach, seen.newest.chain.histories) == (Reach(1, 4 * SEGMENT, at(7)), ())
    proven = coverage([*whole(late), *log, chunk(4.5, 5, 8, timeline=2)])
    assert proven.reach == Reach(2, 5 * SEGMENT, at(8))


def test_a_copy_of_the_parents_bytes_reaches_nothing_of_the_new_timeline() -> None:
    """Found by the property: whoever lost a chunk was promised a newer timeline."""
    log = [chunk(3, 4.5, 1), history(2, 1, 4.5), chunk(4, 4.5, timeline=2)]
    less = [chunk(3, 4, 1), *log[1:]]
    reaches = [coverage([*whole(BASE), *each]).reach for each in (log, less)]
    assert [each and (each.timeline, each.lsn) for each in reaches] == [
        (1, int(4.5 * SEGMENT)),
        (1, int(4.5 * SEGMENT)),
    ]


def test_a_cut_that_was_made_twice_is_one() -> None:
    twice = [chunk(3.25, 3.5, 1), chunk(3.5, 4.5, 2.5)]
    seen = coverage([*whole(BASE), *LOG, *twice])
    assert seen.moment == at(4)
    assert seen.missing == ()


# ------------------------------------------------------------------ snapshots


def test_a_snapshot_brings_back_the_moment_at_which_it_was_begun() -> None:
    seen = coverage([*whole(snapshot(1)), *whole(snapshot(5, parts=3))])
    assert seen.moment == at(5)
    assert seen.windows == ()


def test_of_a_database_made_anew_the_newest_moment_of_any_system_counts() -> None:
    from recovery.core.archive import Line

    other = snapshot(9, line=Line("shop", "other"))
    seen = coverage([*whole(BASE), *LOG, *whole(other)])
    assert seen.newest is not None
    assert seen.newest.name == other
