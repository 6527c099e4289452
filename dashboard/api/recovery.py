"""Activate or wait? through the API: the whole brief with its digest, and the decision on it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Router, Schema

from dashboard.acts import recovery as acts
from dashboard.api.auth import caller
from dashboard.api.schemas import Done, Told, Why, Words, Written
from dashboard.permissions import May, Role
from dashboard.screen import Screen
from recovery.brief import screens
from recovery.brief.canon import canonical, document, glance, seal
from recovery.brief.facts import Cause, Choice
from recovery.core import clock
from recovery.core.errors import Missing, Refused, no_such
from recovery.detection.screens import LossVouchView, loss_vouches

router = Router()


class SiteOut(Schema):
    """One datacenter. `seconds` null: nobody can tell how long recovering would take."""

    datacenter: str
    look: str
    sentence: str
    after: str
    seconds: int | None
    is_floor: bool


class BriefOut(Schema):
    """Everything that the page shows. `digest`: of what a decision rests on, a quarter each: the
    verdict, the losses, what does not fit, what was said and decided; a decision names it. The rest
    may grow while it is read. Instants are UTC, spans milliseconds; null is "nobody knows", never
    nothing."""

    digest: str
    as_of: datetime
    brief: dict[str, Any]


class DecideIn(Why):
    """`digest`: of the brief that was read. `until` for a wait, and for nothing else; `typed`: the
    datacenter's name, to activate."""

    choice: Choice
    digest: str = Field(min_length=64, max_length=64)
    until: Written | None = None
    typed: Words = ""


class DecisionOut(Schema):
    """`shown`: the canonical JSON whose SHA-256 `digest` is; empty in lists."""

    id: str
    number: int
    name: str
    datacenter: str
    incident: int | None
    choice: str
    until: datetime | None
    reason: str
    by: str
    at: datetime
    digest: str
    shown: str


class SaidIn(Told):
    """What the provider said, who said it and when; `said_at` null: just now."""

    said: Words = Field(min_length=1, max_length=500)
    source: Words = Field(min_length=1, max_length=120)
    cause: Cause = Cause.UNSAID
    said_at: Written | None = None
    until: Written | None = None


class VouchIn(Why):
    """`typed`: the datacenter's name; `first`: the word that this one confirms, null: it is the
    first one."""

    typed: Words
    first: UUID | None = None


class VouchOut(Schema):
    """Counts once its state is `standing`; `second`: who confirmed it."""

    id: str
    site: str
    state: str
    by: str
    at: datetime
    reason: str
    expires_at: datetime
    second: str
    second_at: datetime | None
    second_reason: str


@router.get("", response=list[SiteOut])
def sites(request: HttpRequest) -> list[SiteOut]:
    """What the loss of each datacenter means now."""
    screen = Screen(_role(request))
    found = [screen.brief(name) for name in screen.recovery.sites]
    return [
        SiteOut(
            datacenter=one.site,
            look=one.look,
            sentence=one.sentence,
            after=one.after,
            seconds=one.activate.seconds,
            is_floor=one.activate.is_floor,
        )
        for one in found
    ]


@router.get("/decisions/{number}", response=DecisionOut)
def decision(request: HttpRequest, number: int) -> screens.DecisionView:
    caller(request, May.VIEW)
    found = screens.find_decision(number)
    if found is None:
        raise no_such("DEC", number)
    return found


@router.get("/{datacenter}", response=BriefOut)
def brief(request: HttpRequest, datacenter: str) -> BriefOut:
    screen = Screen(_role(request))
    _check(datacenter)
    found = document(screen.brief(datacenter))
    return BriefOut(digest=seal(glance(canonical(found))), as_of=screen.recovery.now, brief=found)


@router.get("/{datacenter}/decisions", response=list[DecisionOut])
def decisions(request: HttpRequest, datacenter: str) -> list[screens.DecisionView]:
    """The newest first."""
    caller(request, May.VIEW)
    _check(datacenter)
    return list(screens.decisions_of(datacenter))


@router.post("/{datacenter}/decide", response=Done)
def decide(request: HttpRequest, datacenter: str, told: DecideIn) -> dict[str, str]:
    who = caller(request, May.DECIDE)
    if told.choice is Choice.ACTIVATE and told.typed != datacenter:
        raise Refused(f"This is not {datacenter}; nothing was done.", field="typed")
    made = acts.decide(
        datacenter,
        told.choice,
        seen=told.digest,
        until=told.until,
        actor=who.actor,
        reason=told.reason,
    )
    return {"said": acts.said_of(made)}


@router.post("/{datacenter}/provider", response=Done)
def provider(request: HttpRequest, datacenter: str, told: SaidIn) -> dict[str, str]:
    who = caller(request, May.NOTE)
    said = acts.note_word(
        datacenter,
        said=told.said,
        source=told.source,
        said_at=told.said_at or clock.system.now(),
        until=told.until,
        cause=told.cause,
        actor=who.actor,
    )
    return {"said": said}


@router.get("/{datacenter}/vouches", response=list[VouchOut])
def vouches(request: HttpRequest, datacenter: str) -> list[LossVouchView]:
    """Words of people that it is lost, asked for or standing."""
    caller(request, May.VIEW)
    _check(datacenter)
    return [one for one in loss_vouches() if one.site == datacenter]


@router.post("/{datacenter}/vouch", response=Done)
def vouch(request: HttpRequest, datacenter: str, told: VouchIn) -> dict[str, str]:
    """Two people, one after the other: the second one names the first one's word."""
    who = caller(request, May.VOUCH_DATACENTER)
    _check(datacenter)
    said = acts.vouch(
        datacenter, first=told.first, typed=told.typed, actor=who.actor, reason=told.reason
    )
    return {"said": said}


@router.post("/{datacenter}/vouch/withdraw", response=Done)
def withdraw_vouch(request: HttpRequest, datacenter: str, told: Why) -> dict[str, str]:
    """One person is enough."""
    who = caller(request, May.VOUCH_DATACENTER)
    _check(datacenter)
    return {"said": acts.withdraw_vouch(datacenter, actor=who.actor, reason=told.reason)}


def _role(request: HttpRequest) -> Role:
    found = caller(request, May.VIEW).role
    assert found is not None, "who may look has a role"
    return found


def _check(name: str) -> None:
    if name not in screens.site_names():
        raise Missing(f"There is no datacenter {name}.", field="datacenter")
