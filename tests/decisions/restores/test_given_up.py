"""A restore in place after its switch: what does not serve is gone back from in bounded time, and
what is gone back from is named to its host. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from recovery.inventory.facts import DatabaseState, Verdict
from recovery.operations.facts import OperationState
from recovery.restores.decide import next_step
from recovery.restores.facts import (
    BEFORE_SWITCH,
    ENDED,
    UNFINISHED,
    Act,
    Facts,
    OrderSight,
    Phase,
    Step,
    Switched,
    Wait,
    may_call_off,
)
from recovery.restores.in_place import SERVES_WITHIN, STARTS_WITHIN, given_up
from recovery.restores.lost import GONE
from recovery.restores.words import follows, holds
from tests.decisions.restores.test_steps import facts

AT = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
SHORT, LONG = STARTS_WITHIN.total_seconds(), SERVES_WITHIN.total_seconds()


def here(phase: Phase = Phase.ROUTE, **changes: object) -> Facts:
    return replace(facts(phase, in_place=True), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("server", ["absent", "down", "failed"])
def test_what_does_not_start_is_given_up_with_its_agents_words_and_a_way_back(server: str) -> None:
    seen = here(server=server, said="start: could not read pg_control")
    assert isinstance(next_step(replace(seen, settled=SHORT - 1)), Wait)
    answer = next_step(replace(seen, settled=SHORT))
    assert isinstance(answer, Step)
    assert (answer.act, answer.to) == (Act.END, Phase.ABANDONED)
    assert "did not start within 2 min: start: could not read pg_control." in answer.reason
    assert "puts what was there before in its place again" in answer.reason


@pytest.mark.parametrize("server", ["starting", "running", "making", ""])
def test_a_server_that_is_at_it_has_longer_and_not_for_ever(server: str) -> None:
    seen = here(server=server, settled=SHORT)
    assert isinstance(next_step(seen), Wait)
    answer = next_step(replace(seen, settled=LONG))
    assert isinstance(answer, Step)
    assert answer.reason.startswith("It accepted no writes within 30 min")


def test_while_its_host_is_not_there_to_say_so_it_is_waited_for_and_a_person_may_end_it() -> None:
    for verdict in set(Verdict) - GONE - {Verdict.ALIVE}:
        seen = here(verdict=verdict, settled=10 * LONG, server="down")
        assert isinstance(next_step(seen), Wait)
        ended = next_step(replace(seen, called_off="bruno"))
        assert isinstance(ended, Step)
        assert ended.reason.startswith("bruno called it off. par1-r2-h1 puts what was there before")
    assert isinstance(next_step(here(is_quarantined=True, settled=10 * LONG, server="down")), Wait)


@pytest.mark.parametrize("phase", [Phase.SWITCH, Phase.ROUTE])
def test_what_serves_already_is_not_called_off(phase: Phase) -> None:
    told = here(phase, called_off="bruno", state=DatabaseState.SERVING, routed_epoch=2)
    answer = next_step(told)
    assert isinstance(answer, Step)
    assert answer.to is not Phase.ABANDONED
    if phase is Phase.ROUTE:
        assert answer.to is Phase.DONE
        assert "bruno called it off too late" in answer.reason


def test_elsewhere_what_does_not_start_ends_too_and_is_asked_for_anew() -> None:
    answer = next_step(facts(Phase.ROUTE, settled=SHORT, server="failed"))
    assert isinstance(answer, Step)
    assert answer.to is Phase.ABANDONED
    assert answer.reason.endswith("Ask anew: notes waits.")


def test_who_may_call_it_off_depends_on_where_it_goes() -> None:
    assert {one for one in Phase if may_call_off(one, in_place=False)} == BEFORE_SWITCH
    assert {one for one in Phase if may_call_off(one, in_place=True)} == UNFINISHED


def test_what_cannot_be_put_in_place_says_what_serves_instead() -> None:
    failed = OrderSight(OperationState.FAILED, "the disk is away")
    answer = next_step(here(Phase.SWITCH, adopt=failed, orders=2))
    assert isinstance(answer, Step)
    assert "in 2 attempts: the disk is away. par1-r2-h1 puts what was there before" in answer.reason


# ---------------------------------------------------------------------- what its host is told


def switched(key: str, epoch: int, phase: Phase = Phase.ABANDONED, **changes: object) -> Switched:
    plain = Switched(key, phase, in_place=True, epoch=epoch, ended_at=AT + timedelta(hours=epoch))
    return replace(plain, **changes)  # type: ignore[arg-type]


def epoch(number: int, leader: str = "a", given: int = 0) -> tuple[int, str, object]:
    """`given`: the epoch of the restore that it was raised to give up."""
    return number, leader, AT + timedelta(hours=given)


def test_a_host_is_told_of_each_that_was_given_up_since_the_last_that_came_to_its_end() -> None:
    epochs = [epoch(2), epoch(3, given=2), epoch(4), epoch(5, given=4)]
    both = [switched("b", 4), switched("a", 2)]
    assert given_up(both, epochs) == ("b", "a")
    assert given_up([switched("c", 6, Phase.ROUTE), *both], epochs) == ("b", "a")
    done = [both[0], switched("x", 3, Phase.DONE), both[1]]
    assert given_up(done, epochs) == ("b",)
    elsewhere = [switched("x", 6, Phase.SWITCH, in_place=False), *both]
    assert given_up(elsewhere, epochs) == (), "another place, where no such data are"
    for phase in ENDED - {Phase.ABANDONED}:
        assert given_up([replace(both[0], phase=phase)], epochs) == ()


def test_what_others_moved_on_is_told_to_nobody() -> None:
    """Restored rows may hold a restore in its switch that the world has long left behind (B11)."""
    assert given_up([switched("a", 2)], [epoch(2), epoch(7)]) == ()
    promoted = [epoch(2), epoch(3, given=2), epoch(4, "b"), epoch(5, "a")]
    assert given_up([switched("a", 2)], promoted) == (), "its host followed another since"


# ---------------------------------------------------------------------- what people read


def test_each_phase_says_what_holds_and_who_has_to_do_what() -> None:
    for phase, in_place, off in product(Phase, (False, True), ("", "bruno")):
        held = holds(phase, "notes", "h-1", in_place=in_place)
        then = follows(phase, "h-1", in_place=in_place, called_off=off)
        assert bool(held) is bool(then) is (phase in UNFINISHED)
        if phase in UNFINISHED:
            assert held.endswith(".")
            assert then.endswith(".")
            assert ("bruno called it off" in then) is bool(off)
    route = follows(Phase.ROUTE, "h-1", in_place=True)
    assert "does not start within 2 min is taken out again" in route
    assert "What was there before is kept on h-1" in holds(Phase.ROUTE, "n", "h-1", in_place=True)
