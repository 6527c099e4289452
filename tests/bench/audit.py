"""`make bench-audit`: audited commits a second with the sealer running, and a storm sealed.

A real PostgreSQL with fsync, the real `manage.py sealer`, and pgbench as the application's
role: each commit changes one row of a guarded table and writes its entry in the same
transaction. Beside it the same change of an unguarded table, in the same run. Then the entries
of 60,000 placements at once, and the time until a signed checkpoint covers the last of them.
Ends with 1 below 2,000 audited commits/s, above 5 s, or where the log does not verify.
SECONDS=6 CLIENTS=32 PLACEMENTS=60000.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recovery.engines import roles
from recovery.engines.postgres import Cluster, find_programs
from tests.support.running import ROOT

PASSWORD = "for-tests-alone"
ROWS = 10_000
LEAST_COMMITS, MOST_SECONDS = 2000, 5.0
BODY = (
    '{"v": 1, "action": "running", "object": {"type": "bench", "id": "ID", "version": VERSION},'
    ' "actor": {"type": "controller", "id": "controller-1", "epoch": 7}, "reason": "Its container'
    ' answers on its health path.", "ts_claim": "2026-11-29T00:00:00+00:00",'
    ' "before": {"state": "starting", "port": 0}, "after": {"state": "running", "port": 20001,'
    ' "running_at": "2026-11-29T00:00:00+00:00"}, "evidence": {"report": 4211}}'
)
AUDITED = """\\set id random(1, {rows})
BEGIN;
SELECT version + 1 AS v FROM bench_row WHERE id = :id FOR UPDATE \\gset
SELECT audit_append(bench_entry(:id, :v));
UPDATE bench_row SET version = :v WHERE id = :id;
COMMIT;
"""
PLAIN = """\\set id random(1, {rows})
BEGIN;
SELECT version + 1 AS v FROM bench_plain WHERE id = :id FOR UPDATE \\gset
UPDATE bench_plain SET version = :v WHERE id = :id;
COMMIT;
"""
ENTRY = """CREATE FUNCTION bench_entry(id bigint, version bigint) RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_array(replace(replace('{0}', 'ID', id::text), 'VERSION', version::text)::jsonb)
$$"""
TABLE = "CREATE TABLE {0} (id bigint PRIMARY KEY, version bigint NOT NULL)"
FILL = "INSERT INTO {0} SELECT i, 1 FROM generate_series(1, {1}) i"


def main(words: list[str]) -> int:
    given = {**os.environ, **dict(word.split("=", 1) for word in words if "=" in word)}
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-audit-", dir=_disk()) as home:
        folder = Path(home)
        cluster = Cluster(folder / "postgres", settings={"max_connections": "150"})
        try:
            cluster.start()
            environment = _prepared(cluster, folder)
            os.environ.update(environment)
            return _measured(cluster, given)
        finally:
            cluster.stop()


def _disk() -> str:
    """Not a memory file system: what fsync costs is the point."""
    folder = ROOT / "var"
    folder.mkdir(exist_ok=True)
    return str(folder)


def _prepared(cluster: Cluster, folder: Path) -> dict[str, str]:
    with cluster.superuser() as connection:
        roles.ensure_roles(connection, migrator=PASSWORD, application=PASSWORD, sealer=PASSWORD)
        roles.ensure_database(connection)
    with cluster.superuser(roles.DATABASE) as connection:
        roles.grant_application(connection, roles.DATABASE)
    environment = {
        "DJANGO_SETTINGS_MODULE": "dashboard.settings",
        "TOCSIN_VAR": str(folder / "var"),
        "TOCSIN_SECRET_KEY": PASSWORD,
        "TOCSIN_DATABASE_URL": cluster.url(roles.APPLICATION, PASSWORD, roles.DATABASE),
        "TOCSIN_MIGRATOR_DATABASE_URL": cluster.url(roles.MIGRATOR, PASSWORD, roles.DATABASE),
    }
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0", "--skip-checks"]
    subprocess.run(migrate, cwd=ROOT, env=os.environ | environment, check=True)
    with cluster.superuser(roles.DATABASE) as connection:
        connection.execute(f"SET ROLE {roles.OWNER}")
        for table in ("bench_row", "bench_plain"):
            connection.execute(TABLE.format(table))
            connection.execute(FILL.format(table, ROWS))
        connection.execute(ENTRY.replace("{0}", BODY))
        connection.execute("SELECT audit_guard_table('bench_row', 'bench')")
    return environment


def _measured(cluster: Cluster, given: dict[str, str]) -> int:
    import django

    django.setup()
    from recovery.audit.verify import verify_log
    from tests.bench.__main__ import keep

    seconds, clients = int(given.get("SECONDS", "6")), int(given.get("CLIENTS", "32"))
    with _sealer(cluster):
        plain = _pgbench(cluster, PLAIN, seconds, clients)
        audited = _pgbench(cluster, AUDITED, seconds, clients)
        drained = _until_signed(time.monotonic())
        storm = _storm(int(given.get("PLACEMENTS", "60000")))
    found = verify_log()
    figures: dict[str, object] = {
        "clients": clients,
        "plain_commits_per_second": round(plain),
        "audited_commits_per_second": round(audited),
        "seconds_until_signed_after_load": round(drained, 2),
        **storm,
        "entries": found.sealed,
        "checkpoints": found.checkpoints,
        "wrong": [finding.said for finding in found.findings],
    }
    keep("audit", figures)
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):42} {value}")
    is_fast = audited >= LEAST_COMMITS and float(str(storm["storm_seconds"])) <= MOST_SECONDS
    return 0 if is_fast and found.is_whole else 1


@contextmanager
def _sealer(cluster: Cluster) -> Iterator[None]:
    argv = [sys.executable, "manage.py", "sealer"]
    own = {"TOCSIN_DATABASE_URL": cluster.url(roles.SEALER, PASSWORD, roles.DATABASE)}
    with subprocess.Popen(argv, cwd=ROOT, env=os.environ | own) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)


def _pgbench(cluster: Cluster, script: str, seconds: int, clients: int) -> float:
    """Commits a second, by pgbench's own count; no transaction may fail."""
    path = cluster.folder.parent / "script.sql"
    path.write_text(script.format(rows=ROWS))
    argv = [str(find_programs() / "pgbench"), "--no-vacuum", "--file", str(path)]
    argv += ["--client", str(clients), "--jobs", "2", "--time", str(seconds), "--protocol=prepared"]
    url = os.environ["TOCSIN_DATABASE_URL"]
    ran = subprocess.run([*argv, url], capture_output=True, text=True, check=True)
    found = re.search(r"tps = ([\d.]+) ", ran.stdout)
    if found is None or " 0 (0.000%)" not in ran.stdout:
        raise RuntimeError(ran.stdout + ran.stderr)
    return float(found[1])


