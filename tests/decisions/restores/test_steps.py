"""The next step of a restore, over every combination of what can be so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product

import pytest

from recovery.backups.words import instant
from recovery.inventory.facts import DatabaseState, Verdict
from recovery.operations.facts import UNDER_WAY, OperationState
from recovery.restores.choices import refuse_agreed
from recovery.restores.decide import MOST_DEAF, MOST_ORDERS, SLACK, next_step
from recovery.restores.facts import (
    BEFORE_SWITCH,
    ENDED,
    PHASE_MOVES,
    Act,
    Facts,
    Home,
    HostSight,
    OrderSight,
    Phase,
    Result,
    Step,
    Wait,
)
from recovery.restores.lost import GONE

QUOTED = datetime(2026, 11, 28, 18, 0, tzinfo=UTC)
GOOD = Result(QUOTED + timedelta(seconds=1))
SHORT = Result(QUOTED - SLACK - timedelta(seconds=1))


def facts(phase: Phase, **changes: object) -> Facts:
    """As it is when nothing is wrong."""
    is_after = phase in {Phase.SWITCH, Phase.ROUTE}
    plain = Facts(
        phase=phase,
        database="notes",
        host="par1-r2-h1",
        state=DatabaseState.WAITING,
        epoch=2 if is_after else 1,
        old_epoch=1,
        new_epoch=2 if is_after else 0,
        quoted=QUOTED,
        quiet=60.0,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def orders() -> Iterator[OrderSight | None]:
    yield None
    for state in OperationState:
        yield OrderSight(state, "its words")
    yield OrderSight(OperationState.REFUSED, "quarantine: this host starts nothing new yet")


@cache
def everything() -> tuple[Facts, ...]:
    return tuple(_everything())


def _everything() -> Iterator[Facts]:
    """Each phase with each state, epoch, order, result, and whatever may be in the way."""
    for phase, state, epoch, order, result in product(
        Phase, DatabaseState, (1, 2, 3), orders(), (None, GOOD, SHORT)
    ):
        for verdict, off, failover, paused, refused in product(
            (Verdict.ALIVE, Verdict.LOST), ("", "bruno"), ("", "FO-0001"), ("", "storm"), ("", "x.")
        ):
            yield facts(
                phase,
                state=state,
                epoch=epoch,
                routed_epoch=epoch,
                restore=order,
                adopt=order,
                result=result,
                verdict=verdict,
                called_off=off,
                failover=failover,
                paused=paused,
                host_refused=refused,
                source_gone=refused,
                orders=1 if order else 0,
            )


def test_in_every_case_the_answer_is_a_move_of_the_table_and_has_its_reason() -> None:
    counted: Counter[str] = Counter()
    for one in everything():
        answer = next_step(one)
        assert answer.reason.strip(), one
        if isinstance(answer, Wait):
            counted["wait"] += 1
            continue
        counted[f"{one.phase} {answer.to}"] += 1
        assert one.phase not in ENDED
        is_again = answer.act is Act.ORDER and answer.to is one.phase
        assert is_again or answer.to in PHASE_MOVES[one.phase], (one, answer)
    assert sum(counted.values()) > 50_000
    reached = {
        f"{before} {after}"
        for before in Phase
        for after in PHASE_MOVES[before]
        if not {before, after} & {Phase.ASKED, Phase.EXPIRED}
    }
    assert reached <= counted.keys(), "every move happens in some case"


def test_it_switches_only_what_is_proven_and_as_both_people_saw_it() -> None:
    switched = 0
    for one in everything():
        answer = next_step(one)
        if not (isinstance(answer, Step) and answer.act is Act.SWITCH):
            continue
        switched += 1
        assert one.phase is Phase.VERIFY
        assert (one.state, one.epoch) == (DatabaseState.WAITING, one.old_epoch)
        assert one.result == GOOD
        assert one.verdict is Verdict.ALIVE
        assert not any((one.called_off, one.failover, one.paused, one.host_refused))
    assert switched


def test_until_the_switch_a_person_or_the_old_hosts_return_ends_it() -> None:
    for one in everything():
        if one.phase not in BEFORE_SWITCH:
            continue
        answer = next_step(one)
        if one.called_off or one.state is DatabaseState.SERVING or one.epoch != one.old_epoch:
            assert isinstance(answer, Step), one
            assert (answer.act, answer.to) == (Act.END, Phase.ABANDONED)


def test_after_the_switch_nobody_calls_it_off_elsewhere() -> None:
    for one in everything():
        if one.phase in {Phase.SWITCH, Phase.ROUTE}:
            assert next_step(one) == next_step(replace(one, called_off="")), one


def test_nothing_is_ordered_twice_while_its_agent_may_be_at_it() -> None:
    for one in everything():
        answer = next_step(one)
        is_ordered = isinstance(answer, Step) and answer.act is Act.ORDER
        order = one.adopt if one.phase is Phase.SWITCH else one.restore
        if is_ordered and one.phase is not Phase.PLACE:
            assert order is None or order.state not in UNDER_WAY, one


@pytest.mark.parametrize("state", [OperationState.FAILED, OperationState.REFUSED])
def test_what_cannot_be_restored_ends_with_the_agents_own_words(state: OperationState) -> None:
    said = "part-00003 was altered. The newest moment that can be restored is 17:00."
    answer = next_step(facts(Phase.RESTORE, restore=OrderSight(state, said), orders=1))
    assert answer == Step(Act.END, Phase.ABANDONED, f"It cannot be restored: {said}")


def test_an_unknown_outcome_is_asked_for_again_and_not_for_ever() -> None:
    lost = OrderSight(OperationState.UNKNOWN, "the host started anew before it was done")
    once = next_step(facts(Phase.RESTORE, restore=lost, orders=1))
    assert isinstance(once, Step)
    assert (once.act, once.to) == (Act.ORDER, Phase.RESTORE)
    soon = next_step(facts(Phase.RESTORE, restore=lost, orders=1, quiet=1.0))
    assert isinstance(soon, Wait)
    often = next_step(facts(Phase.RESTORE, restore=lost, orders=MOST_ORDERS))
    assert isinstance(often, Step)
    assert often.to is Phase.ABANDONED


def test_what_its_agent_begins_anew_under_one_order_ends_as_what_is_asked_for_often() -> None:
    """One that dies in each replay would go on for ever."""
    handed = OrderSight(OperationState.HANDED)
    again = facts(Phase.RESTORE, restore=handed, orders=MOST_ORDERS)
    assert next_step(again) == Wait(f"{again.host} is at it.")
    over = replace(again, orders=MOST_ORDERS + 1)
    answer = next_step(over)
    assert isinstance(answer, Step)
    assert answer.to is Phase.ABANDONED
    assert "in 6 attempts: its agent ended in the middle of it." in answer.reason
    for waits in (replace(over, verdict=Verdict.SUSPECT), replace(over, paused="storm")):
        assert isinstance(next_step(waits), Wait)


def test_a_result_that_loses_more_than_was_agreed_to_is_not_switched_to() -> None:
    answer = next_step(facts(Phase.VERIFY, result=SHORT))
    assert isinstance(answer, Step)
    assert answer.to is Phase.ABANDONED
    assert "ends 6 s before the moment that was agreed to" in answer.reason
    earlier = QUOTED - timedelta(hours=1)
    asked = facts(Phase.VERIFY, result=Result(earlier), to=earlier)
    assert next_step(asked).reason.startswith("Its sums are right"), "it was asked for so"


def test_both_are_told_where_the_canary_says_less_than_the_moment() -> None:
    """Nothing is refused by it: what takes no writes sings none."""
    at = QUOTED.replace(microsecond=456_000)
    sung, silent = (Result(at, at - timedelta(minutes=each)) for each in (3, 4))
    said = next_step(facts(Phase.VERIFY, result=silent, to=at)).reason
    assert f"everything up to {instant(at, exact=True)}. But its newest canary" in said
    assert "456 UTC" in said
    assert f"is of {instant(at - timedelta(minutes=4))}: of the 4 min after it nothing was" in said
    assert "canary" not in next_step(facts(Phase.VERIFY, result=sung, to=at)).reason


def test_a_first_word_runs_out() -> None:
    answer = next_step(facts(Phase.ASKED, word_is_over=True))
    assert answer == Step(Act.END, Phase.EXPIRED, "Nobody gave the second word in time.")


def test_it_is_over_once_users_are_led_there() -> None:
    told = facts(Phase.ROUTE, state=DatabaseState.SERVING, routed_epoch=2)
    assert next_step(told).reason == "It accepts writes on par1-r2-h1, and its users are led there."
    assert isinstance(next_step(replace(told, routed_epoch=1)), Wait)


@pytest.mark.parametrize("phase", [Phase.PLACE, Phase.VERIFY])
@pytest.mark.parametrize("verdict", sorted(set(Verdict) - GONE - {Verdict.ALIVE}))
def test_a_blink_of_its_host_is_waited_for_and_its_loss_ends_it(
    phase: Phase, verdict: Verdict
) -> None:
    waits = next_step(facts(phase, verdict=verdict, result=GOOD))
    assert isinstance(waits, Wait)
    assert f"par1-r2-h1 is {verdict}" in waits.reason
    back = next_step(facts(phase, is_quarantined=True, result=GOOD))
    assert back == Wait("par1-r2-h1 has come back and is not trusted yet.")
    for gone in GONE:
        ended = next_step(facts(phase, verdict=gone, result=GOOD))
        assert isinstance(ended, Step)
        assert ended.act is Act.END
    host = HostSight("h", "h-1", "PAR1", "r1", verdict=verdict, is_quarantined=True)
    home = Home("PAR1", "old", "r1")
    assert not refuse_agreed(host, home)
    assert refuse_agreed(replace(host, taken_by="wiki-1"), home)


@pytest.mark.parametrize("phase", [Phase.PLACE, Phase.RESTORE, Phase.VERIFY])
def test_a_host_that_takes_no_orders_is_waited_for_with_its_reason_and_not_for_ever(
    phase: Phase,
) -> None:
    """Nothing was said, and nothing ended it: it was heard, and its session told nothing."""
    under_way = OrderSight(OperationState.HANDED, "")
    deaf = facts(phase, deaf_since=QUOTED, deaf_for=MOST_DEAF, result=GOOD, restore=under_way)
    waits = next_step(deaf)
    assert isinstance(waits, Wait)
    assert waits.reason == (
        "par1-r2-h1 takes no orders: its agent's session has told nothing since 28 Nov 18:00:00"
        " UTC."
    )
    ended = next_step(replace(deaf, deaf_for=MOST_DEAF + 1))
    assert isinstance(ended, Step)
    assert (ended.act, ended.to) == (Act.END, Phase.ABANDONED)
    assert "takes no orders" in ended.reason
    assert "Ask anew, with another host." in ended.reason
    agreed = HostSight("h", "h-1", "PAR1", "r1", deaf_since=QUOTED)
    assert not refuse_agreed(agreed, Home("PAR1", "old", "r1")), "it passes by itself"


def test_no_order_is_asked_for_again_while_its_host_blinks() -> None:
    lost = OrderSight(OperationState.UNKNOWN, "the host started anew")
    for phase in (Phase.RESTORE, Phase.SWITCH):
        for orders in (1, MOST_ORDERS):
            said = facts(phase, verdict=Verdict.SUSPECT, restore=lost, adopt=lost, orders=orders)
            assert isinstance(next_step(said), Wait)


def test_a_store_that_does_not_answer_is_asked_again_and_not_for_ever() -> None:
    away = OrderSight(OperationState.FAILED, "store: s3-osu2: cannot be reached: refused.")
    once = next_step(facts(Phase.RESTORE, restore=away, orders=1))
    assert isinstance(once, Step)
    assert (once.act, once.to) == (Act.ORDER, Phase.RESTORE)
    often = next_step(facts(Phase.RESTORE, restore=away, orders=MOST_ORDERS))
    assert isinstance(often, Step)
    assert often.act is Act.END
    assert "s3-osu2: cannot be reached" in often.reason
