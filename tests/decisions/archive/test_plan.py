"""What is fetched, and the sentence where nothing can be."""

from __future__ import annotations

import msgspec
import pytest

from recovery.core.archive import (
    SEGMENT,
    BadManifest,
    Refusal,
    RestorePlan,
    coverage,
    decode_manifest,
    plan_restore,
)
from recovery.core.ports.stores import ObjectInfo
from tests.decisions.archive.build import at, base, chunk, history, manifest, snapshot, whole

BASE = base(0, 3 * SEGMENT)
LATER = base(3, int(4.5 * SEGMENT))
LOG = [chunk(3, 3.5, 1), chunk(3.5, 4, 2), chunk(4, 5, 3.6), chunk(5, 5, 4)]
ALL = [*whole(BASE), *whole(LATER), *LOG]


def planned(objects: list[ObjectInfo], minute: float | None = None) -> RestorePlan:
    to = None if minute is None else at(minute)
    found = plan_restore(objects, {str(each): manifest(each) for each in (BASE, LATER)}, to)
    assert isinstance(found, RestorePlan), found
    return found


def refused(objects: list[ObjectInfo], minute: float | None = None) -> Refusal:
    found = plan_restore(objects, {}, None if minute is None else at(minute))
    assert isinstance(found, Refusal)
    return found


def test_the_newest_moment_comes_from_the_newest_base_and_its_whole_log() -> None:
    plan = planned(ALL)
    assert (plan.name, plan.moment, plan.to) == (LATER, at(4), None)
    assert [each.start for each in plan.chunks] == [4 * SEGMENT]


def test_a_moment_comes_from_the_base_before_it_and_no_more_log_than_proves_it() -> None:
    plan = planned(ALL, 1.5)
    assert (plan.name, plan.moment, plan.to) == (BASE, at(1.5), at(1.5))
    assert [each.stop for each in plan.chunks] == [int(each * SEGMENT) for each in (3.5, 4)]


def test_a_moment_before_a_base_was_whole_is_taken_from_the_one_before() -> None:
    assert planned(ALL, 3.2).name == BASE
    assert planned(ALL, 3.5).name == LATER


