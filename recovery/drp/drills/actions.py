"""The only writer of drills' hosts and of what is begun on them.

Invariants: whatever is begun has its row, and its host's list another number, in one transaction;
a row is `gone` only by a report that its host made after that.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from recovery.alarms.actions import end_alarms, raise_alarm
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.backups.actions import borrow_volume, end_loan
from recovery.backups.facts import LoanState
from recovery.backups.models import BackupReplica, Loan
from recovery.core import incarnations, transitions
from recovery.core.errors import Refused, WrongState
from recovery.core.wire.drills import DrillFact, DrillList, DrillReport
from recovery.drp.drills.decide import MOST_SAID, seat, unbelievable
from recovery.drp.drills.facts import DATABASE_MIB, LISTED, ThingKind, ThingState
from recovery.drp.drills.models import DrillHost, DrillSight, DrillThing
from recovery.drp.drills.queries import (
    host_sights,
    lent_to,
    looked_of,
    stamp_of,
    unseen,
    why_unproven,
)
from recovery.drp.drills.specs import is_snapshot, list_of
from recovery.drp.models import Act
from recovery.drp.queries.people import database_now
from recovery.inventory.actions import digest_token
from recovery.inventory.models import Application

MOST = 2**62
"""Of a count: a host that reports more is believed in nothing of it."""
_STATES = {"stands": ThingState.STANDS, "failed": ThingState.FAILED, "refused": ThingState.FAILED}


# ---------------------------------------------------------------------- hosts


def add_drill_host(
    *, name: str, cpu_millis: int, memory_mib: int, actor: Actor, reason: str, now: datetime
) -> DrillHost:
    """Safe to repeat. It is let in once it has a token."""
    row = DrillHost.objects.filter(name=name).first()
    if row is None:
        row = DrillHost(
            name=name,
            digest=digest_token(secrets.token_urlsafe(32)),
            cpu_millis=cpu_millis,
            memory_mib=memory_mib,
            added_at=now,
        )
        return transitions.create([row], actor=actor, reason=reason, now=now)[0]
    if row.retired_at is not None:
        raise Refused(
            f"{name} was retired by {row.retired_by}: {row.retired_why}",
            field="name",
            todo="Give the new one another name.",
        )
    changes = {"cpu_millis": cpu_millis, "memory_mib": memory_mib}
    if all(getattr(row, field) == value for field, value in changes.items()):
        return row
    return transitions.amend(row, changes, action="measured", actor=actor, reason=reason, now=now)


def issue_drill_token(*, host: DrillHost, actor: Actor, reason: str, now: datetime) -> str:
    """The only one that lets it in from now on; shown once, kept as a digest."""
    token = secrets.token_urlsafe(32)
    transitions.amend(
        host,
        {"digest": digest_token(token)},
        action="token issued",
        actor=actor,
        reason=reason,
        now=now,
    )
    return token


def retire_drill_host(
    *, host: DrillHost, by: str, actor: Actor, reason: str, now: datetime
) -> DrillHost:
    """It is lost for good. What drills began there is taken out of its list and stays without its
    proof: nobody says that it is gone, and this person that nobody will ever see it. `Conflict`
    while a worker is at a volume of it."""
    if not reason.strip():
        raise Refused("Say why: it stands in the proof of every drill there.", field="reason")
    with transaction.atomic():
        row = DrillHost.objects.select_for_update().get(pk=host.pk)
        if row.retired_at is not None:
            raise WrongState(f"{row} was retired by {row.retired_by} already.")
        if any(one.key == str(row.pk) and one.is_heard for one in host_sights()):
            raise WrongState(
                f"{row} is heard: it can remove what it has, and say so.",
                kept="Nothing was changed.",
                todo="Let its drills end there; stop its program once nothing is left.",
            )
        things = DrillThing.objects.filter(host=row, state__in=sorted(LISTED))
        remove_things(
            things=list(things.select_related("host")), actor=actor, reason=reason, now=now
        )
        row.refresh_from_db()
        changes = {
            "retired_at": database_now(),
            "retired_by": by,
            "retired_why": reason,
            "digest": digest_token(secrets.token_urlsafe(32)),
        }
        return transitions.amend(
            row, changes, action="retired", actor=actor, reason=reason, now=now
        )


def is_drill_token(host: DrillHost, token: str) -> bool:
    return host.digest == digest_token(token)


def know_drill_host(token: str) -> DrillHost:
    """Whose token that is; `Refused` where it is nobody's."""
    row = DrillHost.objects.filter(digest=digest_token(token)).first() if token else None
    if row is None:
        raise Refused("This token is of no drill host.", field="token")
    return row


