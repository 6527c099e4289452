"""The one way to change a row that matters: compare-and-swap, audit entry, event.

All three stand in one transaction, so the log is complete by construction; the trigger of
`recovery.audit` refuses a change that comes another way. `create` · `move` (a state) ·
`amend` (other fields), each for one row or for thousands with the same number of statements.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models, transaction

from recovery.audit.actions import append_entries
from recovery.audit.facts import Actor, Entry
from recovery.core import events
from recovery.core.errors import Conflict, Refused
from recovery.core.guarded import Guarded

Row = TypeVar("Row", bound=Guarded)
Changes = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Cause:
    """What every entry of one change has in common."""

    action: str
    actor: Actor
    reason: str
    now: datetime
    evidence: Changes

    def entry(self, row: Guarded, version: int, before: Changes, after: Changes) -> Entry:
        return Entry(
            action=self.action,
            object_type=row.TYPE,
            object_id=str(row.pk),
            object_version=version,
            actor=self.actor,
            reason=self.reason,
            at=self.now,
            before=before,
            after={
                name: value.pk if isinstance(value, models.Model) else value
                for name, value in after.items()
            },
            evidence=self.evidence,
        )


def create(rows: Sequence[Row], *, actor: Actor, reason: str, now: datetime) -> Sequence[Row]:
    """Insert new rows of one model, each with its first entry."""
    if not rows:
        return rows
    model = type(rows[0])
    with transaction.atomic():
        cause = _Cause("created", actor, reason, now, {})
        upto = append_entries(cause.entry(row, 1, {}, _values(row)) for row in rows)
        model._default_manager.bulk_create(rows, batch_size=2000)
        events.announce(model.TYPE, [str(row.pk) for row in rows], "created", upto)
    return rows


def move(
    row: Row,
    to: str,
    *,
    actor: Actor,
    reason: str,
    now: datetime,
    changes: Changes | None = None,
    evidence: Changes | None = None,
) -> Row:
    """Take one row from the state that the caller saw to `to`. `Conflict`: someone was first."""
    seen = str(getattr(row, row.STATE))
    moved = move_many(
        type(row),
        {row.pk: dict(changes or {})},
        to,
        seen={seen},
        actor=actor,
        reason=reason,
        now=now,
        evidence=evidence,
    )
    if not moved:
        raise Conflict(
            f"{row.TYPE} {row} is no longer {seen}: somebody was first.",
            todo="Look at it again before acting.",
        )
    row.refresh_from_db()
    return row


def move_many(
    model: type[Row],
    changes: Mapping[Any, Changes] | Collection[object],
    to: str,
    *,
    seen: Collection[str] | None = None,
    actor: Actor,
    reason: str,
    now: datetime,
    evidence: Changes | None = None,
) -> list[Row]:
    """Move each row that is still in one of `seen` (default: every state that may precede
    `to`); the rows that moved, as they were before. The others are left as they are."""
    per_row = changes if isinstance(changes, Mapping) else {pk: {} for pk in changes}
    allowed = {state for state, following in model.MOVES.items() if to in following}
    wanted = allowed if seen is None else set(seen)
    if forbidden := wanted - allowed:
        raise Refused(f"{model.TYPE} cannot go from {', '.join(sorted(forbidden))} to {to}.")
    full = {pk: {**fields, model.STATE: to} for pk, fields in per_row.items()}
    return _change(
        model,
        full,
        only={f"{model.STATE}__in": wanted},
        cause=_Cause(to, actor, reason, now, evidence or {}),
    )


def amend(
    row: Row,
    changes: Changes,
    *,
    action: str,
    actor: Actor,
    reason: str,
    now: datetime,
    evidence: Changes | None = None,
) -> Row:
    """Change other fields than the state of the version that the caller saw."""
    changed = _change(
        type(row),
        {row.pk: changes},
        only={"version": row.version},
        cause=_Cause(action, actor, reason, now, evidence or {}),
    )
    if not changed:
        raise Conflict(f"{row.TYPE} {row} has changed meanwhile.", todo="Look at it again.")
    row.refresh_from_db()
    return row


def amend_many(
    model: type[Row],
    changes: Mapping[Any, Changes],
    *,
    action: str,
    actor: Actor,
    reason: str,
    now: datetime,
    only: Mapping[str, object] | None = None,
    evidence: Changes | None = None,
) -> list[Row]:
    """Change fields of many rows, where `only` (a filter) still holds; the rows as before."""
    return _change(
        model,
        changes,
        only=dict(only or {}),
        cause=_Cause(action, actor, reason, now, evidence or {}),
    )


def _change(
    model: type[Row],
    changes: Mapping[Any, Changes],
    *,
    only: Mapping[str, object],
    cause: _Cause,
) -> list[Row]:
    """Lock what still matches, log it, then write it: three statements for any number of rows."""
    if not changes:
        return []
    with transaction.atomic():
        rows = list(
            model._default_manager.select_for_update()
            .filter(pk__in=list(changes), **only)
            .order_by("pk")
        )
        if not rows:
            return []
        upto = append_entries(
            cause.entry(
                row,
                row.version + 1,
                {name: _plain(row, name) for name in changes[row.pk]},
                changes[row.pk],
            )
            for row in rows
        )
        for fields, group in _same_fields(rows, changes):
            _write(model, fields, group, changes)
        events.announce(model.TYPE, [str(row.pk) for row in rows], cause.action, upto)
    return rows


def _same_fields(
    rows: Iterable[Row], changes: Mapping[Any, Changes]
) -> list[tuple[tuple[str, ...], list[Row]]]:
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(sorted(changes[row.pk])), []).append(row)
    return list(groups.items())


def _write(
    model: type[Row],
    fields: tuple[str, ...],
    rows: Sequence[Row],
    changes: Mapping[Any, Changes],
) -> None:
    """One UPDATE from a JSON record set: each row its own values, one statement."""
    columns = [(name, model._meta.get_field(name)) for name in fields]
    names = [(name, _column(column)) for name, column in columns]
    types = ", ".join(
        f'"{column}" {_db_type(field)}'
        for (_, field), (_, column) in zip(columns, names, strict=True)
    )
    sets = ", ".join(f'"{column}" = s."{column}"' for _, column in names)
    table = model._meta.db_table
    payload = [
        {"id": row.pk, **{column: changes[row.pk][name] for name, column in names}} for row in rows
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{table}" AS t SET {sets}{", " if sets else ""}"version" = t."version" + 1 '  # noqa: S608 - names come from the model, never from input
            f"FROM jsonb_to_recordset(%s::jsonb) AS s(id uuid{', ' if types else ''}{types}) "
            "WHERE t.id = s.id",
            [json.dumps(payload, cls=_Encoder)],
        )


class _Encoder(DjangoJSONEncoder):
    """Rows may be named where their key is meant."""

    def default(self, o: object) -> object:
        return o.pk if isinstance(o, models.Model) else super().default(o)


def _column(field: object) -> str:
    assert isinstance(field, models.Field)
    return str(field.column)


def _db_type(field: object) -> str:
    assert isinstance(field, models.Field)
    related = field.target_field if isinstance(field, models.ForeignKey) else field
    return str(related.db_type(connection)).split(" GENERATED", maxsplit=1)[0]


def _values(row: Guarded) -> dict[str, object]:
    return {
        field.name: _plain(row, field.name)
        for field in row._meta.concrete_fields
        if field.name not in {"id", "version"}
    }


def _plain(row: Guarded, name: str) -> object:
    field = row._meta.get_field(name)
    return getattr(row, getattr(field, "attname", name))