@pytest.mark.parametrize(
    ("objects", "minute", "reason"),
    [
        ([], None, "there is no backup"),
        (whole(BASE)[:-1], None, "there is no backup; one has been begun and has no manifest"),
        (whole(BASE), None, "20261128T120000Z-5f3a lacks its log up to 0/3000000"),
        (ALL, -5, "is before the oldest moment that is kept, 2026-11-28 12:00:30.000 UTC"),
        (ALL, 9, "is after everything that the archive has"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(
    objects: list[ObjectInfo], minute: float | None, reason: str
) -> None:
    said = refused(objects, minute)
    assert reason in said.reason
    if objects is ALL:
        assert said.newest == at(4)
        assert "The newest moment that can be restored is 2026-11-28 12:04:00.000 UTC." in (
            said.sentence
        )


def test_a_moment_in_a_gap_is_told_with_both_of_its_ends() -> None:
    objects = [*whole(BASE), *whole(LATER), LOG[0], LOG[2], LOG[3]]
    said = refused(objects, 2)
    assert "lies in a gap: the log ends at 2026-11-28 12:01:00.000 UTC" in said.reason
    assert "the next backup begins at 2026-11-28 12:03:30.000 UTC" in said.reason
    assert said.windows == ((at(0.5), at(1)), (at(3.5), at(4)))


def test_a_cut_off_piece_is_seen_in_the_listing_and_the_older_backup_is_named() -> None:
    cut = [
        ObjectInfo(each.name, 17, each.modified) if each.name == str(LATER.part(1)) else each
        for each in [*whole(BASE), *whole(LATER), *LOG[:2], *LOG[2:]]
    ]
    found = plan_restore(cut, {str(LATER): manifest(LATER)})
    assert isinstance(found, Refusal)
    assert "piece 1 of backup 20261128T120300Z-5f3a is 17 bytes long" in found.reason
    assert found.newest == at(4)


def test_a_manifest_of_another_backup_is_refused() -> None:
    found = plan_restore(ALL, {str(LATER): manifest(BASE)})
    assert isinstance(found, Refusal)
    assert "belongs to another one" in found.reason


def test_of_snapshots_only_their_own_moments_can_be_asked_for() -> None:
    objects = [*whole(snapshot(1)), *whole(snapshot(5))]
    found = plan_restore(objects, {}, at(5))
    assert isinstance(found, RestorePlan)
    assert found.name == snapshot(5)
    said = refused(objects, 3)
    assert said.reason.endswith(
        "is not the moment of a backup; the newest are of "
        "2026-11-28 12:01:00.000 UTC, 2026-11-28 12:05:00.000 UTC"
    )


def test_a_manifest_reads_back_and_anything_else_is_refused() -> None:
    assert decode_manifest(manifest(BASE).encoded()) == manifest(BASE)
    for data in (b"", b"{}", msgspec.json.encode([1])):
        with pytest.raises(BadManifest, match="cannot be read"):
            decode_manifest(data)


def test_a_moment_that_was_said_before_a_base_was_whole_ends_no_plan() -> None:
    """Its server's clock was ahead: without the log up to its end a base is of no use."""
    late = base(1, int(3.25 * SEGMENT), int(3.75 * SEGMENT))
    log = [chunk(3, 3.25, 9000), chunk(3.25, 4, 3)]
    found = plan_restore([*whole(late), *log], {}, at(2))
    assert isinstance(found, RestorePlan)
    assert [each.stop for each in found.chunks] == [int(3.25 * SEGMENT), 4 * SEGMENT]


BACK = [
    chunk(3, 3.5, 1),
    chunk(3.5, 5, 2),
    chunk(5, 5.5, 5),  # served until it was taken back to 4.5
    history(2, 1, 4.5),
    chunk(4, 5, 6, timeline=2),
    chunk(5, 6, 8, timeline=2),
]


def test_a_moment_that_an_earlier_restore_cut_away_comes_back_as_it_was_then() -> None:
    plan = planned([*whole(BASE), *BACK], 4)
    assert (plan.histories, plan.moment) == ((), at(4))
    assert [(each.timeline, each.stop / SEGMENT) for each in plan.chunks] == [
        (1, 3.5),
        (1, 5.0),
        (1, 5.5),
    ]
    after = planned([*whole(BASE), *BACK], 7)
    assert [each.timeline for each in after.histories] == [2]
    assert after.chunks[-1].stop == 6 * SEGMENT
    assert planned([*whole(BASE), *BACK]).moment == at(8), "the newest is as it was"


def test_between_two_histories_a_moment_is_refused_with_both_neighbours() -> None:
    said = refused([*whole(BASE), *BACK], 5.5)
    assert "12:05:30.000 UTC lies where another history began" in said.reason
    assert "the newest moment before is 2026-11-28 12:05:00.000 UTC" in said.reason
    assert "the first after it is 2026-11-28 12:06:00.000 UTC" in said.reason
    seen = coverage([*whole(BASE), *BACK])
    assert (seen.opens, [(each.last, each.first) for each in seen.cuts]) == (
        at(0.5),
        [(at(5), at(6))],
    )


def test_an_old_primary_that_went_on_alone_is_not_taken_for_what_was_served() -> None:
    """Nothing tells when the new one began to serve, up to its first word: only what was before it
    was left is sure."""
    alone = [*BACK, chunk(5.5, 6, 7)]
    seen = coverage([*whole(BASE), *alone])
    assert seen.windows == ((at(0.5), at(1)), (at(6), at(8)))
    assert (
        "the newest moment before is 2026-11-28 12:01:00.000"
        in refused([*whole(BASE), *alone], 4).reason
    )
    assert planned([*whole(BASE), *alone], 6.5).histories


def test_an_old_primary_that_went_on_alone_takes_no_more_than_an_hour_away() -> None:
    late = [*BACK[:4], chunk(5.5, 6, 300), chunk(4, 5, 200, timeline=2)]
    assert coverage([*whole(BASE), *late]).windows[0] == (at(0.5), at(140))


def test_a_failover_that_lost_nothing_leaves_no_cut() -> None:
    log = [chunk(3, 3.5, 1), chunk(3.5, 4.5, 2), history(2, 1, 4.5), chunk(4, 5, 6, timeline=2)]
    seen = coverage([*whole(BASE), *log])
    assert (seen.windows, seen.cuts) == (((at(0.5), at(6)),), ())
    assert planned([*whole(BASE), *log], 4).chunks[-1].timeline == 2


def test_what_an_old_primary_wrote_beyond_the_switch_proves_no_moment_of_the_new_one() -> None:
    """Found by the property: the new timeline's commits up to then were left out of the plan."""
    split = [
        chunk(3, 4, 1),
        chunk(4, 5, 3),  # beyond the switch, said while others wrote to the new timeline
        history(2, 1, 4.5),
        chunk(4, 5, 2, timeline=2),
        chunk(5, 6, 4, timeline=2),
    ]
    plan = planned([*whole(BASE), *split], 2.5)
    assert [(each.timeline, each.stop // SEGMENT) for each in plan.chunks] == [
        (1, 4),
        (1, 5),
        (2, 5),
        (2, 6),
    ]