# ---------------------------------------------------------------------- what is begun


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an act is to begin. `source`: the row that it is like; `copy`: where it is read."""

    kind: ThingKind
    target: str
    target_name: str
    source: UUID
    copy: BackupReplica | None = None


def begin_thing(
    *, act: Act, wanted: Wanted, actor: Actor, reason: str, now: datetime
) -> DrillThing:
    """On a drill host with room; `Refused` where there is none. In the transaction of the act."""
    list(DrillHost.objects.select_for_update().order_by("pk"))
    memory = _memory(wanted)
    chosen = seat(host_sights(), memory)
    if isinstance(chosen, str):
        raise Refused(chosen)
    row = DrillThing(
        run=act.step.run,
        key=act.key,
        step=act.step.name,
        kind=wanted.kind,
        name=_name(act, wanted),
        target=wanted.target,
        target_name=wanted.target_name,
        source=wanted.source,
        copy=wanted.copy.pk if wanted.copy else None,
        host=DrillHost.objects.get(pk=chosen.host),
        memory_mib=memory,
        port=chosen.port,
        is_told=wanted.copy is None or not is_snapshot(wanted.copy),
        begun_at=database_now(),
    )
    transitions.create([row], actor=actor, reason=reason, now=now)
    if wanted.copy is not None and not row.is_told:
        borrow_volume(replica=wanted.copy, borrower=row.pk, actor=actor, reason=reason, now=now)
    _turn_page(row.host, actor=actor, reason=reason, now=now)
    return row


def _memory(wanted: Wanted) -> int:
    if wanted.kind is ThingKind.DATABASE:
        return DATABASE_MIB
    return Application.objects.get(pk=wanted.source).memory_mib


def _name(act: Act, wanted: Wanted) -> str:
    """Of this act alone, and plain enough for a folder."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", wanted.target_name).strip("-")[:40]
    run, step = act.step.run, act.step
    return f"drp-{run.number:04d}-{step.position}-{act.number}-{slug}-{wanted.target[:8]}"


def _turn_page(host: DrillHost, *, actor: Actor, reason: str, now: datetime) -> DrillHost:
    """Its list is another one from now on."""
    row = DrillHost.objects.select_for_update().get(pk=host.pk)
    changes = {"revision": row.revision + 1}
    return transitions.amend(
        row, changes, action="list changed", actor=actor, reason=reason, now=now
    )


def tell_thing(*, thing: DrillThing, actor: Actor, now: datetime) -> None:
    """Its volume is there: its host may begin. In the caller's transaction."""
    said = "The volume of its snapshot is there."
    transitions.amend(thing, {"is_told": True}, action="told", actor=actor, reason=said, now=now)
    _turn_page(thing.host, actor=actor, reason=said, now=now)


# ---------------------------------------------------------------------- and removed


def remove_things(*, things: Iterable[DrillThing], actor: Actor, reason: str, now: datetime) -> int:
    """In no list any more, and what they borrowed is given back. `Conflict` while a worker is at a
    volume of theirs: the next round does it. In the caller's transaction; how many."""
    count = 0
    for thing in things:
        end_loan(borrower=thing.pk, actor=actor, reason=reason, now=now)
        host = _turn_page(thing.host, actor=actor, reason=reason, now=now)
        changes = {"removed_at": database_now(), "removed_in": list(stamp_of(host))}
        count += len(
            transitions.move_many(
                DrillThing,
                {thing.pk: changes},
                ThingState.REMOVING,
                actor=actor,
                reason=reason,
                now=now,
            )
        )
    return count


def hear_drill_host(*, host: UUID, report: DrillReport, now: datetime) -> DrillList | None:
    """What it tells becomes rows; its list, where it has another one. Nothing is told, and nothing
    believed, while the rows are in doubt (B11)."""
    if not incarnations.speaks():
        return None
    with transaction.atomic():
        row = DrillHost.objects.get(pk=host)
        _see(row, report)
        actor = Actor("agent", f"drill host {row}")
        row = _overtake(row, report, actor=actor, now=now)
        known = (report.incarnation, report.revision) == stamp_of(row)
        if known:
            _hear_facts(row, report.facts, actor=actor, now=now)
        _see_gone(row, actor=actor, now=now)
        return None if known else list_of(row)


