"""One PostgreSQL for a whole test run: `python -m tests.support.server RUN_FOLDER PID`.

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


def main(folder: Path, watched: int) -> None:
    cluster = Cluster(folder / "postgres", settings=FORGETFUL | {"max_connections": "200"})
    leash = os.pidfd_open(watched)
    try:
        cluster.start()
        _prepare_template(cluster)
        (folder / "postgres.ready").touch()
        select.select([leash], [], [])
    finally:
        cluster.stop()


def _prepare_template(cluster: Cluster) -> None:
    """A database migrated by the migrator, for every worker to clone."""
    with cluster.superuser() as connection:
        roles.ensure_roles(connection, migrator=PASSWORD, application=PASSWORD)
        roles.ensure_database(connection, TEMPLATE)
    with cluster.superuser(TEMPLATE) as connection:
        roles.grant_application(connection, TEMPLATE)
    url = cluster.url(roles.MIGRATOR, PASSWORD, TEMPLATE)
    environment = os.environ | {"TOCSIN_MIGRATOR_DATABASE_URL": url}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"], env=environment, check=True
    )


def _leave(*_: object) -> None:
    sys.exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    main(Path(sys.argv[1]), int(sys.argv[2]))
