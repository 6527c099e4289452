"""A datacenter is fenced, and the fence is lifted.

Invariants: from the commit of its row on, no lease of a host there is renewed (`leases.RENEW` looks
at it), no host there is trusted, and no agent there is given anything to start; what is proven is
written with what it rests on. Only a person lifts it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from recovery.alarms import actions as alarms
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Refused
from recovery.failover.actions.epochs import raise_epoch
from recovery.failover.models import Fence
from recovery.inventory.facts import DatabaseState
from recovery.inventory.models import Database, Datacenter, Host

STANDING = "standing"
BY_RECEIPT = "gate-closed"


@dataclass(frozen=True, slots=True)
class Cause:
    """Whose it is: the act's key, its run (id and name) and step, and who asked for the run."""

    key: str
    run: UUID
    run_name: str
    step: str
    by: str


def raise_fence(
    *, datacenter: UUID, cause: Cause, actor: Actor, reason: str, now: datetime
) -> Fence:
    """In the caller's transaction, under the leader's epoch; the same act finds its own row."""
    there = Fence.objects.filter(key=cause.key).first()
    if there is not None:
        return there
    site = Datacenter.objects.get(pk=datacenter)
    row = Fence(
        datacenter=site,
        key=cause.key,
        run=cause.run,
        run_name=cause.run_name,
        step=cause.step,
        by=cause.by,
        reason=reason,
        fenced_at=now,
    )
    row = transitions.create([row], actor=actor, reason=reason, now=now)[0]
    said = f"{site} is fenced by {cause.run_name}."
    hosts = Host.objects.filter(datacenter=site, quarantined_at=None).values_list("pk", flat=True)
    transitions.amend_many(
        Host,
        {pk: {"quarantined_at": now, "quarantine_reason": said} for pk in hosts},
        action="fenced",
        actor=actor,
        reason=said,
        now=now,
        only={"quarantined_at__isnull": True},
    )
    alarms.raise_alarm(
        key=_alarm(site),
        severity=Severity.NOTICE,
        title=f"{site} is fenced by {cause.run_name}",
        body=f"Nothing starts there, and no lease there is renewed. {reason}",
        incident=None,
        actor=actor,
        reason=reason,
        now=now,
    )
    return row


def note_proofs(
    *,
    fence: Fence,
    proofs: Sequence[Mapping[str, object]],
    told: str,
    is_over: bool,
    actor: Actor,
    now: datetime,
) -> Fence:
    """What is proven by now, and what is not. In the caller's transaction."""
    changes: dict[str, object] = {"proofs": [dict(one) for one in proofs], "told": told}
    if is_over and fence.proven_at is None:
        changes["proven_at"] = now
    if all(getattr(fence, name) == value for name, value in changes.items()):
        return fence
    return transitions.amend(fence, changes, action="proven", actor=actor, reason=told, now=now)


def lift_fence(*, datacenter: str, actor: Actor, reason: str, now: datetime) -> list[Fence]:
    """Hosts there are met again and leases renewed. A primary whose agent closed its gate for us
    leads again at a higher epoch; what was promoted elsewhere stays there."""
    if not reason.strip():
        raise Refused("Say why: it is kept with the fence.", field="reason")
    with transaction.atomic():
        rows = list(
            Fence.objects.select_for_update(of=("self",))
            .select_related("datacenter")
            .filter(datacenter__name=datacenter, state=STANDING)
        )
        if not rows:
            raise Refused(f"{datacenter} is not fenced.", kept="Nothing was changed.")
        changes = {"lifted_at": now, "lifted_by": actor.id, "lift_reason": reason}
        keys = {row.pk: changes for row in rows}
        transitions.move_many(Fence, keys, "lifted", actor=actor, reason=reason, now=now)
        for told in {str(one): one for row in rows for one in row.proofs}.values():
            if told["kind"] == BY_RECEIPT:
                _lead_again(told, actor=actor, reason=reason, now=now)
        alarms.end_alarms(keys=[_alarm(rows[0].datacenter)], actor=actor, reason=reason, now=now)
        return list(Fence.objects.filter(pk__in=keys))


def _lead_again(told: Mapping[str, object], *, actor: Actor, reason: str, now: datetime) -> None:
    """Its gate stays closed below a higher epoch; nobody else leads."""
    row = Database.objects.select_for_update().get(pk=str(told["database"]))
    if (str(row.primary_id), row.epoch) != (told["replica"], told["epoch"]):
        return
    raise_epoch(
        database=row,
        replica=row.primary,
        state=DatabaseState(row.state),
        changes={"routed_epoch": row.epoch + 1, "routed_at": now},
        actor=actor,
        reason=reason,
        now=now,
    )


def _alarm(site: Datacenter) -> str:
    return f"fenced:{site.pk}"