def _overtake(host: DrillHost, report: DrillReport, *, actor: Actor, now: datetime) -> DrillHost:
    """A host that has taken a list of which these rows know nothing (they were restored, or are a
    new Tocsin's) takes no lower one: theirs goes above it."""
    told = (report.incarnation, report.revision)
    if told <= stamp_of(host) or max(told) > MOST:
        return host
    return transitions.amend(
        DrillHost.objects.select_for_update().get(pk=host.pk),
        {"life": report.incarnation, "revision": report.revision + 1},
        action="list overtaken",
        actor=actor,
        reason="It has taken a list that these rows do not know.",
        now=now,
    )


def _see(host: DrillHost, report: DrillReport) -> None:
    DrillSight.objects.update_or_create(
        host=host,
        defaults={
            "heard_at": database_now(),
            "boot": report.boot[:64],
            "incarnation": report.incarnation,
            "revision": report.revision,
            "facts": {
                fact.name: {"state": fact.state, "is_up": fact.is_up, "said": fact.said[:MOST_SAID]}
                for fact in report.facts
            },
            "left": {one.name: list(one.what) for one in report.left},
            "trouble": report.trouble[:MOST_SAID],
        },
    )


def _hear_facts(
    host: DrillHost, facts: Iterable[DrillFact], *, actor: Actor, now: datetime
) -> None:
    told = {fact.name: fact for fact in facts if fact.state in _STATES}
    rows = DrillThing.objects.filter(host=host, state=ThingState.WANTED, name__in=list(told))
    for row in rows:
        fact = told[row.name]
        if fact.state == "stands" and not fact.is_up:
            continue
        said = ((unbelievable(fact.result) if fact.result else "") or fact.said)[:MOST_SAID]
        changes = {
            "said": said,
            "stood_at": database_now() if fact.state == "stands" else None,
            "result": _result(fact),
        }
        transitions.move_many(
            DrillThing,
            {row.pk: changes},
            _STATES[fact.state],
            seen={ThingState.WANTED},
            actor=actor,
            reason=said or "It stands, was asked, and answered.",
            now=now,
        )


def _result(fact: DrillFact) -> dict[str, object]:
    """Of figures that cannot be, none."""
    done = fact.result
    if done is None or unbelievable(done):
        return {}
    return {
        "backup": done.backup[:MOST_SAID],
        "moment": done.moment,
        "canary": done.canary,
        "size": done.size,
        "seconds": done.seconds,
        "speed": done.speed,
    }


def _see_gone(host: DrillHost, *, actor: Actor, now: datetime) -> None:
    """What is proven by the report that stands in its sight now."""
    rows = list(DrillThing.objects.filter(host=host, state=ThingState.REMOVING))
    if not rows:
        return
    looked, lent = looked_of(host), lent_to([row.pk for row in rows])
    assert looked is not None, "it was just written"
    for row in rows:
        if why_unproven(row, looked, lent):
            continue
        said = (
            f"{host} looked at its disk and its processes at {looked.at:%H:%M:%S} UTC, after list"
            f" {looked.stamp[0]}.{looked.stamp[1]}: nothing of {row.name} is left."
        )
        transitions.move_many(
            DrillThing,
            {row.pk: {"gone_at": looked.at, "gone_said": said}},
            ThingState.GONE,
            seen={ThingState.REMOVING},
            actor=actor,
            reason=said,
            now=now,
        )


# ---------------------------------------------------------------------- what nobody has seen


def ring_unproven(*, patience: float, actor: Actor, now: datetime) -> int:
    """One alarm a host for what should be gone, and nobody has seen that it is; it ends with the
    proof. How many things."""
    late: dict[DrillHost, list[str]] = {}
    instant = database_now()
    for row, why in unseen():
        assert row.removed_at is not None, "it is being removed"
        is_late = (instant - row.removed_at).total_seconds() >= patience
        if why and is_late and row.host.retired_at is None:
            late.setdefault(row.host, []).append(f"{row.name}: {why}")
    for host, lines in late.items():
        raise_alarm(
            key=f"drill-unproven:{host.pk}",
            severity=Severity.NOTICE,
            title=f"What a drill began on {host} is not proven to be gone: {len(lines)}",
            body="\n".join(lines)[:4000],
            incident=None,
            actor=actor,
            reason="The clean-up of a drill is proven by its host, or it is not proven.",
            now=now,
        )
    fine = DrillHost.objects.exclude(pk__in=[host.pk for host in late])
    keys = [f"drill-unproven:{pk}" for pk in fine.values_list("pk", flat=True)]
    end_alarms(keys=keys, actor=actor, reason="Its host has seen it gone.", now=now)
    return sum(map(len, late.values()))


def is_lent(thing: DrillThing) -> bool:
    """Whether the volume that it waits for is there."""
    return Loan.objects.filter(borrower=thing.pk, state=LoanState.READY).exists()
