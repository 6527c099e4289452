"""Rights to approve through the API: what is lent, lend one, take one back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Router, Schema

from dashboard.acts import lent as acts
from dashboard.api.auth import caller
from dashboard.api.schemas import Done, Why, Words, Written
from dashboard.permissions import May
from recovery.drp.views.lent import LentView, lent_lately, lent_now

router = Router()


class LentOut(Schema):
    """One right that is or was lent. `over_at`: null while it stands; `counts`: whether an answer
    with it would count now, `says`: for what, or why not."""

    id: UUID
    giver: str
    taker: str
    role: str
    reason: str
    begins_at: datetime
    ends_at: datetime
    over_at: datetime | None
    was_taken_back: bool
    counts: bool
    says: str


class LendIn(Why):
    """To whom, which of the caller's own roles (approver, admin), until when: 14 days at most."""

    taker: Words = Field(min_length=1, max_length=120)
    role: Words = Field(min_length=1, max_length=20)
    until: Written


@router.get("", response=list[LentOut])
def lent(request: HttpRequest) -> list[LentView]:
    """What stands, the next one to end first; then the last ones that are over."""
    caller(request, May.VIEW)
    return [*lent_now(), *lent_lately()]


@router.post("", response=Done)
def lend(request: HttpRequest, told: LendIn) -> dict[str, str]:
    """One role once to one person at a time: a longer one is lent after that is taken back."""
    who = caller(request, May.ANSWER)
    said = acts.lend(
        taker=told.taker, role=told.role, until=told.until, actor=who.actor, reason=told.reason
    )
    return {"said": said}


@router.post("/{uuid:pk}/take-back", response=Done)
def take_back(request: HttpRequest, pk: UUID, told: Why) -> dict[str, str]:
    """The giver, or an administrator: nothing rests on it any more."""
    who = caller(request, May.ANSWER)
    return {"said": acts.take_back(pk, actor=who.actor, reason=told.reason)}
