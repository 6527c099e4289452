"""The only writer of verdicts, situations, the brake and the policy of detection."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from recovery.alarms import actions as alarms
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict, Refused
from recovery.detection import queries, stories
from recovery.detection.actions.brake import (
    BLIND,
    clear_pause,
    go_blind,
    see_again,
    set_pause,
    tell_blind,
)
from recovery.detection.actions.policies import set_policy
from recovery.detection.actions.vouches import (
    ask_vouch,
    end_vouch,
    give_vouch,
    withdraw_vouch,
)
from recovery.detection.facts import DOWN, Part, VerdictChange
from recovery.detection.folding import Fold, closing, fold
from recovery.detection.models import SettledLoss, Situation
from recovery.detection.situations import Situation as Happening
from recovery.incidents import actions as incidents
from recovery.incidents.facts import UNRESOLVED
from recovery.incidents.flapping import DECIDED_BY_PEOPLE
from recovery.incidents.models import Incident
from recovery.incidents.queries import grave_in, unknown_in
from recovery.inventory.facts import Replace, Verdict
from recovery.inventory.models import Host

__all__ = [
    "BLIND",
    "ask_vouch",
    "clear_pause",
    "end_vouch",
    "give_vouch",
    "go_blind",
    "record_situations",
    "record_verdicts",
    "release_holds",
    "ring_for_holds",
    "see_again",
    "set_pause",
    "set_policy",
    "settle_losses",
    "tell_blind",
    "withdraw_vouch",
]
HELD = "held"
TOGETHER = timedelta(minutes=1)
"""A database that failed so long before its host fell silent, or later, failed with it."""


def record_verdicts(
    *, changes: Sequence[VerdictChange], actor: Actor, now: datetime
) -> list[VerdictChange]:
    """Write each change whose host is still in the state that was judged; those written.

    Invariant: a host that may have been replaced carries its quarantine from the same moment.
    A pause, or a freeze, that was set after the decision was made wins over every grant in it
    (I-BR-5).
    """
    with transaction.atomic():
        paused = queries.frozen_reason(Part.RESCHEDULING)
        groups: dict[tuple[Verdict, Verdict, str], list[VerdictChange]] = defaultdict(list)
        for change in changes:
            held = _under_pause(change, paused)
            groups[held.before, held.after, held.reason].append(held)
        written: set[str] = set()
        for (before, after, reason), group in sorted(groups.items()):
            written |= _write(before, after, reason, group, actor=actor, now=now)
    return [change for change in changes if change.host in written]


def _under_pause(change: VerdictChange, paused: str) -> VerdictChange:
    may_move = change.replace in (Replace.ALLOWED, Replace.PACED, Replace.PROVISIONAL)
    if not paused or not may_move:
        return change
    return VerdictChange(
        host=change.host,
        before=change.before,
        after=change.after,
        reason=change.reason,
        evidence=change.evidence,
        replace=Replace.HELD if change.after in DOWN else Replace.NONE,
        replace_reason=f"Automation is paused: {paused}",
    )


def _write(
    before: Verdict,
    after: Verdict,
    reason: str,
    group: Sequence[VerdictChange],
    *,
    actor: Actor,
    now: datetime,
) -> set[str]:
    rows = {UUID(change.host): _fields(change, now) for change in group}
    if before is after:
        changed = transitions.amend_many(
            Host,
            rows,
            action=f"replace {group[0].replace.value}",
            actor=actor,
            reason=group[0].replace_reason or reason,
            now=now,
            only={"verdict": before},
        )
    else:
        changed = transitions.move_many(
            Host, rows, after, seen={before}, actor=actor, reason=reason, now=now
        )
    return {host.pk.hex for host in changed}


def _fields(change: VerdictChange, now: datetime) -> dict[str, object]:
    fields: dict[str, object] = {
        "replace": change.replace.value,
        "replace_reason": change.replace_reason,
    }
    if change.before is change.after:
        return fields
    fields |= {
        "verdict_at": now,
        "verdict_reason": change.reason,
        "verdict_evidence": change.evidence.as_json(),
    }
    if change.after in DOWN:
        fields |= {"quarantined_at": now, "quarantine_reason": f"It was {change.after.value}."}
    return fields


def settle_losses(*, hosts: Collection[str]) -> None:
    """These hosts (hex ids) were given up longer ago than the guard's window. A sight: it permits
    nothing, and no entry tells of it."""
    rows = Host.objects.filter(pk__in=[UUID(host) for host in hosts], verdict__in=sorted(DOWN))
    SettledLoss.objects.bulk_create(
        [
            SettledLoss(host_id=pk, verdict_at=at)
            for pk, at in rows.values_list("pk", "verdict_at")
            if at is not None
        ],
        update_conflicts=True,
        unique_fields=["host"],
        update_fields=["verdict_at"],
    )


def release_holds(
    *, hosts: Collection[UUID], actor: Actor, reason: str, now: datetime
) -> list[Host]:
    """A person lets the containers of these held hosts be replaced: one press for all of them.

    Only those still held are released; `Conflict` if none is.
    """
    with transaction.atomic():
        if paused := queries.frozen_reason(Part.RESCHEDULING):
            raise Refused(
                f"Automation is paused: {paused}",
                todo="Clear the pause, or lift the freeze, first.",
            )
        said = f"Released by {actor.id}: {reason}"
        fields = {"replace": Replace.ALLOWED.value, "replace_reason": said}
        released = transitions.amend_many(
            Host,
            {pk: fields for pk in hosts},
            action="hold released",
            actor=actor,
            reason=reason,
            now=now,
            only={"replace": Replace.HELD.value, "verdict__in": sorted(DOWN)},
        )
        if not released:
            raise Conflict("None of these hosts is held any more.", todo="Look again.")
        stories.tell_release(released, reason, actor=actor, now=now)
        ring_for_holds(actor=actor, now=now)
    return released


def ring_for_holds(*, actor: Actor, now: datetime) -> None:
    """A silent hold is a fault: while hosts are held an alarm says so, and ends with them."""
    held = queries.held_hosts()
    if not held:
        alarms.end_alarms(keys=[HELD], actor=actor, reason="Nothing is held any more.", now=now)
        return
    names = ", ".join(host.name for host in held[:12])
    alarms.raise_alarm(
        key=HELD,
        severity=Severity.PAGE,
        title=f"{len(held)} host{'s' if len(held) > 1 else ''} held: a person decides",
        body=f"{names}. {held[0].replace_reason}",
        incident=None,
        actor=actor,
        reason=held[0].replace_reason,
        now=now,
    )


# ------------------------------------------------------------------ situations


def record_situations(*, found: Sequence[Happening], actor: Actor, now: datetime) -> None:
    """Open, widen and close the rows of situations, each with its incident and its alarm."""
    rows = {str(row.pk): row for row in queries.open_situations()}
    folds, over = fold(found, [queries.open_row(row) for row in reversed(rows.values())])
    with transaction.atomic():
        stories.hold_stories([rows[pk] for pk in closing(folds, over)])
        for one in folds:
            swallowed = [rows[pk] for pk in one.swallowed]
            _close(swallowed, "It is part of a wider one.", actor, now)
            if one.row is None:
                _open_situation(one.situation, actor=actor, now=now)
                continue
            grown = _grow_situation(rows[one.row], one, actor=actor, now=now)
            for row in swallowed:  # one situation, one incident
                if row.incident is not None and grown.incident is not None:
                    why = one.situation.sentence
                    incidents.join_incident(
                        incident=row.incident, into=grown.incident, actor=actor, reason=why, now=now
                    )
        _close([rows[pk] for pk in over], "Its hosts are alive again.", actor, now)


def _open_situation(found: Happening, *, actor: Actor, now: datetime) -> None:
    row = Situation(opened_at=now, **_said(found, found.hosts))
    row.incident = _ring(found, actor=actor, now=now)
    transitions.create([row], actor=actor, reason=found.sentence, now=now)


def _grow_situation(row: Situation, fold: Fold, *, actor: Actor, now: datetime) -> Situation:
    """Nothing is written while it is the same hosts, the same domain and the same words."""
    found = fold.situation
    hosts = sorted({*row.hosts, *found.hosts})
    changes: dict[str, object]
    if fold.keeps_key:
        same_words = row.key != found.key or row.sentence == found.sentence
        changes = {"hosts": hosts} if same_words else _said(found, hosts) | {"key": row.key}
    else:
        changes = _said(found, hosts)
    if all(getattr(row, name) == value for name, value in changes.items() if name != "hypotheses"):
        return row
    changes["incident"] = _ring(found, actor=actor, now=now, known=row.incident)
    return transitions.amend(
        row, changes, action="grew", actor=actor, reason=found.sentence, now=now
    )


def _said(found: Happening, hosts: Sequence[str]) -> dict[str, object]:
    return {
        "key": found.key,
        "scope": found.scope.value,
        "domain": found.domain,
        "hosts": sorted(hosts),
        "sentence": found.sentence,
        "hypotheses": [one.as_json() for one in found.hypotheses],
    }


def _ring(
    found: Happening, *, actor: Actor, now: datetime, known: Incident | None = None
) -> Incident:
    """Its incident, opened or widened, and the alarm that its worst verdict asks for."""
    best = found.hypotheses[0]
    why = _as_sentence("; ".join(best.supporting)) or found.sentence
    if known is not None and known.state in UNRESOLVED and known.domain != found.key:
        incidents.widen_incident(
            incident=known, domain=found.key, actor=actor, reason=found.sentence, now=now
        )
    members = queries.members_of(list(found.hosts))
    unknown, grave = unknown_in(found.key, members), grave_in(members)
    is_peoples = found.key.startswith(DECIDED_BY_PEOPLE)
    incident = incidents.open_incident(
        domain=found.key,
        title=found.sentence,
        summary=why,
        happened_at=now - timedelta(seconds=found.silence),
        members=members,
        actor=actor,
        reason=why,
        now=now,
    )
    _join_databases(found, incident, actor=actor, now=now)
    databases = queries.databases_said(found.hosts)
    alarms.raise_alarm(
        key=f"{found.key}:{found.worst.value}",
        severity=Severity.PAGE if found.worst in DOWN else Severity.NOTICE,
        title=f"{found.sentence}. {databases}".removesuffix(". "),
        body=why,
        incident=incident,
        is_more=bool(unknown or grave),
        has_grown=bool(unknown and grave) and not is_peoples,
        actor=actor,
        reason=why,
        now=now,
    )
    return incident


def _join_databases(found: Happening, incident: Incident, *, actor: Actor, now: datetime) -> None:
    """A database that was seen to fail before its host was, as when we were blind: one disaster."""
    since = now - timedelta(seconds=found.silence) - TOGETHER
    for own in queries.stories_of_databases(found.hosts, since):
        why = f"A host of it is lost with it: {found.sentence}."
        incidents.join_incident(incident=own, into=incident, actor=actor, reason=why, now=now)


def _as_sentence(clauses: str) -> str:
    return f"{clauses[:1].upper()}{clauses[1:]}." if clauses else ""


def _close(rows: Sequence[Situation], reason: str, actor: Actor, now: datetime) -> None:
    transitions.move_many(
        Situation, {row.pk: {"closed_at": now} for row in rows}, "closed", actor=actor,
        reason=reason, now=now,
    )  # fmt: skip
    keys = [f"{row.key}:{verdict.value}" for row in rows for verdict in Verdict]
    alarms.end_alarms(keys=keys, actor=actor, reason=reason, now=now)
