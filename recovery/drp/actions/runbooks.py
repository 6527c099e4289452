"""A runbook is written by one person and made active by another.

Invariants: what is active can be read, and has no empty field of the plan; its bytes never change;
one version of a runbook is active at a time.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Max

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict, Refused
from recovery.drp.models import RunbookVersion
from recovery.drp.plan import digest_of
from recovery.drp.runbooks.reading import read_runbook, reread_runbook
from recovery.drp.runbooks.schema import empty_fields
from recovery.drp.runbooks.states import RunbookState


def write_runbook(*, raw: bytes, actor: Actor, reason: str, now: datetime) -> RunbookVersion:
    """A draft. `BadRunbook` says all that is wrong with it; the same bytes twice are one draft."""
    found = read_runbook(raw, "runbook")
    digest = digest_of(raw)
    with transaction.atomic():
        same = RunbookVersion.objects.filter(name=found.runbook, digest=digest).first()
        if same is not None:
            return same
        _check_number(found.runbook, found.version)
        row = RunbookVersion(
            name=found.runbook,
            number=found.version,
            raw=raw.decode(),
            digest=digest,
            written_by=actor.id,
            written_at=now,
        )
        return transitions.create([row], actor=actor, reason=reason, now=now)[0]


def _check_number(name: str, number: int) -> None:
    newest = RunbookVersion.objects.filter(name=name).aggregate(n=Max("number"))["n"] or 0
    if number <= newest:
        raise Refused(
            f"{name} has a version {newest} already, and this says {number}.",
            field="version",
            todo=f"Write version: {newest + 1}.",
        )


def activate_runbook(
    *, runbook: RunbookVersion, actor: Actor, reason: str, now: datetime
) -> RunbookVersion:
    """The second person's word; the version that was active is retired."""
    if runbook.written_by == actor.id:
        raise Refused("You wrote it: somebody else makes it active.", kept="It stays a draft.")
    found = reread_runbook(runbook.raw.encode(), f"{runbook.name}.yaml")
    if empty := empty_fields(found):
        raise Refused(
            f"These fields of the plan are empty: {', '.join(empty)}.",
            kept="It stays a draft.",
            todo="An auditor asks for each: write them into another version.",
        )
    with transaction.atomic():
        before = RunbookVersion.objects.filter(name=runbook.name, state=RunbookState.ACTIVE)
        for row in before.select_for_update():
            if row.number > runbook.number:
                raise Conflict(f"{row} is active, and newer.")
            said = f"{runbook} takes its place."
            transitions.move(row, RunbookState.RETIRED, actor=actor, reason=said, now=now)
        changes = {"activated_by": actor.id, "activated_at": now}
        return transitions.move(
            runbook, RunbookState.ACTIVE, actor=actor, reason=reason, now=now, changes=changes
        )
