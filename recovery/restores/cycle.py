"""One look at every unfinished restore: load, decide, act. The leader's; a crash anywhere resumes
by asking again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from recovery.audit.facts import Actor
from recovery.core import control
from recovery.core.errors import Conflict, Refused
from recovery.restores import actions, queries
from recovery.restores.decide import next_step
from recovery.restores.facts import Step

log = structlog.get_logger()
MOST_STEPS = 6
"""Of one restore in one round."""


def carry_on(*, actor: Actor, now: datetime, paused: str = "") -> int:
    """Take the steps that follow now; their number."""
    return sum(
        _carried(row.pk, actor=actor, now=now, paused=paused)
        for row in queries.unfinished_restores()
    )


def _carried(restore: UUID, *, actor: Actor, now: datetime, paused: str) -> int:
    for taken in range(MOST_STEPS):
        answer = next_step(queries.facts_of(queries.load(restore), now=now, paused=paused))
        if not isinstance(answer, Step):
            return taken
        try:
            with control.deciding(actor.epoch):
                row = actions.carry(restore=restore, step=answer, actor=actor, now=now)
        except (Conflict, Refused) as error:
            log.info("not this round", restore=str(restore), reason=str(error))
            return taken
        log.info("restore", restore=str(row), phase=row.phase, reason=answer.reason)
    return MOST_STEPS
