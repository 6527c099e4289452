"""A runbook is written by one person and made active by another.

Invariants: what is active can be read, and has no empty field of the plan; its bytes never change;
one version of a runbook is active at a time.
"""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Max

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict, Forbidden, Refused, WrongState
from recovery.drp.models import RunbookVersion
from recovery.drp.plan import digest_of
from recovery.drp.runbooks.reading import read_runbook, reread_runbook
from recovery.drp.runbooks.schema import empty_fields
from recovery.drp.runbooks.states import RunbookState


def write_runbook(
    *, raw: bytes, actor: Actor, reason: str, now: datetime, base: int | None = None
) -> RunbookVersion:
    """A draft. `BadRunbook` says all that is wrong with it; the same bytes twice are one draft.
    `base`: the newest version that its writer saw; `Conflict` where there is a newer one."""
    found = read_runbook(raw, "runbook")
    digest = digest_of(raw)
    with transaction.atomic():
        same = RunbookVersion.objects.filter(name=found.runbook, digest=digest).first()
        if same is not None:
            return same
        newest = _newest(found.runbook)
        if base is not None and newest != base:
            raise _passed(found.runbook, newest)
        _check_number(found.runbook, found.version, newest)
        row = RunbookVersion(
            name=found.runbook,
            number=found.version,
            raw=raw.decode(),
            digest=digest,
            written_by=actor.id,
            written_at=now,
        )
        return _created(row, actor=actor, reason=reason, now=now)


def _created(row: RunbookVersion, *, actor: Actor, reason: str, now: datetime) -> RunbookVersion:
    try:
        with transaction.atomic():
            return transitions.create([row], actor=actor, reason=reason, now=now)[0]
    except IntegrityError as error:
        if "runbook_version_once" not in str(error):
            raise
        raise _passed(row.name, row.number) from error


def _passed(name: str, newest: int) -> Conflict:
    return Conflict(
        f"Somebody wrote version {newest} of {name} meanwhile.",
        kept="What you typed is kept.",
        todo="Look at theirs, take over what you need, and propose yours on top of it.",
    )


def _newest(name: str) -> int:
    return RunbookVersion.objects.filter(name=name).aggregate(n=Max("number"))["n"] or 0


def _check_number(name: str, number: int, newest: int) -> None:
    if number <= newest:
        raise Refused(
            f"{name} has a version {newest} already, and this says {number}.",
            field="version",
            todo=f"Write version: {newest + 1}.",
        )


def activate_runbook(
    *,
    runbook: RunbookVersion,
    actor: Actor,
    reason: str,
    now: datetime,
    over: int | None = None,
) -> RunbookVersion:
    """The second person's word; the version that was active is retired. `over`: the number of the
    version in force that it was compared with, 0 for none; `Conflict` where that is another."""
    if runbook.written_by == actor.id:
        raise Forbidden("You wrote it: somebody else makes it active.", kept="It stays a draft.")
    found = reread_runbook(runbook.raw.encode(), f"{runbook.name}.yaml")
    if empty := empty_fields(found):
        raise Refused(
            f"These fields of the plan are empty: {', '.join(empty)}.",
            kept="It stays a draft.",
            todo="An auditor asks for each: write them into another version.",
        )
    with transaction.atomic():
        before = RunbookVersion.objects.filter(name=runbook.name, state=RunbookState.ACTIVE)
        active = before.select_for_update().first()
        if active is not None and active.number > runbook.number:
            raise Conflict(f"{active} is active, and newer.")
        if over is not None and over != (active.number if active else 0):
            now_active = f"{active} is" if active else "none is"
            raise Conflict(
                f"What you compared it with is not in force any more: {now_active}.",
                kept="It stays a draft.",
                todo="Read the difference again.",
            )
        if active is not None:
            said = f"{runbook} takes its place."
            transitions.move(active, RunbookState.RETIRED, actor=actor, reason=said, now=now)
        changes = {"activated_by": actor.id, "activated_at": now}
        return transitions.move(
            runbook, RunbookState.ACTIVE, actor=actor, reason=reason, now=now, changes=changes
        )


def withdraw_runbook(
    *, runbook: RunbookVersion, actor: Actor, reason: str, now: datetime
) -> RunbookVersion:
    """A draft that nobody will make active: by who wrote it, or by who read it."""
    if runbook.state != RunbookState.DRAFT:
        raise WrongState(f"{runbook} is {runbook.state}: only a draft is withdrawn.")
    return transitions.move(runbook, RunbookState.RETIRED, actor=actor, reason=reason, now=now)
