"""A run is prepared: its plan is resolved, digested and kept as people will see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
from django.db import connection, transaction

from recovery.audit.facts import Actor
from recovery.backups.words import joined
from recovery.brief.models import Decision
from recovery.core import incarnations, transitions
from recovery.core.errors import Conflict, Refused
from recovery.drp import queries
from recovery.drp.actions.pulse import begin_pulse
from recovery.drp.facts import Mode, RunState
from recovery.drp.glance import unlike_seen
from recovery.drp.models import Run, RunbookVersion, RunStep
from recovery.drp.plan import Plan, canonical, digest, digest_of
from recovery.drp.planning.inventory import Wish
from recovery.drp.planning.leaving import ALTHOUGH, leaving, refuse_unnamed
from recovery.drp.planning.resolve import resolve
from recovery.drp.queries.linting import findings_of
from recovery.drp.queries.runs import plan_of
from recovery.drp.queries.seeing import refuse_into
from recovery.drp.runbooks.lint import Finding
from recovery.drp.runbooks.reading import reread_runbook
from recovery.drp.runbooks.states import RunbookState


@dataclass(frozen=True, slots=True)
class Override:
    """Who puts their name to a stale runbook, and why; `leaves`: to what the plan leaves as it is,
    each by its name."""

    reason: str
    leaves: frozenset[str] = frozenset()


def prepare_run(
    *,
    runbook: RunbookVersion,
    wish: Wish,
    override: Override | None = None,
    refuse: Callable[[Plan], str],
    decision: Decision | None = None,
    seen: str = "",
    actor: Actor,
    reason: str,
    now: datetime,
) -> Run:
    """Prepared, and nothing of it begun. A runbook that the lint calls stale now takes an override,
    and so does a plan that leaves a service as it is, except where production is not touched.
    `refuse`: why nobody could carry the plan out; `decision`: the one that it follows; `seen`: the
    digest of the plan that was shown, or its glance. Who prepares what somebody prepared already
    gets that very run."""
    if runbook.state != RunbookState.ACTIVE and wish.mode is not Mode.SIMULATION:
        raise Refused(f"{runbook} is {runbook.state}: only what is active is run.")
    found = reread_runbook(runbook.raw.encode(), f"{runbook.name}.yaml")
    there = queries.inventory("drill" if wish.mode is Mode.DRILL else "production")
    signed = replace(wish, requester=actor.id, last_editor=runbook.written_by)
    plan = resolve(found, runbook.digest, signed, there)
    if why := refuse(plan):
        raise Refused(why, kept="Nothing was prepared.", todo="Simulate it.")
    if why := refuse_into(plan):
        raise Refused(why, field="into", kept="Nothing was prepared.", todo="Name another one.")
    if wish.mode not in {Mode.SIMULATION, Mode.DRILL}:
        _check_stale(findings_of(runbook), override)
    if why := refuse_unnamed(plan, override.leaves if override else ()):
        raise Refused(why, field="leaves", kept="Nothing was prepared.")
    if seen and (others := unlike_seen(seen, plan)):
        raise Conflict(
            f"What was shown is not so any more: {joined(others)} changed.",
            kept="Nothing was prepared.",
            todo="Read it again.",
        )
    said = _overridden(plan, override)
    with transaction.atomic():
        RunbookVersion.objects.select_for_update().get(pk=runbook.pk)
        if (prepared := _prepared(runbook, plan, decision)) is not None:
            return prepared
        return _keep(runbook, plan, said, decision, actor=actor, reason=reason, now=now)


def _overridden(plan: Plan, override: Override | None) -> str:
    found, said = leaving(plan), override.reason if override else ""
    if found is None or not found.asks:
        return said
    return " ".join(one for one in (said, f"{ALTHOUGH} {found.said}") if one)


def _prepared(runbook: RunbookVersion, plan: Plan, decision: Decision | None) -> Run | None:
    """The run of just this plan, whoever asked for it, of which nothing has begun."""
    rows = Run.objects.filter(
        runbook=runbook,
        state=RunState.PREPARED,
        mode=plan.mode,
        lost=plan.lost.name,
        into=plan.into.name,
        decision=decision,
    )
    wanted = digest(msgspec.structs.replace(plan, requester=""))
    for row in rows:
        with suppress(Refused):  # one that cannot be read is not this one
            if digest(msgspec.structs.replace(plan_of(row), requester="")) == wanted:
                return row
    return None


def _check_stale(findings: Sequence[Finding], override: Override | None) -> None:
    stale = [finding.said for finding in findings if finding.is_stale]
    if stale and (override is None or not override.reason.strip()):
        raise Refused(
            f"The runbook is stale. {' '.join(stale)}",
            kept="Nothing was prepared.",
            todo="Mend it, or put your name to it with a reason.",
        )


def _keep(
    runbook: RunbookVersion,
    plan: Plan,
    override: str,
    decision: Decision | None,
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Run:
    raw, current = canonical(plan), incarnations.newest()
    run = Run(
        number=_number(),
        runbook=runbook,
        mode=plan.mode,
        lost=plan.lost.name,
        into=plan.into.name,
        plan=raw.decode(),
        digest=digest_of(raw),
        state_at=now,
        requested_by=actor.id,
        requested_at=now,
        request_reason=reason,
        last_editor=runbook.written_by,
        incarnation=current.number if current else 0,
        override=f"{actor.id}: {override}" if override else "",
        decision=decision,
    )
    transitions.create([run], actor=actor, reason=reason, now=now)
    rows = [
        RunStep(run=run, name=step.id, position=at, state_at=now)
        for at, step in enumerate(plan.steps, start=1)
    ]
    transitions.create(rows, actor=actor, reason=reason, now=now)
    begin_pulse(run)
    return run


def _number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('drp_run_number')")
        (number,) = cursor.fetchone() or (0,)
    return int(number)
