"""The roles of Tocsin's own database, and who may do what.

Invariants: the *owner* owns every table and cannot log in; the *migrator* logs in, acts as
owner, and is used for migrations alone; the *application* owns nothing, cannot change the
schema, and never truncates. What a migration takes from it (audit rows, the sealing of them) stays
taken. The *sealer* may what the application may, and seal the audit log; one process has its
password. The *archiver* reads the log and whole copies of the data, and writes canaries of its own
alone.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

OWNER = "tocsin_owner"
MIGRATOR = "tocsin_migrator"
APPLICATION = "tocsin_app"
SEALER = "tocsin_sealer"
ARCHIVER = "tocsin_archiver"
DATABASE = "tocsin"
CANARIES = "tocsin_probe"
"""The schema of what a restore must bring back (agent/backups/canary.py)."""


def ensure_roles(
    connection: psycopg.Connection, *, migrator: str, application: str, sealer: str
) -> None:
    """Make the roles or set their passwords (`migrator`, `application`, `sealer`) anew."""
    for name, login in ((OWNER, False), (MIGRATOR, True), (APPLICATION, True), (SEALER, True)):
        found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
        verb = sql.SQL("ALTER ROLE {}" if found else "CREATE ROLE {}").format(sql.Identifier(name))
        rights = sql.SQL(" LOGIN" if login else " NOLOGIN")
        inherits = sql.SQL(" INHERIT" if name == SEALER else " NOINHERIT")
        connection.execute(
            verb + rights + sql.SQL(" NOSUPERUSER NOCREATEDB NOCREATEROLE") + inherits
        )
    for name, password in ((MIGRATOR, migrator), (APPLICATION, application), (SEALER, sealer)):
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(password))
        )
    for role, member in ((OWNER, MIGRATOR), (APPLICATION, SEALER)):
        connection.execute(
            sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(member))
        )


def ensure_archiver(connection: psycopg.Connection, *, password: str) -> None:
    """Who archives the database of this connection; no superuser, and owner of no row of ours."""
    name, schema = sql.Identifier(ARCHIVER), sql.Identifier(CANARIES)
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ARCHIVER]).fetchone()
    verb = sql.SQL("ALTER ROLE {}" if found else "CREATE ROLE {}").format(name)
    rights = " LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT PASSWORD {}"
    connection.execute(verb + sql.SQL(rights).format(sql.Literal(password)))
    database = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, name))
    made = sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}")
    connection.execute(made.format(schema, name))


def ensure_database(
    connection: psycopg.Connection, name: str = DATABASE, *, template: str = "template0"
) -> bool:
    """Make a database that the owner owns; False when it was there already."""
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        return False
    connection.execute(
        sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template)
        )
    )
    return True


def drop_database(connection: psycopg.Connection, name: str) -> None:
    """Remove a database and whoever is still connected to it."""
    connection.execute(
        sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    )


def grant_application(connection: psycopg.Connection, name: str) -> None:
    """In the database of this connection: rows for the application, schema for the owner."""
    owner, application = sql.Identifier(OWNER), sql.Identifier(APPLICATION)
    statements = (
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "GRANT CONNECT ON DATABASE {database} TO {application}, {migrator}",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "ALTER SCHEMA public OWNER TO {owner}",
        "GRANT USAGE ON SCHEMA public TO {application}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public"
        " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {application}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public"
        " GRANT USAGE, SELECT ON SEQUENCES TO {application}",
    )
    for statement in statements:
        connection.execute(
            sql.SQL(statement).format(
                database=sql.Identifier(name),
                owner=owner,
                application=application,
                migrator=sql.Identifier(MIGRATOR),
            )
        )
