"""What a spool whose disk is nearly full may forget before every store has it."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.adapters.backups.polite import RESERVE, reserve_of
from recovery.agent.backups.decide import base_is_due
from recovery.agent.backups.room.forget import enough, forgettable, is_broken, needs_base
from recovery.core.archive import SEGMENT, RetentionPolicy, coverage
from recovery.core.ports.stores import ObjectInfo
from tests.decisions.archive.build import LINE, SIZE, at, base, chunk, snapshot, whole

POLICY = RetentionPolicy(backups=1, days=0)
OLD, NEW = base(0, 3 * SEGMENT), base(20, 5 * SEGMENT)
BEFORE = [chunk(3, 4, 1), chunk(4, 5, 10)]
AFTER = [chunk(5, 6, 25), chunk(6, 7, 30), chunk(7, 8, 40), chunk(8, 9, 50)]
ALL = [*whole(OLD), *BEFORE, *whole(NEW), *AFTER]
EVERYTHING = {each.name for each in ALL}


def objects(*of: ObjectInfo) -> dict[str, ObjectInfo]:
    return {each.name: each for each in of}


def names(*held: set[str], there: list[ObjectInfo] = ALL) -> list[str]:
    return [each.name for each in forgettable(objects(*there), held, at(1500), POLICY)]


def test_the_log_before_the_newest_backup_goes_first_then_older_backups_then_what_follows() -> None:
    assert names(EVERYTHING) == [
        BEFORE[0].name,
        str(OLD),
        *(str(OLD.part(number)) for number in range(2)),
        *(each.name for each in AFTER[1:3]),
    ]


def test_what_closes_the_newest_backup_and_the_newest_piece_of_the_log_stay() -> None:
    """The backup can be restored afterwards, and the log goes on where it ends."""
    gone = set(names(EVERYTHING))
    left = [each for each in ALL if each.name not in gone]
    newest = coverage(left).newest
    assert newest is not None
    assert newest.name == NEW
    assert AFTER[-1] in left


def test_nothing_goes_that_no_store_has_which_answers() -> None:
    assert names() == []
    assert names(set()) == []
    assert names({AFTER[1].name}, set()) == [AFTER[1].name]


def test_a_backup_of_which_a_store_has_only_pieces_stays() -> None:
    pieces = {str(OLD.part(number)) for number in range(2)}
    assert names(pieces) == []
    assert names({*pieces, str(OLD)}) == [str(OLD), *sorted(pieces)]


def test_the_only_backup_stays_whoever_has_it() -> None:
    assert names(EVERYTHING, there=[*whole(OLD), BEFORE[0]]) == []
    daily = whole(snapshot(0))
    assert names({each.name for each in daily}, there=daily) == []
    two = [*daily, *whole(snapshot(1440))]
    assert set(names({each.name for each in two}, there=two)) == {each.name for each in daily}


def test_the_log_that_a_running_backup_may_need_stays() -> None:
    def last(minute: float, there: list[ObjectInfo] = ALL) -> str:
        found = forgettable(objects(*there), [EVERYTHING], at(1500), POLICY, at(minute))
        return found[-1].name

    assert last(35) == AFTER[1].name
    assert last(59) == AFTER[2].name
    half = [each for each in ALL if each != AFTER[-1]] + [chunk(8, 8.5, 50), chunk(8.5, 9, 55)]
    assert last(54, half) == AFTER[2].name, "its segment began before it did"


def test_only_so_much_goes_as_is_missing() -> None:
    assert enough(ALL, 0) == ()
    assert enough(ALL, 1) == (ALL[0].name,)
    assert enough(ALL, 2 * SIZE) == tuple(each.name for each in ALL[:2])


def test_a_store_that_lacks_what_was_forgotten_needs_a_new_base() -> None:
    gone = {each.name for each in AFTER[1:3]}
    left = objects(*(each for each in ALL if each.name not in gone))
    assert not needs_base(EVERYTHING, left), "it has what was forgotten"
    assert needs_base(EVERYTHING - gone, left)
    assert needs_base((), left)
    assert is_broken(left)
    anew = objects(*left.values(), *whole(base(55, 9 * SEGMENT)), chunk(9, 10, 60))
    assert not needs_base((), anew), "a new base is for all of them"
    assert not is_broken(anew)


def test_an_old_backup_that_was_forgotten_makes_nobody_need_a_new_one() -> None:
    left = objects(*whole(NEW), BEFORE[1], *AFTER)
    assert not needs_base((), left)
    assert not needs_base((), objects(*whole(snapshot(0))))


def test_a_base_that_only_a_forgotten_log_asks_for_is_not_made_again_and_again() -> None:
    seen = coverage([*whole(NEW), AFTER[0], *AFTER[2:]])
    day, hour = timedelta(days=1), timedelta(hours=1)
    assert base_is_due(seen, at(21), day, LINE.system), "a gap alone: at once"
    assert not base_is_due(seen, at(79), day, LINE.system, hour)
    assert base_is_due(seen, at(80), day, LINE.system, hour)


def test_a_disk_leaves_a_twentieth_to_others_and_never_more_than_a_gib() -> None:
    assert reserve_of(100 << 20, 0.05) == 5 << 20
    assert reserve_of(1 << 40, 0.05) == RESERVE == 1 << 30
    assert reserve_of(1 << 20, 1.0) == 1 << 20


@given(st.lists(st.sets(st.integers(0, len(ALL) - 1)), max_size=3), st.integers(0, 2000))
@settings(max_examples=200, derandomize=True)
def test_whatever_stores_have_what_is_left_and_what_they_have_gives_back_everything(
    stores: list[set[int]], missing: int
) -> None:
    answering = [{ALL[number].name for number in has} for has in stores]
    gone = set(enough(forgettable(objects(*ALL), answering, at(60), POLICY), missing))
    left = [each for each in ALL if each.name not in gone]
    assert gone <= set().union(*answering)
    assert coverage([*left, *(each for each in ALL if each.name in gone)]).moment == at(50)
    newest = coverage(left).newest
    assert newest is not None
    assert newest.name == NEW


def test_what_two_stores_have_in_turn_goes_last_for_neither_could_go_on_alone() -> None:
    first, second = EVERYTHING - {AFTER[2].name}, EVERYTHING - {AFTER[1].name}
    assert names(first, second)[-2:] == [AFTER[1].name, AFTER[2].name]
    assert names(first)[-1] == AFTER[1].name
    left = [each for each in ALL if each != AFTER[1]]
    assert names(second, there=left)[-1] == AFTER[2].name, "and only as the last of all"
    behind = EVERYTHING - {AFTER[1].name, AFTER[3].name}
    both = names(behind, second, there=[*left, chunk(9, 10, 60)])
    assert both[-2:] == [AFTER[2].name, AFTER[3].name]


@given(
    st.lists(st.sets(st.integers(0, len(AFTER) - 1)), min_size=1, max_size=3),
    st.integers(1, 4 * len(AFTER)),
)
@settings(max_examples=200, derandomize=True)
def test_as_long_as_one_store_can_go_on_one_store_and_what_is_left_give_back_everything(
    stores: list[set[int]], missing: int
) -> None:
    """What it takes away in the order in which it goes, as long as one store alone has it."""
    answering = [
        {each.name for each in [*whole(OLD), *BEFORE, *whole(NEW)]} | {AFTER[n].name for n in has}
        for has in stores
    ]
    found = [each.name for each in forgettable(objects(*ALL), answering, at(60), POLICY)]
    after = [name for name in found if name in {each.name for each in AFTER}]
    best = max(answering, key=lambda has: sum(name in has for name in after))
    gone = set(after[: min(missing, sum(name in best for name in after))])
    left = objects(*(each for each in ALL if each.name not in gone))
    assert any(gone <= has for has in answering)
    assert any(not needs_base(has, left) for has in answering)
