"""What must be done once before the processes start: roles, tables, people.

Invariant: each part says when it is done by a marker written after it, so that an interrupted
first start is taken up where it stopped.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psycopg
import redis

from recovery.core.errors import TocsinError
from recovery.engines import roles
from recovery.engines.postgres import Cluster
from recovery.engines.state import State

ROLES_READY, ARCHIVER_READY, MIGRATED = "four-roles.ready", "archiver.ready", "migrated"
"""What was done in the data that are in place now. After a restore none of it is known. (What is
"roles.ready" alone is of a version that had no sealer's role yet.)"""
SHOWN = "people.ready"
"""Written once the passwords of the demonstration stood on somebody's screen."""


class FirstStepFailed(TocsinError):
    """A step before the start failed; the message holds its words."""


def ensure_own_database(cluster: Cluster, state: State) -> None:
    """Roles, database and rights in the cluster that Tocsin brings along."""
    marker = state.folder / "postgres" / ROLES_READY
    if marker.exists():
        return
    with cluster.superuser() as connection:
        roles.ensure_roles(
            connection,
            migrator=state.secret("migrator"),
            application=state.secret("application"),
            sealer=state.secret("sealer"),
        )
        roles.ensure_database(connection)
    with cluster.superuser(roles.DATABASE) as connection:
        roles.grant_application(connection, roles.DATABASE)
    marker.touch()


def ensure_archiver(cluster: Cluster, state: State) -> None:
    """Who archives the cluster that Tocsin brings along."""
    marker = state.folder / "postgres" / ARCHIVER_READY
    if marker.exists():
        return
    with cluster.superuser(roles.DATABASE) as connection:
        roles.ensure_archiver(connection, password=state.secret("archiver"))
    marker.touch()


def check_not_lost(state: State) -> None:
    """An empty cluster is never made where one was archived: it would look like a fresh Tocsin."""
    if (state.folder / "own" / "stores.json").exists():
        raise FirstStepFailed(
            f"Tocsin's own data are not in {state.folder / 'postgres'} any more, and an archive "
            "of them is known.",
            kept="Nothing was started or changed.",
            todo="Bring them back: manage.py own restore --replica 2. To begin anew without them: "
            "make reset.",
        )


def check_database(url: str, name: str) -> None:
    """An external PostgreSQL must let us in; the sentence names the variable."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.Error as error:
        raise FirstStepFailed(
            f"PostgreSQL did not let us in: {' '.join(str(error).split())}", field=name
        ) from error


def check_store(url: str) -> None:
    """An external Redis or Valkey must answer."""
    try:
        with redis.Redis.from_url(url, socket_timeout=5.0) as client:
            client.ping()
    except redis.RedisError as error:
        raise FirstStepFailed(f"it did not answer: {error}", field="TOCSIN_REDIS_URL") from error


def migrations_mark(root: Path) -> str:
    """Changes whenever our migrations or the locked packages (theirs) do."""
    found = hashlib.sha256()
    files = [*root.glob("*/migrations/*.py"), *root.glob("*/*/migrations/*.py")]
    for path in sorted([*files, root / "requirements" / "base.txt"]):
        found.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return found.hexdigest()


def migrate(root: Path, state: State, env: Mapping[str, str], *, always: bool) -> bool:
    """Bring the tables up to date as the migrator; False when they were already."""
    marker, mark = state.folder / "postgres" / MIGRATED, migrations_mark(root)
    if not always and marker.exists() and marker.read_text() == mark:
        return False
    run_command(root, env, "migrate", "--verbosity", "0", "--skip-checks")
    if not always:
        marker.write_text(mark)
    return True


def welcome(root: Path, state: State, env: Mapping[str, str]) -> str:
    """The demonstration's people and passwords, until a start showed them; else nothing.

    A start that ended before that is made good by the next one: nobody has seen the old ones.
    """
    marker = state.folder / "postgres" / SHOWN
    if marker.exists():
        return ""
    passwords = run_command(root, env, "people", "--once").strip()
    if not passwords:
        were_shown(state)
    return passwords


def were_shown(state: State) -> None:
    """They stand on somebody's screen, or are none of ours to show."""
    marker = state.folder / "postgres" / SHOWN
    marker.parent.mkdir(exist_ok=True)
    marker.touch()


def run_command(root: Path, env: Mapping[str, str], *words: str) -> str:
    """Run a management command to its end; what it printed."""
    argv = [sys.executable, "manage.py", *words]
    done = subprocess.run(
        argv, cwd=root, env=dict(env), capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-6:])
        raise FirstStepFailed(f"manage.py {' '.join(words)} failed:\n{last}")
    return done.stdout
