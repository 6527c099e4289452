"""Restores through the API: what the pages show, as of now. Both words are given on the page."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema

from dashboard.acts import databases as acts
from dashboard.api.auth import caller
from dashboard.api.schemas import Done, Why
from dashboard.facets.restores import hold
from dashboard.permissions import May
from recovery.restores import screens
from recovery.restores.screens import RestoreView

router = Router()


class StepOut(Schema):
    phase: str
    at: datetime
    said: str


class ProgressOut(Schema):
    """`percent`, `left`: null until they are known, `left` also while no byte comes; in seconds, to
    fetch; `moved_at`: when anything of it went on last."""

    at: datetime
    moved_at: datetime | None
    phase: str
    percent: float | None
    done: int
    total: int
    megabytes_a_second: float
    left: int | None


class RestoreOut(Schema):
    """One restore. `quoted`: the newest moment that its replica held when it was asked for; `to`:
    the moment asked for, null the newest; `recovered_to`: what was read back, null until then;
    `in_place`: on its own host, where it serves until the switch; `waits_for`: the volume of a
    provider's snapshot, while it is made; `holds`, `follows`: what is so now, and who has to do
    what; `tries`, `tried`: of the order that runs, and how the last one that came to nothing ended;
    `stuck_since`: since when people are told that it does not get on, null: they are not; `moves`:
    its newest try goes on all the same, which began at `began_at`."""

    id: str
    name: str
    database: str
    replica: int
    store: str
    host: str
    old_host: str
    phase: str
    phase_at: datetime
    word: str
    asked_at: datetime
    asked_by: str
    given_by: str
    risk: str
    why: str
    quoted: datetime
    to: datetime | None
    recovered_to: datetime | None
    canary_at: datetime | None
    bytes: int
    seconds: float | None
    megabytes_a_second: float | None
    ended_at: datetime | None
    end_reason: str
    measured: str
    called_off: str
    in_place: bool
    waits_for: str
    holds: str
    follows: str
    tries: int
    tried: str
    stuck_since: datetime | None
    moves: bool
    began_at: datetime | None
    is_running: bool
    may_be_called_off: bool
    progress: ProgressOut | None
    steps: list[StepOut]


@router.get("", response=list[RestoreOut])
def restores(request: HttpRequest) -> list[RestoreView]:
    """Those that run, then the newest that ended."""
    caller(request, May.VIEW)
    return list(screens.restores(hold=hold()))


@router.post("/{database}/call-off", response=Done)
def call_off(request: HttpRequest, database: str, why: Why) -> dict[str, str]:
    who = caller(request, May.RESTORE)
    return {"said": acts.call_off_restore(database, who.actor, why.reason)}
