"""Runbooks and reports through the API: what is in force, propose and review, signed files."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from dashboard.acts import plans as acts
from dashboard.api.auth import caller
from dashboard.api.schemas import Told
from dashboard.permissions import May
from recovery.core.errors import Missing, no_such
from recovery.drp.models import RunbookVersion
from recovery.drp.queries.books import book_lines
from recovery.drp.queries.reports import find_run

router = Router()


class VersionOut(Schema):
    name: str
    version: int
    state: str
    digest: str


class RunbookOut(Schema):
    """`looked_at` null: the lint has not seen the version in force yet. `digest`: of this version;
    `proposed`, `proposals`: the newer ones that wait for a review, and what that takes of each."""

    name: str
    version: int
    state: str
    digest: str
    proposed: list[int]
    proposals: list[VersionOut]
    stale: bool
    findings: list[str]
    looked_at: datetime | None


class ProposalIn(Told):
    """`base`: the newest version that was seen, 0 for a new runbook."""

    name: str = Field(default="", max_length=40)
    text: str = Field(max_length=1_000_000)
    base: int = Field(ge=0)
    reason: str = Field(min_length=3, max_length=300)


class ReviewIn(Told):
    """`seen`: the digest of what was read; `over`: the version in force it was compared with."""

    seen: str = Field(max_length=64)
    over: int = Field(ge=0)
    reason: str = Field(min_length=3, max_length=300)


class SaidOut(Schema):
    said: str


@router.get("/runbooks", response=list[RunbookOut])
def runbooks(request: HttpRequest) -> list[RunbookOut]:
    """Each once: the version in force, else the newest."""
    caller(request, May.VIEW)
    return [
        RunbookOut(
            name=one.row.name,
            version=one.row.number,
            state=one.row.state,
            digest=one.row.digest,
            proposed=list(one.proposed),
            proposals=[_version(row) for row in one.drafts],
            stale=one.is_stale,
            findings=[f"{each.said} {each.todo}" for each in one.findings],
            looked_at=one.looked_at,
        )
        for one in book_lines()
    ]


@router.post("/runbooks", response=VersionOut)
def propose(request: HttpRequest, told: ProposalIn) -> VersionOut:
    """A draft; faults come back with line and column, and nothing is written."""
    actor = caller(request, May.WRITE_RUNBOOK).actor
    row = acts.propose(told.name, told.text, base=told.base, actor=actor, reason=told.reason)
    return _version(row)


def _version(row: RunbookVersion) -> VersionOut:
    return VersionOut(name=row.name, version=row.number, state=row.state, digest=row.digest)


@router.post("/runbooks/{name}/{number}/review", response=SaidOut)
def review(request: HttpRequest, name: str, number: int, told: ReviewIn) -> SaidOut:
    """The second person's word: what was read comes into force."""
    actor = caller(request, May.REVIEW_RUNBOOK).actor
    row = RunbookVersion.objects.filter(name=name, number=number).first()
    if row is None:
        raise Missing(f"{name} has no version {number}.", field="number")
    said = acts.make_active(row, seen=told.seen, over=told.over, actor=actor, reason=told.reason)
    return SaidOut(said=said)


def _no_report(number: int) -> Missing:
    if number < 1:
        return no_such("DRP", number)
    return Missing(f"There is no such report of DRP-{number:04d}.", field="number")


@router.get("/runs/{number}/report")
def report(request: HttpRequest, number: int, version: int | None = None) -> HttpResponse:
    """The signed bytes; the line of their signature and its key stand in the headers."""
    caller(request, May.VIEW)
    run = find_run(number)
    rows = acts.versions(run) if run is not None else []
    row = next((one for one in rows if version in {None, one.number}), None)
    if row is None:
        raise _no_report(number)
    response = HttpResponse(row.raw.encode(), content_type="application/json")
    response["X-Tocsin-Signature"] = row.signature.removeprefix("— ").strip()
    response["X-Tocsin-Key"] = row.key
    return response