def _storm(count: int) -> dict[str, object]:
    """One transaction's entries of as many new placements; until they are sealed and signed."""
    from django.db import transaction

    from recovery.audit import queries
    from recovery.audit.actions import append_entries

    with transaction.atomic():
        append_entries(_placements(count))
        before = queries.head().size
    began = time.monotonic()
    while queries.head().size < before + count:
        time.sleep(0.01)
    sealed = time.monotonic() - began
    return {
        "storm_entries": count,
        "storm_seconds": round(sealed, 2),
        "storm_signed_seconds": round(sealed + _until_signed(time.monotonic()), 2),
    }


def _placements(count: int) -> Iterator[Any]:
    from uuid import UUID

    from recovery.audit.facts import Actor, Entry
    from recovery.core.clock import system
    from recovery.core.transitions import _values
    from recovery.inventory.models import Placement

    by, now = Actor("controller", "controller-1", 7), system.now()
    for number in range(count):
        seat = Placement(
            container_id=UUID(int=number), host_id=UUID(int=number % 999), planned_at=now
        )
        yield Entry(
            action="created",
            object_type="placement",
            object_id=str(seat.pk),
            object_version=1,
            actor=by,
            reason="Its host is lost: no agent, no kernel and no container of it answers.",
            at=now,
            after=_values(seat),
        )


def _until_signed(began: float) -> float:
    """Until a checkpoint covers every entry that is there."""
    from recovery.audit import queries

    while queries.waiting().unsigned:
        time.sleep(0.02)
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
