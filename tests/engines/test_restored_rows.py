"""A restored copy of Tocsin's own cluster is told from the one it was taken of (B11)."""

from __future__ import annotations

from pathlib import Path

from recovery.core.incarnations import SYSTEM, TIMELINE
from recovery.engines.postgres import FORGETFUL, Cluster
from tests.support.running import wait_for


def stands(cluster: Cluster) -> tuple[str, int]:
    with cluster.superuser() as connection:
        wait_for(lambda: connection.execute("SELECT NOT pg_is_in_recovery()").fetchone() == (True,))
        row = connection.execute(f"SELECT {SYSTEM}, {TIMELINE}").fetchone()
    assert row is not None
    return str(row[0]), int(row[1])


def test_a_recovered_cluster_stands_on_another_timeline_and_a_restarted_one_on_its_own(
    tmp_path: Path,
) -> None:
    cluster = Cluster(tmp_path, settings=dict(FORGETFUL))
    cluster.start()
    try:
        before = stands(cluster)
        cluster.stop()
        cluster.start()
        assert stands(cluster) == before
        cluster.stop()
        (cluster.data / "recovery.signal").touch(mode=0o600)
        if cluster.seat.owner:
            (cluster.data / "recovery.signal").chmod(0o644)
        cluster.settings["restore_command"] = "false"
        cluster.start()
        assert stands(cluster) == (before[0], before[1] + 1)
    finally:
        cluster.stop()
