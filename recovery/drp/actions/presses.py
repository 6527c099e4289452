"""What people press, as one transaction each: looked at again under the run's lock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from recovery.audit.facts import Actor
from recovery.backups.words import counted
from recovery.core import transitions
from recovery.core.errors import Conflict, Forbidden, Incomplete, Missing, Refused, WrongState
from recovery.drp import queries
from recovery.drp.actions.asks import end_question, withdraw_questions
from recovery.drp.actions.undoing import undo_seats
from recovery.drp.approvals.facts import AskState
from recovery.drp.facts import ActState, RunState, StepState
from recovery.drp.models import Act, Run, RunStep
from recovery.drp.press import (
    ABOUT,
    ON_STEP,
    ROLE,
    Press,
    keys_for,
    refuse_abort,
    refuse_ever,
    refuse_press,
    refuse_who,
)
from recovery.drp.sights import StepSight
from recovery.failover.actions.plans import withdraw_authority

ON_RUN: Mapping[Press, RunState] = {
    Press.START: RunState.RUNNING,
    Press.WITHDRAW: RunState.ABORTED,
    Press.PAUSE: RunState.PAUSED,
    Press.RESUME: RunState.RUNNING,
    Press.ABORT: RunState.ABORTING,
}


def press(
    *,
    run: UUID,
    press: Press,
    actor: Actor,
    reason: str,
    now: datetime,
    step: str = "",
    key: str = "",
    was_done: bool = False,
    hold: str = "",
) -> Run:
    """`Refused` says why it does nothing. `was_done`: how an act ended that nobody knew of;
    `reason` is also the evidence of a manual step, whose act needs no `key` while it is the only
    one that is asked for."""
    with transaction.atomic():
        row = Run.objects.select_for_update().get(pk=run)
        if press is Press.ABORT:
            return _abort(row, actor=actor, reason=reason, now=now)
        sight = queries.run_sight(queries.load_run(run), hold=hold)
        if press in ABOUT and not key and step in sight.steps:
            key = _key(press, sight.steps[step])
        if press in ON_STEP and step not in sight.steps:
            raise Missing(f"There is no step {step} in {row}.", field="step")
        who = queries.people_of().presser(actor.id)
        theirs = refuse_who(press, sight, who, step)
        why = refuse_press(press, sight, who.roles, step=step, key=key, said=reason, by=actor.id)
        if why := why or theirs:
            is_rule = bool(refuse_ever(press, sight, step)) or not reason.strip()
            kind = Forbidden if why == theirs else Refused if is_rule else WrongState
            raise kind(why, kept="Nothing was changed.")
        if press in ON_RUN:
            return _on_run(row, press, actor=actor, reason=reason, now=now)
        if press in {Press.TELL, Press.REPORT}:
            done = was_done or press is Press.REPORT
            if not done:
                withdraw_authority(acts=key, actor=actor, reason=reason, now=now)
            _on_act(key, done=done, actor=actor, reason=reason, now=now)
        elif press is Press.UNDO:
            undo_seats(run=row, step=step, actor=actor, reason=reason, now=now)
        else:
            _on_step(row, press, step, actor=actor, reason=reason, now=now)
        return row


def _key(press: Press, step: StepSight) -> str:
    """A report is of the only act that waits for one. How something ended is never guessed."""
    keys = keys_for(press, step)
    if len(keys) > 1 or (keys and press is Press.TELL):
        raise Incomplete(
            f"The key of the act is missing: {step.planned.title} has"
            f" {counted(len(keys), 'open act')}.",
            field="key",
            kept="Nothing was changed.",
            todo="The step’s items hold the key of each.",
        )
    return keys[0] if keys else ""


def _abort(row: Run, *, actor: Actor, reason: str, now: datetime) -> Run:
    """It needs nothing but itself: neither a plan that can be read, nor a runbook."""
    rights = queries.rights_of(actor.id)
    if why := refuse_abort(RunState(row.state), rights, reason):
        kind = WrongState if reason.strip() else Refused
        kind = kind if ROLE[Press.ABORT] in rights else Forbidden
        raise kind(why, kept="Nothing was changed.")
    withdraw_authority(acts=f"{row.pk}/", actor=actor, reason=reason, now=now)
    withdraw_questions(row, actor=actor, reason=f"{actor.id}: {reason}", now=now)
    return _on_run(row, Press.ABORT, actor=actor, reason=reason, now=now)


def _on_run(row: Run, press: Press, *, actor: Actor, reason: str, now: datetime) -> Run:
    to = ON_RUN[press]
    changes: dict[str, object] = {"state_at": now, "state_reason": f"{actor.id}: {reason}"}
    if press is Press.START:
        changes |= {"started_by": actor.id, "started_at": now}
    if to is RunState.ABORTED:
        changes["ended_at"] = now
    try:
        with transaction.atomic():
            return transitions.move(row, to, actor=actor, reason=reason, now=now, changes=changes)
    except IntegrityError as error:
        if "_at_a_time_per_datacenter" not in str(error):
            raise
        raise Conflict(
            f"Another run of {row.lost} is under way.",
            kept="Nothing was started.",
            todo="Go on with that one, or abort it.",
        ) from error


def _on_step(
    run: Run, press: Press, name: str, *, actor: Actor, reason: str, now: datetime
) -> None:
    row = RunStep.objects.select_for_update().get(run=run, name=name)
    changes: dict[str, object] = {"state_at": now, "said": f"{actor.id}: {reason}"}
    if press is Press.RETRY:
        changes["round"] = row.round + 1
        to = StepState.PENDING
    else:
        end_question(row, AskState.VOID, actor=actor, reason=reason, now=now)
        to = StepState.SKIPPED
    transitions.move(row, to, actor=actor, reason=reason, now=now, changes=changes)


def _on_act(key: str, *, done: bool, actor: Actor, reason: str, now: datetime) -> None:
    row = Act.objects.select_for_update().get(key=key)
    changes = {
        "ended_at": queries.database_now(),
        "said": f"{actor.id}: {reason}",
        "by_word": actor.id,
    }
    to = ActState.DONE if done else ActState.FAILED
    transitions.move(row, to, actor=actor, reason=reason, now=now, changes=changes)
