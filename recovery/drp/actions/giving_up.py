"""A step that meets an error which nobody foresaw, or stands still, is told of, and costs itself
alone.

Invariants: what was begun and cannot be looked at is *unknown*, for a person to say, never assumed;
a run that is aborted comes to rest even where it cannot be read; each rings once.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from recovery.alarms.actions import end_alarms, raise_alarm
from recovery.alarms.facts import AlarmState, Severity
from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.core import control, transitions
from recovery.drp.facts import LOOKS, ActState, Kind, RunState, StepState
from recovery.drp.models import Act, BreakGlass, Run, RunStep
from recovery.drp.queries.people import database_now
from recovery.drp.sights import Do, Order


def alarm_of(run: UUID, step: str) -> str:
    """The key of what rings for one step."""
    return f"drp-step:{run}:{step}"


def give_up(*, run: Run, order: Order, kind: Kind, why: str, actor: Actor, now: datetime) -> None:
    """Its act ends: failed where it changes nothing or was not begun, unknown else."""
    with control.deciding(actor.epoch):
        Run.objects.select_for_update().get(pk=run.pk)
        step = RunStep.objects.select_for_update().get(run=run, name=order.step)
        act = Act.objects.select_for_update().filter(key=order.key, state=ActState.INTENDED).first()
        if act is not None:
            to = ActState.FAILED if kind in LOOKS else ActState.UNKNOWN
            changes = {"ended_at": database_now(), "said": why}
            transitions.move(act, to, actor=actor, reason=why, now=now, changes=changes)
        elif order.do is Do.INTEND and _is_at_rest(step):
            failed = {"state_at": now, "said": why}
            transitions.move(
                step, StepState.FAILED, actor=actor, reason=why, now=now, changes=failed
            )
        ring_step(run=run, step=order.step, why=why, actor=actor, now=now)


def _is_at_rest(step: RunStep) -> bool:
    """Nothing of it is on its way, so nothing is looked at no more."""
    return step.state == StepState.BEGUN and not step.acts.filter(state=ActState.INTENDED).exists()


def ring_step(*, run: Run, step: str, why: str, actor: Actor, now: datetime) -> None:
    """In a transaction of the leader's, or of its own."""
    with control.deciding(actor.epoch):
        raise_alarm(
            key=alarm_of(run.pk, step),
            severity=Severity.PAGE,
            title=f"{run}: {step or 'it'} does not get on",
            body=why,
            incident=None,
            actor=actor,
            reason=why,
            now=now,
        )


def end_step_alarm(*, run: Run, step: str, actor: Actor, now: datetime) -> None:
    """It gets on again."""
    with control.deciding(actor.epoch):
        end_alarms(keys=[alarm_of(run.pk, step)], actor=actor, reason="It gets on.", now=now)


def end_alarms_of(run: Run, *, actor: Actor, reason: str, now: datetime) -> None:
    """A run that is over rings for nothing any more. In the caller's transaction."""
    broken = BreakGlass.objects.filter(ask__step__run=run).values_list("ask", flat=True)
    steps = Alarm.objects.filter(key__startswith=alarm_of(run.pk, ""))
    ringing = steps.exclude(state=AlarmState.ENDED).values_list("key", flat=True)
    keys = [*(f"break-glass:{ask}" for ask in broken), *ringing]
    end_alarms(keys=keys, actor=actor, reason=reason, now=now)


def rest_unreadable(*, run: Run, why: str, actor: Actor, now: datetime) -> None:
    """People aborted it, and nobody can read it: nothing begins, and what is on its way is theirs
    to look at."""
    said = f"The run was aborted, and what became of this could not be looked at: {why}"
    with control.deciding(actor.epoch):
        row = Run.objects.select_for_update().get(pk=run.pk)
        if row.state != RunState.ABORTING:
            return
        acts = Act.objects.filter(step__run=run, state=ActState.INTENDED)
        ended = {
            pk: {"ended_at": database_now(), "said": said}
            for pk in acts.values_list("pk", flat=True)
        }
        transitions.move_many(Act, ended, ActState.UNKNOWN, actor=actor, reason=said, now=now)
        end_alarms_of(row, actor=actor, reason=said, now=now)
        changes = {"state_at": now, "state_reason": said, "ended_at": now}
        transitions.move(row, RunState.ABORTED, actor=actor, reason=said, now=now, changes=changes)
