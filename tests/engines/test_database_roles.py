"""The application's role: rows yes, schema and audit log no; in tests as in production."""

from __future__ import annotations

import pytest
from django.db import ProgrammingError, connection

from tests.support.databases import Database


def _one(sql: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


@pytest.mark.django_db
def test_tests_are_connected_as_the_application() -> None:
    assert _one("SELECT current_user") == "tocsin_app"
    assert _one("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'audit_entry'") == (
        "tocsin_owner"
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE audit_entry",
        "DELETE FROM audit_entry",
        "UPDATE audit_entry SET object_id = 'x'",
        "CREATE TABLE mine (id int)",
        "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
        "SET ROLE tocsin_owner",
        "SET session_replication_role = replica",
    ],
)
def test_the_application_is_refused(statement: str) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        _one(statement)


@pytest.mark.django_db(transaction=True)
def test_a_test_that_commits_has_a_database_of_its_own() -> None:
    assert str(_one("SELECT current_database()")).startswith("tocsin_")
    assert connection.get_autocommit()


def test_a_fresh_database_is_seen_by_other_connections(fresh_database: Database) -> None:
    import psycopg

    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO auth_group (name) VALUES ('night shift')")
    with psycopg.connect(fresh_database.url) as other:
        assert other.execute("SELECT count(*) FROM auth_group").fetchone() == (1,)
