"""Databases through the API: the same looks and acts as on their pages."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from dashboard.acts import databases as acts
from dashboard.acts import exports
from dashboard.api.auth import caller
from dashboard.api.schemas import Done, Why, Words
from dashboard.permissions import May
from recovery.backups.exported import ExportView
from recovery.core import clock
from recovery.failover import screens
from recovery.failover.views.databases import DatabaseView

router = Router()


class OfferOut(Schema):
    host: str
    reason: str
    quote: str
    behind: int
    seconds: float | None
    bound: float | None
    people: int
    digest: str


class FailoverOut(Schema):
    name: str
    kind: str
    phase: str
    cause: str
    waiting_for: str
    called_off: str
    may_be_called_off: bool
    old_epoch: int
    new_epoch: int | None
    loss: str
    measured: str
    may_choose: list[OfferOut]


class ServiceOut(Schema):
    used: float
    allowed: float
    is_measured: bool


class DatabaseOut(Schema):
    name: str
    plan: str
    durability: str
    state: str
    word: str
    tone: str
    state_at: datetime
    state_reason: str
    epoch: int
    eta: str
    at_risk: str
    worst_said: str
    blocked_until: datetime | None
    blocked_by: str
    service: ServiceOut
    running: FailoverOut | None


class TargetIn(Why):
    target: Words = Field(max_length=100)


class ChoiceIn(Why):
    """`digest`: of the offer as it was shown; `first`: the first word, where this is the second."""

    digest: Words = Field(max_length=64)
    typed: Words = Field(max_length=100)
    first: UUID | None = None


@router.get("", response=list[DatabaseOut])
def databases(request: HttpRequest) -> list[DatabaseView]:
    caller(request, May.VIEW)
    return list(screens.databases(clock.system.now()))


@router.post("/{name}/switchover", response=Done)
def switch_over(request: HttpRequest, name: str, body: TargetIn) -> dict[str, str]:
    who = caller(request, May.SWITCH_OVER)
    return {"said": acts.switch_over(name, body.target, who.actor, body.reason)}


@router.post("/{name}/call-off", response=Done)
def call_off(request: HttpRequest, name: str, why: Why) -> dict[str, str]:
    who = caller(request, May.SWITCH_OVER)
    return {"said": acts.call_off(name, who.actor, why.reason)}


@router.post("/{name}/promote", response=Done)
def promote(request: HttpRequest, name: str, body: ChoiceIn) -> dict[str, str]:
    who = caller(request, May.PROMOTE)
    said = acts.promote(
        name,
        digest=body.digest,
        first=body.first,
        typed=body.typed,
        actor=who.actor,
        reason=body.reason,
    )
    return {"said": said}


@router.post("/{name}/let-follow", response=Done)
def let_follow(request: HttpRequest, name: str, why: Why) -> dict[str, str]:
    who = caller(request, May.SETTLE)
    return {"said": acts.let_follow(name, who.actor, why.reason)}


@router.post("/{name}/unblock", response=Done)
def allow_failover(request: HttpRequest, name: str, why: Why) -> dict[str, str]:
    who = caller(request, May.SWITCH_OVER)
    return {"said": acts.allow_failover(name, who.actor, why.reason)}


@router.get("/{name}/exports", response=list[ExportView])
def listed(request: HttpRequest, name: str) -> list[ExportView]:
    """The newest first."""
    caller(request, May.VIEW)
    return list(exports.of(name))


@router.post("/{name}/exports/{export}/take")
def take(request: HttpRequest, name: str, export: UUID, why: Why) -> HttpResponse:
    """One tar of its sealed objects. The log has who, and why, before the first byte."""
    who = caller(request, May.TAKE_EXPORT)
    return exports.sent(exports.find(name, export), who.actor, why.reason)
