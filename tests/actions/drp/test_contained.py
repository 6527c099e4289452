"""An error that nobody foresaw costs its step, or its run, and rings once; abort always works."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import msgspec
import pytest
from django.db import DatabaseError

from recovery.alarms.actions import register_channel
from recovery.alarms.models import Alarm, Delivery
from recovery.alarms.queries import raised_since
from recovery.core.clock import ManualClock
from recovery.core.errors import Refused
from recovery.drp import queries
from recovery.drp.carrying import make_cycle
from recovery.drp.facts import Kind, Mode, RunState, StepState
from recovery.drp.models import Act
from recovery.drp.plan import Gate
from recovery.drp.press import Press
from recovery.drp.queries.promises import promised
from recovery.drp.rounds.taking import Memory
from recovery.drp.rounds.troubles import STANDSTILL, STRIKES
from recovery.drp.sights import Heard, Order, Outcome, RunSight
from recovery.drp.views.runs import view_run
from tests.actions.drp.ground import Counting, Ground
from tests.decisions.drp.steps import plan, step
from tests.support.drp_book import Book
from tests.support.fleet import BY, NOW


@dataclass
class Broken(Counting):
    """A hand with a fault in it. `kinds`: where it shows."""

    error: Exception = field(default_factory=lambda: KeyError("no such place"))

    def act(self, order: Order) -> Outcome:
        raise self.error

    def look(self, order: Order) -> Outcome:
        raise self.error


def broken(ground: Ground, error: Exception, *kinds: Kind) -> None:
    """From now on these kinds of steps meet this error."""
    hands = dict.fromkeys(Kind, ground.hand) | dict.fromkeys(kinds, Broken(error=error))
    ground.cycle.hands = lambda *_: hands


def alarms(ground: Ground) -> list[str]:
    """Of its steps, that ever rang."""
    rows = Alarm.objects.filter(key__startswith=f"drp-step:{ground.run.pk}:")
    return list(rows.values_list("body", flat=True))


def rounds(ground: Ground, n: int) -> None:
    for _ in range(n):
        ground.look()


def test_an_error_of_a_hand_ends_its_act_rings_once_and_the_run_is_aborted_all_the_same(
    ground: Ground,
) -> None:
    ground.begin()
    broken(ground, KeyError("no such place"), Kind.FREEZE_AUTOMATION)
    rounds(ground, 1)
    assert Act.objects.get().state == "intended", "it may pass"
    assert not alarms(ground)
    rounds(ground, STRIKES + 3)
    act = Act.objects.get()
    assert (act.state, act.said) == ("unknown", "KeyError: 'no such place'")
    assert alarms(ground) == ["KeyError: 'no such place'"]
    assert ground.run.state == RunState.RUNNING
    ground.press(Press.ABORT)
    rounds(ground, 1)
    assert ground.run.state == RunState.ABORTED
    assert not Alarm.objects.filter(key__startswith="drp-step:").exclude(state="ended").exists()


def test_what_passes_is_done_and_rings_nobody(ground: Ground) -> None:
    ground.begin()
    broken(ground, DatabaseError("deadlock detected"), Kind.FREEZE_AUTOMATION)
    rounds(ground, STRIKES - 1)
    ground.cycle.hands = lambda *_: dict.fromkeys(Kind, ground.hand)
    rounds(ground, 1)
    assert ground.step("freeze").state == "done"
    assert not alarms(ground)


def test_what_the_rows_refuse_one_run_skips_no_other_and_rings_where_it_stays(
    ground: Ground,
) -> None:
    """The simulation is the younger one: it stands behind the other."""
    sick = ground.begin()

    def gates(sight: RunSight) -> dict[str, object]:
        if sight.plan.mode is Mode.DISASTER:
            raise DatabaseError("canceling statement due to lock timeout")
        return {}

    ground.cycle.gates = gates  # type: ignore[assignment]
    ground.cycle.expected = lambda sight: {name: (True, "It would.") for name in sight.steps}
    ground.prepare(Mode.SIMULATION)
    ground.press(Press.START)
    rounds(ground, STRIKES - 1)
    key = f"drp-unreadable:{sick.pk}"
    assert not Alarm.objects.filter(key=key).exists()
    rounds(ground, 2)
    assert ground.run.state == RunState.DONE
    assert Alarm.objects.filter(key=key).count() == 1


def test_a_run_that_cannot_be_read_is_aborted_and_comes_to_rest(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.hand.outcome = Heard.UNDER_WAY
    ground.begin()
    rounds(ground, 1)
    assert Act.objects.get().state == "intended"

    def unreadable(*_: object, **__: object) -> RunSight:
        raise ValueError("what is this?")

    monkeypatch.setattr(queries, "run_sight", unreadable)
    with pytest.raises(Refused, match="takes the role responder"):
        ground.press(Press.ABORT, "vera")
    ground.press(Press.ABORT)
    with pytest.raises(Refused, match="nothing to abort"):
        ground.press(Press.ABORT)
    rounds(ground, STRIKES)
    assert ground.run.state == RunState.ABORTED
    assert "ValueError: what is this?" in ground.run.state_reason
    assert Act.objects.get().state == "unknown", "a person says what became of it"
    assert not Alarm.objects.exclude(state="ended").exists()


def test_what_is_refused_for_a_minute_stands_still_and_rings_once(ground: Ground) -> None:
    ground.begin()
    broken(ground, Refused("Its own rows are in quarantine."), Kind.FREEZE_AUTOMATION)
    rounds(ground, STANDSTILL + 5)
    assert alarms(ground) == ["It stands still: Its own rows are in quarantine."]
    ground.cycle.hands = lambda *_: dict.fromkeys(Kind, ground.hand)
    rounds(ground, 1)
    assert ground.step("freeze").state == "done"
    assert not Alarm.objects.filter(key__startswith="drp-step:").exclude(state="ended").exists()


def test_of_two_runs_each_has_its_turn_where_the_time_is_for_one(ground: Ground) -> None:
    ground.hand.outcome = Heard.UNDER_WAY
    first = ground.begin()
    ground.cycle.expected = lambda sight: {}
    second = ground.prepare(Mode.SIMULATION)
    ground.press(Press.START)
    ticks = iter(range(100_000))
    ground.cycle.clock, ground.cycle.budget = lambda: float(next(ticks)), 0.5
    turns = ground.cycle.memory.turns
    for run in (first, second, first, second):
        ground.look()
        assert ground.cycle.is_behind
        assert max(turns.served, key=lambda key: turns.served[key] * (len(key) == 1)) == (run.pk,)


def test_that_time_is_over_is_told_once_by_every_leader_together_and_shown(ground: Ground) -> None:
    register_channel(
        name="desk", kind="mail", address="desk@example.net", actor=BY, reason="x", now=ground.now
    )
    ground.hand.outcome = Heard.UNDER_WAY
    ground.begin()
    (name, rto), *_ = [(one.name, one.rto) for one in promised(ground.run)]
    ground.look()
    ground.look(rto * 0.6)
    ground.cycle.memory = Memory()
    ground.look()
    title = f"{ground.run}, a disaster: 50 % of the time promised for {name} is over"
    told = Alarm.objects.get(title=title)
    assert told.state == "ended", "it rings nowhere"
    assert Delivery.objects.filter(alarm=told, channel__name="desk").count() == 1
    ground.look(rto * 0.5)
    titles = [one.title for one in view_run(ground.run.number).told]  # type: ignore[union-attr]
    assert f"100 % of the time promised for {name} is over" in titles
    assert f"50 % of the time promised for {name} is over" in titles
    assert raised_since(NOW - timedelta(days=1)) == 0, "they make no storm"


def test_nobody_is_told_that_the_time_of_what_is_back_runs_out(ground: Ground) -> None:
    ground.hand.outcome = Heard.UNDER_WAY
    ground.begin()
    first, second, *_ = promised(ground.run)
    served = {first.name}
    ground.cycle.back = lambda run, now: frozenset(served)
    ground.look()
    ground.look(float(max(first.rto, second.rto)))
    titles = " ".join(Alarm.objects.values_list("title", flat=True))
    assert f"promised for {second.name} is over" in titles
    assert f"promised for {first.name} is over" not in titles
    served.clear()
    ground.look()
    assert Alarm.objects.filter(title__contains=f"promised for {first.name} is over").exists()


@pytest.mark.django_db
def test_a_gate_that_cannot_be_looked_at_stays_shut_and_says_why() -> None:
    planned = step(targets=(("a",), ("b",)))
    odd = msgspec.structs.replace(planned, gate=Gate("the_moon_is_full", 100))
    book = Book(plan(planned, msgspec.structs.replace(odd, id="two")))
    for name in ("one", "two"):
        book.change(name, state=StepState.BEGUN)
    found = make_cycle(ManualClock(NOW), blind=lambda: "").gates(book.sight())
    assert not found["two"].holds
    assert "'the_moon_is_full' is not a valid Condition" in found["two"].said
    assert found["one"].said == "There is nothing to look at: no databases accept writes."
