"""Questions to approve a step: asked, and over."""

from __future__ import annotations

import secrets
from datetime import datetime

from recovery.alarms.actions import end_alarms
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.consent import NONCE_BYTES
from recovery.drp import queries
from recovery.drp.approvals.facts import AskState
from recovery.drp.facts import StepState
from recovery.drp.models import Ask, Run, RunStep
from recovery.drp.queries.runs import pulse_of


def open_ask(row: RunStep, *, actor: Actor, reason: str, now: datetime) -> Ask:
    """With a nonce of its own: what was signed for another question is nothing for this one."""
    ask = Ask(
        step=row,
        round=row.round,
        nonce=secrets.token_hex(NONCE_BYTES),
        asked_at=queries.database_now(),
        pulse=pulse_of(row.run),
    )
    return transitions.create([ask], actor=actor, reason=reason, now=now)[0]


def late(row: RunStep) -> str:
    """The key of the alarm that rings while nobody answers."""
    return f"approval:{row.pk}"


def end_question(
    row: RunStep, to: AskState, *, actor: Actor, reason: str, now: datetime
) -> Ask | None:
    """The open one of this step, if there is one. In the caller's transaction."""
    ask = row.asks.select_for_update().filter(state=AskState.OPEN).first()
    if ask is None:
        return None
    changes = {"end_reason": reason}
    if to is not AskState.EXPIRED:
        end_alarms(keys=[late(row)], actor=actor, reason=reason, now=now)
    return transitions.move(ask, to, actor=actor, reason=reason, now=now, changes=changes)


def withdraw_questions(run: Run, *, actor: Actor, reason: str, now: datetime) -> None:
    """A run that begins nothing any more asks for nothing. In the caller's transaction, under the
    run's lock."""
    said = f"The run was aborted: {reason}"
    for row in run.steps.select_for_update(of=("self",)).filter(state=StepState.ASKING):
        end_question(row, AskState.VOID, actor=actor, reason=said, now=now)
        changes = {"state_at": now, "said": said}
        transitions.move(row, StepState.PENDING, actor=actor, reason=said, now=now, changes=changes)
