"""The only writer of words that a datacenter is lost.

Invariants: a word is taken while Tocsin is blind and nobody hears of the datacenter; it counts once
two different people have typed its name; it stands until a host of it is heard or a person takes it
back, whoever leads and however often everything starts again.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from recovery.alarms import actions as alarms
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict, Forbidden, Missing, Refused
from recovery.detection import queries
from recovery.detection.actions.brake import BLIND
from recovery.detection.models import LossVouch
from recovery.detection.vouching import ASKED_LIFE, VouchState, refuse_vouch
from recovery.incidents import actions as incidents
from recovery.incidents.facts import UNRESOLVED
from recovery.incidents.models import Incident
from recovery.inventory.models import Datacenter

NOTHING = "Nothing was written."


def ask_vouch(
    *, datacenter: str, typed: str, actor: Actor, reason: str, now: datetime
) -> LossVouch:
    """The first person's word; it does nothing before a second one gives theirs."""
    _check_said(datacenter, typed, reason)
    with transaction.atomic():
        site = _site(datacenter)
        _check(site, now)
        if row := LossVouch.objects.filter(datacenter=site).exclude(state=VouchState.OVER).first():
            if row.state == VouchState.STANDING or row.expires_at > now:
                raise Conflict(f"{_who(row)} already.", kept=NOTHING, todo=_next(row))
            end_vouch(pk=row.pk, actor=actor, reason="Nobody confirmed it in time.", now=now)
        row = LossVouch(
            datacenter=site,
            requested_by=actor.id,
            requested_at=now,
            request_reason=reason.strip(),
            expires_at=now + ASKED_LIFE,
        )
        row = transitions.create([row], actor=actor, reason=reason, now=now)[0]
        said = f"{actor.id} vouches that {site} is lost: a second person has to say so, too"
        _tell(said, "vouched", actor=actor, why=reason, now=now)
        alarms.raise_alarm(
            key=_asked(row),
            severity=Severity.PAGE,
            title=said,
            body=reason,
            incident=_incident(),
            actor=actor,
            reason=reason,
            now=now,
        )
    return row


def give_vouch(
    *, pk: UUID, datacenter: str, typed: str, actor: Actor, reason: str, now: datetime
) -> LossVouch:
    """The second person's: from now on no host of the datacenter is expected to be heard."""
    _check_said(datacenter, typed, reason)
    with transaction.atomic():
        site = _site(datacenter)
        row = _held(pk)
        if row.datacenter_id != site.pk:
            raise Missing(f"There is no such word about {site}.", kept=NOTHING)
        if row.state != VouchState.ASKED:
            raise Conflict(f"That word is {row.state} already.", kept=NOTHING, todo="Look again.")
        if row.requested_by == actor.id:
            raise Forbidden("You gave the first word; the second one is somebody else’s.")
        if row.expires_at <= now:
            raise Conflict("That word has run out.", kept=NOTHING, todo="Give the first one anew.")
        _check(site, now)
        changes = {"given_by": actor.id, "given_at": now, "give_reason": reason.strip()}
        row = transitions.move(
            row, VouchState.STANDING, actor=actor, reason=reason, now=now, changes=changes
        )
        alarms.end_alarms(keys=[_asked(row)], actor=actor, reason=reason, now=now)
        said = f"{row.requested_by} and {row.given_by} vouch that {site} is lost"
        _tell(said, "vouched", actor=actor, why=reason, now=now)
        alarms.raise_alarm(
            key=_standing(row),
            severity=Severity.NOTICE,
            title=said,
            body=f"None of its hosts is expected, until one is heard. {row.request_reason}",
            incident=_incident(),
            actor=actor,
            reason=reason,
            now=now,
        )
    return row


def withdraw_vouch(*, datacenter: str, actor: Actor, reason: str, now: datetime) -> LossVouch:
    """One person is enough to take it back, whosever it was: its hosts are expected again."""
    if not reason.strip():
        raise Refused("Say why: the log keeps it.", field="reason")
    with transaction.atomic():
        site = _site(datacenter)
        row = LossVouch.objects.filter(datacenter=site).exclude(state=VouchState.OVER).first()
        if row is None:
            raise Conflict(f"Nobody vouches that {site} is lost.", kept=NOTHING)
        ended = end_vouch(pk=row.pk, actor=actor, reason=reason.strip(), now=now)
        assert ended is not None, "it was open, under the lock of its datacenter"
    return ended


def end_vouch(*, pk: UUID, actor: Actor, reason: str, now: datetime) -> LossVouch | None:
    """It is over, and its alarms with it; None where it was so already."""
    with transaction.atomic():
        row = _held(pk)
        if row.state == VouchState.OVER:
            return None
        which = "The word" if row.state == VouchState.STANDING else "The first word"
        changes = {"ended_at": now, "ended_by": actor.id, "end_reason": reason}
        row = transitions.move(
            row, VouchState.OVER, actor=actor, reason=reason, now=now, changes=changes
        )
        alarms.end_alarms(keys=[_asked(row), _standing(row)], actor=actor, reason=reason, now=now)
        said = f"{which} that {row.datacenter} is lost is over"
        _tell(said, "vouch over", actor=actor, why=reason, now=now)
    return row


# ---------------------------------------------------------------------- inside


def _check_said(datacenter: str, typed: str, reason: str) -> None:
    if typed != datacenter:
        raise Refused(f"This is not {datacenter}; nothing was done.", field="typed")
    if not reason.strip():
        raise Refused("Say how you know: the log keeps it.", field="reason")


def _site(name: str) -> Datacenter:
    """Locked: one word about it at a time."""
    found = Datacenter.objects.select_for_update(no_key=True).filter(name=name).first()
    if found is None:
        raise Missing(f"There is no datacenter {name}.", field="datacenter")
    return found


def _held(pk: UUID) -> LossVouch:
    rows = LossVouch.objects.select_for_update(of=("self",)).select_related("datacenter")
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Missing("There is no such word.", kept=NOTHING)
    return found


def _check(site: Datacenter, now: datetime) -> None:
    is_blind = queries.blind_since() is not None
    if why := refuse_vouch(queries.silences(now)[site.name], is_blind=is_blind):
        raise Refused(why, kept=NOTHING)


def _who(row: LossVouch) -> str:
    if row.state == VouchState.STANDING:
        return f"{row.requested_by} and {row.given_by} vouch that {row.datacenter} is lost"
    return f"{row.requested_by} vouches that {row.datacenter} is lost"


def _next(row: LossVouch) -> str:
    return "" if row.state == VouchState.STANDING else "Give the second word, if it is true."


def _incident() -> Incident | None:
    return Incident.objects.filter(domain=BLIND, state__in=UNRESOLVED).first()


def _tell(said: str, kind: str, *, actor: Actor, why: str, now: datetime) -> None:
    """In the story of our blindness, while there is one."""
    incident = _incident()
    if incident is not None:
        incidents.tell(
            incident=incident, kind=kind, said=said, why=why, happened_at=now, actor=actor, now=now
        )


def _asked(row: LossVouch) -> str:
    return f"vouch:{row.pk}"


def _standing(row: LossVouch) -> str:
    return f"vouched:{row.pk}"
