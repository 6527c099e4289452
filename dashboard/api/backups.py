"""Backups through the API: the recovery points and the loss quotes of the page, as of now."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema

from dashboard.api.auth import caller
from dashboard.permissions import May
from recovery.backups import screens
from recovery.backups.loss import Line, Quote, say
from recovery.core import clock

router = Router()


class PointOut(Schema):
    """One backup replica. `at`: the newest restorable moment, null: nothing can be restored from
    it; `age_seconds`: how long ago that is; `unread_since`: it was read last then, and its age
    may be larger than needed, never smaller."""

    database: str
    replica: int
    store: str
    place: str
    nearest_km: float | None
    state: str
    at: datetime | None
    age_seconds: float | None
    lsn: str
    promise: str
    unread_since: datetime | None
    error: str
    missing: list[str]
    bytes: int
    proven_at: datetime | None
    disproof: str


class LossOut(Schema):
    """What one database would lose. `replica`, `at`, `seconds` null: it cannot be restored."""

    database: str
    replica: int | None
    store: str
    at: datetime | None
    seconds: float | None
    is_unread: bool
    why_not: list[str]
    standbys: list[str]


class QuoteOut(Schema):
    """If this datacenter vanished now. `own`: Tocsin's own database, where it stands there."""

    datacenter: str
    said: str
    untouched: int
    databases: list[LossOut]
    own: LossOut | None


class BackupsOut(Schema):
    is_configured: bool
    trouble: list[str]
    points: list[PointOut]
    quotes: list[QuoteOut]


@router.get("", response=BackupsOut)
def backups(request: HttpRequest) -> BackupsOut:
    caller(request, May.VIEW)
    board, now = screens.board(), clock.system.now()
    return BackupsOut(
        is_configured=board.is_configured,
        trouble=[one.title for one in screens.promises_in_trouble()],
        points=[
            _point(row.name, copy, now)
            for row in (*sorted(board.rows, key=lambda row: row.name), board.own)
            for copy in row.copies
            if copy is not None
        ],
        quotes=[_quote(quote, now) for quote in board.quotes] if board.looked_after else [],
    )


def _point(database: str, copy: screens.CopyView, now: datetime) -> PointOut:
    return PointOut(
        database=database,
        replica=copy.number,
        store=copy.store,
        place=copy.place,
        nearest_km=copy.km,
        state=copy.state,
        at=copy.at,
        age_seconds=max(0.0, (now - copy.at).total_seconds()) if copy.at else None,
        lsn=copy.lsn,
        promise=copy.promise,
        unread_since=copy.unread_since,
        error=copy.error,
        missing=list(copy.missing),
        bytes=copy.bytes,
        proven_at=copy.proven_at,
        disproof=copy.disproof,
    )


def _quote(quote: Quote, now: datetime) -> QuoteOut:
    return QuoteOut(
        datacenter=quote.site,
        said=say(quote, now),
        untouched=quote.untouched,
        databases=[_loss(line, now) for line in quote.lines],
        own=_loss(quote.own, now) if quote.own else None,
    )


def _loss(line: Line, now: datetime) -> LossOut:
    lost = line.loses(now)
    return LossOut(
        database=line.database,
        replica=line.used.number if line.used else None,
        store=line.used.store if line.used else "",
        at=line.at,
        seconds=lost.total_seconds() if lost is not None else None,
        is_unread=line.is_unread,
        why_not=list(line.why_not),
        standbys=list(line.standbys),
    )
