"""The log as people read it: newest first, filtered, one page at a time by id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recovery.audit import queries
from recovery.audit.models import AuditEntry

PAGE = 50


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry with what it changed."""

    id: int
    recorded_at: datetime
    object_type: str
    object_id: str
    object_version: int
    action: str
    actor_type: str
    actor: str
    reason: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    body: Mapping[str, Any]
    leaf: int | None = None

    @property
    def changes(self) -> list[tuple[str, object, object]]:
        """(field, before, after), fields in order."""
        names = sorted({*self.before, *self.after})
        return [(n, self.before.get(n, ""), self.after.get(n, "")) for n in names]


def entries(
    *,
    object_type: str = "",
    object_id: str = "",
    actor: str = "",
    action: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
) -> tuple[EntryView, ...]:
    """A page of the log; `before`: only entries older than this id."""
    rows = AuditEntry.objects.order_by("-id")
    wanted = {
        "object_type": object_type,
        "object_id": object_id,
        "body__actor__id": actor,
        "body__action": action,
        "recorded_at__gte": since,
        "recorded_at__lt": until,
    }
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    if before is not None:
        rows = rows.filter(id__lt=before)
    found = list(rows[:PAGE])
    leaves = queries.leaves_of([row.pk for row in found])
    return tuple(_view(row, leaves.get(row.pk)) for row in found)


def find_entry(pk: int) -> EntryView | None:
    row = AuditEntry.objects.filter(pk=pk).first()
    return _view(row, queries.leaves_of([pk]).get(pk)) if row else None


@dataclass(frozen=True, slots=True)
class SealView:
    """The newest checkpoint, the newest that a host has cosigned, what waits for the next one.

    `kept_by`: hosts that keep some checkpoint."""

    size: int
    root: str
    signed_at: datetime | None
    cosigned: int
    witnesses: tuple[str, ...]
    kept_by: int
    waiting: queries.Waiting

    def covers(self, leaf: int | None) -> bool:
        return leaf is not None and leaf < self.size


def seal() -> SealView:
    """How far the log is sealed, as of now."""
    newest, waits = queries.newest_checkpoint(), queries.waiting()
    seen = queries.witnessed()
    cosigned = max(seen.values(), default=0)
    return SealView(
        size=newest.size if newest else 0,
        root=newest.root.hex() if newest else "",
        signed_at=newest.signed_at if newest else None,
        cosigned=cosigned,
        witnesses=tuple(sorted(name for name, size in seen.items() if size == cosigned)),
        kept_by=len(seen),
        waiting=waits,
    )


def latest_id() -> int:
    """The newest entry's id: it rises with every committed change."""
    return AuditEntry.objects.order_by("-id").values_list("id", flat=True).first() or 0


def _view(row: AuditEntry, leaf: int | None) -> EntryView:
    body = row.body
    actor = body.get("actor", {})
    return EntryView(
        id=row.pk,
        recorded_at=row.recorded_at,
        object_type=row.object_type,
        object_id=row.object_id,
        object_version=row.object_version,
        action=body.get("action", ""),
        actor_type=actor.get("type", ""),
        actor=actor.get("id", ""),
        reason=body.get("reason", ""),
        before=body.get("before", {}),
        after=body.get("after", {}),
        body=body,
        leaf=leaf,
    )
