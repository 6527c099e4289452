"""The sealed log through the API: lines to follow, the newest checkpoint, a leaf's proof."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Field, Query, Router, Schema

from dashboard.api.auth import caller
from dashboard.api.schemas import Written
from dashboard.permissions import May
from recovery.audit import queries
from recovery.audit.bundle import checkpoint_with_witnesses, prove
from recovery.audit.export import export_lines

router = Router()
TYPES = {"jsonl": "application/x-ndjson", "cef": "text/plain", "syslog": "text/plain"}


class Which(Schema):
    """Ask again from one more than the last line's leaf: a line never changes."""

    format: Literal["jsonl", "cef", "syslog"] = "jsonl"
    first: int = Field(default=0, ge=0, le=2**62, description="the first leaf")
    limit: int = Field(default=1000, ge=1, le=10_000)
    object_type: str = Field(default="", max_length=120)
    object_id: str = Field(default="", max_length=120)
    actor: str = Field(default="", max_length=120)
    action: str = Field(default="", max_length=120)
    since: Written | None = None
    until: Written | None = None


class CheckpointOut(Schema):
    """`note`: null before the first; with the witnesses' cosignatures under the log's own.
    `witnessed`: host → how many leaves the newest checkpoint has that it cosigned.
    `unsealed`: entries that are no leaf yet; `unsigned`: those under no checkpoint yet."""

    size: int
    note: str | None
    signed_at: datetime | None
    witnessed: dict[str, int]
    unsealed: int
    unsigned: int
    oldest_seconds: float
    keys: list[str]


@router.get("/entries")
def entries(request: HttpRequest, which: Query[Which]) -> StreamingHttpResponse:
    """Sealed entries in the order of the log, one a line."""
    caller(request, May.READ_AUDIT)
    only = {name: getattr(which, name) for name in queries.FILTERS}
    lines = export_lines(which.format, first=which.first, at_most=which.limit, only=only)
    return StreamingHttpResponse(_lines(lines), content_type=TYPES[which.format])


@router.get("/checkpoint", response=CheckpointOut)
def checkpoint(request: HttpRequest) -> CheckpointOut:
    caller(request, May.READ_AUDIT)
    newest, waits = queries.newest_checkpoint(), queries.waiting()
    size = newest.size if newest else 0
    return CheckpointOut(
        size=size,
        note=checkpoint_with_witnesses(size) if newest else None,
        signed_at=newest.signed_at if newest else None,
        witnessed=queries.witnessed(),
        unsealed=waits.unsealed,
        unsigned=waits.unsigned,
        oldest_seconds=waits.seconds,
        keys=queries.log_keys(),
    )


@router.get("/proof/{leaf}")
def proof(request: HttpRequest, leaf: int) -> HttpResponse:
    """A `.tlog-proof` (c2sp.org/tlog-proof); 404 while no checkpoint covers the leaf."""
    caller(request, May.READ_AUDIT)
    text = prove(leaf)
    if text is None:
        raise Http404(f"No checkpoint covers leaf {leaf} yet.")
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


def _lines(lines: Iterator[tuple[int, str]]) -> Iterator[str]:
    return (f"{line}\n" for _, line in lines)
