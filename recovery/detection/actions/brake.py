"""The brake: paused by people, or by our own doubt of our eyes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from recovery.alarms import actions as alarms
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict, Refused
from recovery.detection.models import Brake
from recovery.incidents import actions as incidents
from recovery.incidents.facts import UNRESOLVED, MemberKind, NewMember
from recovery.incidents.models import Incident

BLIND = "control:blind"


def set_pause(*, actor: Actor, reason: str, now: datetime) -> Brake:
    """No decider starts anything until it is cleared; what runs, goes on (I-BR-5)."""
    if not reason.strip():
        raise Refused("A pause needs a reason.", field="reason")
    with transaction.atomic():
        brake = _brake(actor=actor, now=now)
        if brake.paused_at:
            raise Conflict(f"Already paused by {brake.paused_by}: {brake.pause_reason}")
        brake = transitions.amend(
            brake,
            {"paused_at": now, "paused_by": actor.id, "pause_reason": reason},
            action="paused",
            actor=actor,
            reason=reason,
            now=now,
        )
        alarms.raise_alarm(
            key="paused",
            severity=Severity.NOTICE,
            title=f"Automation is paused by {actor.id}",
            body=reason,
            incident=None,
            actor=actor,
            reason=reason,
            now=now,
        )
    return brake


def clear_pause(*, actor: Actor, reason: str, now: datetime) -> Brake:
    """Deciders may start things again. What was held meanwhile stays held for a person."""
    with transaction.atomic():
        brake = _brake(actor=actor, now=now)
        if not brake.paused_at:
            raise Conflict("Automation is not paused.")
        brake = transitions.amend(
            brake,
            {"paused_at": None, "paused_by": "", "pause_reason": ""},
            action="pause cleared",
            actor=actor,
            reason=reason,
            now=now,
        )
        alarms.end_alarms(keys=["paused"], actor=actor, reason=reason, now=now)
    return brake


def go_blind(
    *,
    reasons: Sequence[str],
    living: Mapping[str, str] | None = None,
    actor: Actor,
    now: datetime,
) -> Brake:
    """We don't trust our eyes: a row, an incident and an alarm, and no verdict meanwhile. `living`:
    datacenters of which nobody is heard and that others see alive, with how."""
    why = " ".join(reasons)
    with transaction.atomic():
        brake = transitions.amend(
            _brake(actor=actor, now=now),
            {"blind_at": now, "blind_reasons": list(reasons), "living": dict(living or {})},
            action="blind",
            actor=actor,
            reason=why,
            now=now,
        )
        incident = incidents.open_incident(
            domain=BLIND,
            title="Tocsin is blind: nothing is decided",
            summary=why,
            happened_at=now,
            members=[NewMember(MemberKind.CONTROL, "tocsin", "Tocsin's eyes", is_cause=True)],
            actor=actor,
            reason=why,
            now=now,
        )
        alarms.raise_alarm(
            key=BLIND,
            severity=Severity.PAGE,
            title="Tocsin is blind: nothing is decided",
            body=why,
            incident=incident,
            actor=actor,
            reason=why,
            now=now,
        )
    return brake


def tell_blind(
    *,
    reasons: Sequence[str],
    living: Mapping[str, str] | None = None,
    actor: Actor,
    now: datetime,
) -> Brake:
    """We are blind still, and for these reasons by now: since when stays, and nobody is rung."""
    why = " ".join(reasons)
    with transaction.atomic():
        brake = _brake(actor=actor, now=now)
        if not brake.blind_at:
            raise Conflict("Tocsin is not blind.")
        brake = transitions.amend(
            brake,
            {"blind_reasons": list(reasons), "living": dict(living or {})},
            action="blind still",
            actor=actor,
            reason=why,
            now=now,
        )
        incident = Incident.objects.filter(domain=BLIND, state__in=UNRESOLVED).first()
        if incident is not None:
            incidents.tell(
                incident=incident,
                kind="blind still",
                said="Tocsin is blind still, and now for another reason",
                why=why,
                happened_at=now,
                actor=actor,
                tone="down",
                now=now,
            )
    return brake


def see_again(*, vouched: Collection[str] = (), actor: Actor, now: datetime) -> Brake:
    """Our eyes are back; the incident, and its alarm with it, ends when this lasts. `vouched`:
    datacenters that are expected no more by two people's word."""
    why = "Digests, hosts and vantage points are back."
    if vouched:
        verb = "is" if len(vouched) == 1 else "are"
        why = f"By two people’s word {' and '.join(sorted(vouched))} {verb} lost; others are heard."
    with transaction.atomic():
        brake = transitions.amend(
            _brake(actor=actor, now=now),
            {"blind_at": None, "blind_reasons": [], "living": {}},
            action="sees again",
            actor=actor,
            reason=why,
            now=now,
        )
        if not Incident.objects.filter(domain=BLIND, state__in=sorted(UNRESOLVED)).exists():
            alarms.end_alarms(keys=[BLIND], actor=actor, reason="Tocsin sees again.", now=now)
    return brake


def _brake(*, actor: Actor, now: datetime) -> Brake:
    """The one row, made on first use, locked for this transaction."""
    row = Brake.objects.select_for_update().first()
    if row is None:
        reason = "First use of the brake."
        try:
            with transaction.atomic():
                row = transitions.create([Brake()], actor=actor, reason=reason, now=now)[0]
        except IntegrityError:  # somebody else's first use came between: it is there now
            row = Brake.objects.select_for_update().get()
    return row
