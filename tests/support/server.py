"""One PostgreSQL for a whole test run: `python -m tests.support.server RUN_FOLDER PID [LIKE]`.

LIKE: the folder of a server that has the template already; it is copied from there, which takes a
second instead of the ten of all migrations.

Invariant: it stops, and its folder goes, when the process PID ends, however that ends.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from recovery.engines import roles
from recovery.engines.postgres import FORGETFUL, Cluster

TEMPLATE = "tocsin_template"
PASSWORD = "for-tests-alone"


def main(folder: Path, watched: int, like: Path | None = None) -> None:
    cluster = Cluster(folder / "postgres", settings=FORGETFUL | {"max_connections": "200"})
    leash = os.pidfd_open(watched)
    try:
        cluster.start(seconds=300)
        _prepare_template(cluster, like)
        (folder / "postgres.ready").touch()
        select.select([leash], [], [])
    finally:
        cluster.stop()


def _prepare_template(cluster: Cluster, like: Path | None) -> None:
    """A database migrated by the migrator, for every worker to clone."""
    with cluster.superuser() as connection:
        roles.ensure_roles(connection, migrator=PASSWORD, application=PASSWORD, sealer=PASSWORD)
        roles.ensure_database(connection, TEMPLATE)
    with cluster.superuser(TEMPLATE) as connection:
        roles.grant_application(connection, TEMPLATE)
    if like is not None:
        _copy_template(Cluster(like / "postgres"), cluster)
        return
    url = cluster.url(roles.MIGRATOR, PASSWORD, TEMPLATE)
    environment = os.environ | {"TOCSIN_MIGRATOR_DATABASE_URL": url}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0", "--skip-checks"],
        env=environment,
        check=True,
    )


def _copy_template(like: Cluster, cluster: Cluster) -> None:
    dump = [str(like.programs / "pg_dump"), "--dbname", like.superuser_url(TEMPLATE)]
    load = [str(cluster.programs / "psql"), "--quiet", "--set", "ON_ERROR_STOP=1", "--no-psqlrc"]
    told = subprocess.run(dump, check=True, capture_output=True).stdout
    told = told.replace(b"CREATE SCHEMA public;", b"")
    load += ["--dbname", cluster.superuser_url(TEMPLATE)]
    subprocess.run(load, input=told, check=True, stdout=subprocess.DEVNULL)


def _leave(*_: object) -> None:
    sys.exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    main(Path(sys.argv[1]), int(sys.argv[2]), *map(Path, sys.argv[3:4]))
