"""Whoever owns the application's role, in raw SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
from django.db import Error, connection, transaction

from recovery.audit.actions import append_entries
from recovery.audit.facts import Actor, Entry
from recovery.drp import queries
from recovery.drp.models import Ask
from tests.actions.drp.ground import Ground
from tests.support.fleet import NOW


def entry(kind: str, pk: object, version: int) -> Entry:
    """A forger may write audit entries, too: the log's door is open to the application."""
    return Entry("forged", kind, str(pk), version, Actor("person", "mallory"), "x", NOW)


def sql(statement: str, values: list[Any], *entries: Entry) -> None:
    with transaction.atomic():
        append_entries(entries)
        with connection.cursor() as cursor:
            cursor.execute(statement, values)


def refused(statement: str, values: list[Any], *entries: Entry) -> str:
    with pytest.raises(Error) as caught:
        sql(statement, values, *entries)
    return str(caught.value)


def insert(table: str, kind: str, fields: Mapping[str, Any]) -> None:
    """A row in raw SQL, with its entry."""
    row: dict[str, Any] = {"id": uuid4(), "version": 1, **fields}
    names = ", ".join(f'"{name}"' for name in row)
    places = ", ".join(["%s"] * len(row))
    sql(
        f"INSERT INTO {table} ({names}) VALUES ({places})",  # noqa: S608 - our own names
        list(row.values()),
        entry(kind, row["id"], 1),
    )


def word(ground: Ground, ask: Ask, who: str, **changes: object) -> dict[str, object]:
    """An approval of it, as a forger would write it."""
    run = ground.run
    fields: dict[str, object] = {
        "ask_id": ask.pk,
        "approver": who,
        "principal": who,
        "requester": run.requested_by,
        "editor": run.last_editor,
        "digest": run.digest,
        "is_yes": True,
        "reason": "",
        "factor": "passkey",
        "proof": "{}",
        "given_at": queries.database_now(),
        "pulse": 0.0,
        "incarnation": 0,
        "broke_id": None,
    }
    return fields | changes


def insert_word(ground: Ground, ask: Ask, who: str, **changes: object) -> None:
    insert("drp_approval", "drp approval", word(ground, ask, who, **changes))
