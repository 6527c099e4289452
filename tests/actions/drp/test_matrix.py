"""I-DR-2's matrix for whoever owns the application's role: by each way of writing rows, with the
ORM and in raw SQL, nobody approves what they asked for or wrote, and no approval is used again or
altered. (Pages, API and commands go through `actions.answer`, whose refusals are in test_runs.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import Error, connection, models, transaction

from recovery.audit.actions import append_entries
from recovery.drp.approvals.facts import Rule
from recovery.drp.models import Approval, ApprovalUse, Ask, BreakGlass
from tests.actions.drp.forging import entry, word
from tests.actions.drp.ground import Ground
from tests.support.fleet import NOW

Fields = Mapping[str, Any]
Write = Callable[[type[models.Model], Fields], None]


def execute(statement: str, values: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def created(model: type[models.Model], fields: Fields) -> None:
    model._default_manager.create(**fields)


def saved(model: type[models.Model], fields: Fields) -> None:
    model(**fields).save(force_insert=True)


def in_bulk(model: type[models.Model], fields: Fields) -> None:
    model._default_manager.bulk_create([model(**fields)], ignore_conflicts=False)


def _columns(fields: Fields) -> tuple[str, str]:
    return ", ".join(f'"{name}"' for name in fields), ", ".join(["%s"] * len(fields))


def inserted(model: type[models.Model], fields: Fields) -> None:
    names, places = _columns(fields)
    execute(
        f"INSERT INTO {model._meta.db_table} ({names}) VALUES ({places})",  # noqa: S608
        list(fields.values()),
    )


def upserted(model: type[models.Model], fields: Fields) -> None:
    names, places = _columns(fields)
    execute(
        f"INSERT INTO {model._meta.db_table} ({names}) VALUES ({places})"  # noqa: S608
        " ON CONFLICT (id) DO NOTHING",
        list(fields.values()),
    )


def through_a_query(model: type[models.Model], fields: Fields) -> None:
    names, places = _columns(fields)
    execute(
        f"WITH it AS (INSERT INTO {model._meta.db_table} ({names}) SELECT {places}"  # noqa: S608
        " RETURNING id) SELECT * FROM it",
        list(fields.values()),
    )


def merged(model: type[models.Model], fields: Fields) -> None:
    names, places = _columns(fields)
    execute(
        f"MERGE INTO {model._meta.db_table} USING (SELECT 1) one ON false"  # noqa: S608
        f" WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({places})",
        list(fields.values()),
    )


def copied(model: type[models.Model], fields: Fields) -> None:
    names, _ = _columns(fields)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {model._meta.db_table} ({names}) FROM STDIN") as copy,
    ):
        copy.write_row(list(fields.values()))


WAYS: tuple[Write, ...] = (
    created, saved, in_bulk, inserted, upserted, through_a_query, merged, copied,
)  # fmt: skip


def attempt(way: Write, model: type[models.Model], kind: str, fields: Fields) -> str:
    """Why PostgreSQL refuses this row with its entry; empty where it takes it. Always undone."""
    row = {"id": uuid4(), "version": 1, **fields}
    try:
        with transaction.atomic():
            append_entries([entry(kind, row["id"], 1)])
            way(model, row)
            transaction.set_rollback(True)
    except (Error, psycopg.Error) as error:  # COPY goes past Django
        return str(error)
    return ""


def test_by_no_way_of_writing_is_whoever_asked_or_wrote_an_approver(asked: Ground) -> None:
    ask = asked.ask("fence")
    for way in WAYS:
        fine = word(asked, ask, "chloe")
        assert attempt(way, Approval, "drp approval", fine) == "", f"{way.__name__} works at all"
        for column, who in product(("approver", "principal"), ("amelie", "emil")):
            told = attempt(way, Approval, "drp approval", fine | {column: who})
            assert "never approves" in told, (way.__name__, column, who)
        for changes in ({"requester": "x"}, {"editor": "x"}, {"digest": "0" * 64}):
            told = attempt(way, Approval, "drp approval", fine | changes)
            assert "about another run" in told, (way.__name__, changes)
        over = word(asked, asked.ask("tell"), "chloe")
        assert "nobody asks this" in attempt(way, Approval, "drp approval", over)
        again = word(asked, ask, "bruno")
        assert "one_word_per" in attempt(way, Approval, "drp approval", again)


def test_by_no_way_of_writing_is_an_approval_used_again_or_for_something_else(
    asked: Ground,
) -> None:
    asked.say("fence", "chloe")
    used = ApprovalUse.objects.get()
    fence, tell, promote = (asked.step(name) for name in ("fence", "tell", "promote"))
    fresh = Approval.objects.filter(ask__step=fence).latest("given_at")
    for way in WAYS:

        def use(way: Write, approval: Approval, step: object, turn: int = 1) -> str:
            fields = {
                "approval_id": approval.pk,
                "step_id": step,
                "round": turn,
                "used_at": NOW,
                "pulse": 0.0,
            }
            return attempt(way, ApprovalUse, "drp approval use", fields)

        assert use(way, fresh, fence.pk) == "", f"{way.__name__} works at all"
        for approval, step, turn in (
            (used.approval, fence.pk, 1),
            (used.approval, tell.pk, 1),
            (fresh, promote.pk, 1),
            (fresh, fence.pk, 2),
        ):
            assert "not of this step now" in use(way, approval, step, turn), way.__name__


def alterations(model: type[models.Model]) -> list[Callable[[], Any]]:
    """Each way of changing a row that is there, or of removing it."""
    row = model._default_manager.first()
    assert row is not None
    table, rows = model._meta.db_table, model._default_manager
    row.version += 1  # type: ignore[attr-defined]
    return [
        lambda: rows.update(version=2),
        lambda: rows.bulk_update([row], ["version"]),
        row.save,
        lambda: row.save(update_fields=["version"]),
        lambda: rows.update_or_create(pk=row.pk, defaults={"version": 2}),
        lambda: rows.all().delete(),
        row.delete,
        lambda: rows.filter(pk=row.pk)._raw_delete(using="default"),
        lambda: execute(f"UPDATE {table} SET version = 2", []),  # noqa: S608
        lambda: execute(f"UPDATE {table} SET version = version WHERE false", []),  # noqa: S608
        lambda: execute(f"DELETE FROM {table}", []),  # noqa: S608
        lambda: execute(
            f"INSERT INTO {table} SELECT * FROM {table} ON CONFLICT (id)"  # noqa: S608
            " DO UPDATE SET version = 2",
            [],
        ),
        lambda: execute(f"TRUNCATE {table} CASCADE", []),
        lambda: execute(
            f"MERGE INTO {table} t USING (SELECT 1) one ON true"
            " WHEN MATCHED THEN UPDATE SET version = 2",
            [],
        ),
        lambda: execute(
            f"MERGE INTO {table} t USING (SELECT 1) one ON true WHEN MATCHED THEN DELETE", []
        ),
        lambda: execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL", []),
        lambda: execute(f"DROP TABLE {table}", []),
        lambda: execute("SET session_replication_role = replica", []),
        lambda: execute("SET ROLE tocsin_owner", []),
        lambda: execute("CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql"
                        " AS $$ BEGIN RETURN NULL; END $$", []),
    ]  # fmt: skip


def test_by_no_way_of_writing_is_what_people_said_altered_or_removed(asked: Ground) -> None:
    asked.glass("fence", "dora", Rule.TOO_FEW_PEOPLE)
    for model, kind in (
        (Approval, "drp approval"),
        (ApprovalUse, "drp approval use"),
        (BreakGlass, "drp break-glass"),
    ):
        before = list(model._default_manager.order_by("pk").values())
        keys = [row["id"] for row in before]
        assert keys, "there is something to alter"
        for number, alter in enumerate(alterations(model)):
            try:
                with transaction.atomic():
                    append_entries([entry(kind, key, 2) for key in keys])
                    alter()
            except (Error, models.ProtectedError):
                pass
            else:
                raise AssertionError(f"way {number} is open on {model.__name__}")
        assert list(model._default_manager.order_by("pk").values()) == before


def test_by_no_way_of_writing_is_a_question_that_is_over_opened_again(asked: Ground) -> None:
    """Its state moves as its picture says, and its nonce and its round never do."""
    row = asked.ask("tell")
    assert row.state == "used"
    for changes in ({"state": "open"}, {"nonce": "0" * 64}, {"round": 2}, {"step_id": uuid4()}):
        for way in (
            lambda values: Ask.objects.filter(pk=row.pk).update(**values),
            _sql_update(row),
        ):
            with pytest.raises(Error, match="never"):
                with_entry(row, way, changes)


def with_entry(row: Ask, way: Callable[[Fields], object], changes: Fields) -> None:
    with transaction.atomic():
        append_entries([entry("drp question", row.pk, row.version + 1)])
        way({**changes, "version": row.version + 1})


def _sql_update(row: Ask) -> Callable[[Fields], None]:
    def update(values: Fields) -> None:
        sets = ", ".join(f'"{name}" = %s' for name in values)
        execute(f"UPDATE drp_ask SET {sets} WHERE id = %s", [*values.values(), row.pk])  # noqa: S608

    return update
