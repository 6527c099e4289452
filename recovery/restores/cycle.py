"""One look at every unfinished restore: load, decide, act. The leader's; a crash anywhere resumes
by asking again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import structlog

from recovery.audit.facts import Actor
from recovery.core import control
from recovery.core.errors import Conflict, Refused
from recovery.restores import actions, queries
from recovery.restores.decide import next_step
from recovery.restores.dropping import discards_again
from recovery.restores.facts import Step
from recovery.restores.queries import Leases

log = structlog.get_logger()
MOST_STEPS = 6
"""Of one restore in one round."""


def carry_on(
    *,
    actor: Actor,
    now: datetime,
    paused: str = "",
    despite: Collection[UUID] = (),
    leases: Leases | None = None,
) -> int:
    """Take the steps that follow now; their number. `despite`: those that go on in a pause, by a
    recovery plan that people approved; `leases`: as the leader watches them."""
    carried = sum(
        _carried(
            row.pk,
            actor=actor,
            now=now,
            paused="" if row.pk in despite else paused,
            leases=leases,
        )
        for row in queries.unfinished_restores()
    )
    return carried + _tidied(actor=actor, now=now) + _swept(actor=actor, now=now)


def _swept(*, actor: Actor, now: datetime) -> int:
    """What hosts still hold of restores that nobody asks for any more is dropped."""
    asked = 0
    for stray, replica in queries.strays_to_drop(now):
        try:
            with control.deciding(actor.epoch):
                actions.drop_stray(stray=stray, replica=replica, actor=actor, now=now)
        except (Conflict, Refused) as error:
            log.info("not this round", stray=str(stray), reason=str(error))
            continue
        asked += 1
    return asked


def _tidied(*, actor: Actor, now: datetime) -> int:
    """What an abandoned restore left on its host is dropped, however often it has to be asked."""
    asked = 0
    for row in queries.abandoned_restores(now):
        order, quiet = queries.discard_of(row, now)
        if order is None or not discards_again(order, quiet):
            continue
        try:
            with control.deciding(actor.epoch):
                actions.discard_again(restore=row.pk, reason=order.detail, actor=actor, now=now)
        except (Conflict, Refused) as error:
            log.info("not this round", restore=str(row), reason=str(error))
            continue
        asked += 1
    return asked


def _carried(
    restore: UUID, *, actor: Actor, now: datetime, paused: str, leases: Leases | None
) -> int:
    for taken in range(MOST_STEPS):
        row = queries.load(restore)
        answer = next_step(queries.facts_of(row, now=now, paused=paused, leases=leases))
        if not isinstance(answer, Step):
            return taken
        try:
            with control.deciding(actor.epoch):
                row = actions.carry(
                    restore=restore, step=answer, actor=actor, now=now, leases=leases
                )
        except (Conflict, Refused) as error:
            log.info("not this round", restore=str(restore), reason=str(error))
            return taken
        log.info("restore", restore=str(row), phase=row.phase, reason=answer.reason)
    return MOST_STEPS
