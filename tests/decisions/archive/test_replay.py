"""What a restored server has replayed, held against what its plan promised."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.core.archive import SEGMENT, Refusal, Replay, lsn_text, refuse_short, replay_of
from tests.decisions.archive.build import at, chunk, whole
from tests.decisions.archive.test_plan import ALL, BASE, planned

DUE = 5 * SEGMENT


def test_a_log_that_was_replayed_to_its_end_is_taken() -> None:
    assert refuse_short(planned(ALL), Replay(DUE, is_at_target=False), None) is None
    assert refuse_short(planned(ALL), Replay(DUE + 48, is_at_target=False), None) is None


def test_one_that_ends_early_is_refused_with_the_newest_moment_that_came_back() -> None:
    found = refuse_short(planned(ALL, 3.9), Replay(int(4.5 * SEGMENT), is_at_target=False), None)
    assert found == Refusal(
        "the log could be replayed to 0/4800000 and no further, and it was promised to 0/5000000"
    )
    whole = refuse_short(planned(ALL, 1.5), Replay(int(3.5 * SEGMENT), is_at_target=False), None)
    assert whole is not None
    assert whole.newest == at(1)
    assert "The newest moment that can be restored is" in whole.sentence


def test_a_canary_that_was_read_back_moves_the_newest_moment_and_an_old_one_refuses_nothing() -> (
    None
):
    canary = at(1) + timedelta(seconds=7)
    short = refuse_short(planned(ALL, 1.5), Replay(int(3.5 * SEGMENT), is_at_target=False), canary)
    assert short is not None
    assert short.newest == canary
    assert refuse_short(planned(ALL), Replay(DUE, is_at_target=False), at(0)) is None


def test_a_replay_that_met_a_commit_of_after_the_moment_is_whole_wherever_it_ended() -> None:
    assert refuse_short(planned(ALL, 1.5), Replay(SEGMENT, is_at_target=True), None) is None


def test_what_a_mark_alone_promises_is_replayed_to_the_mark() -> None:
    """A piece that proved nothing when it was cut, and then a mark where it ends: the newest moment
    is the mark's, and rests on all of that piece."""
    plan = planned([*whole(BASE), chunk(3, 4, 1), chunk(4, 5), chunk(5, 5, 4)])
    assert plan.moment == at(4)
    short = refuse_short(plan, Replay(int(4.5 * SEGMENT), is_at_target=False), None)
    assert short is not None
    assert short.newest == at(1)
    assert refuse_short(plan, Replay(DUE, is_at_target=False), None) is None


@pytest.mark.parametrize(
    ("before", "rest", "is_short"),
    [
        (100, 101, False),
        (100, 0, True),
        (100, 24, False),  # within what the head of a page could take
        (9000, 24, True),
        (9000, 9000, False),
        (8191, None, False),
        (8192, None, True),
    ],
)
def test_a_record_that_the_end_of_a_piece_cuts_is_no_lack_and_one_that_is_whole_is(
    before: int, rest: int | None, is_short: bool
) -> None:
    found = refuse_short(planned(ALL), Replay(DUE - before, is_at_target=False, rest=rest), None)
    assert (found is not None) is is_short


@pytest.mark.parametrize(
    ("why", "is_at_target"),
    [
        ("before 2026-11-29 02:49:59.123456+00", True),
        ("after LSN 0/3000148", True),
        ("no recovery target specified", False),
        ("", False),
    ],
)
def test_a_servers_own_history_says_where_it_stopped_and_why(why: str, is_at_target: bool) -> None:
    text = f"# a mark\n1\t0/3000000\tno recovery target specified\n\n2\t{lsn_text(DUE)}\t{why}\n"
    assert replay_of(text) == Replay(DUE, is_at_target)


@pytest.mark.parametrize("text", ["", "# Taken by another history of this database.\n", "1\n"])
def test_a_history_that_says_nothing_is_no_proof(text: str) -> None:
    with pytest.raises(ValueError, match="says nothing"):
        replay_of(text)
