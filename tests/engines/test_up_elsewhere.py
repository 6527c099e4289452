"""`make up` in places and with stores that are not the usual ones."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import redis

from recovery.engines.postgres import Cluster
from recovery.engines.valkey import Valkey
from recovery.lab import client
from tests.needs import needs
from tests.support import own
from tests.support.running import LEAN, environment, started, wait_for

pytestmark = pytest.mark.timeout(400)


def _without_all_but(*wanted: str) -> str:
    return " ".join(name for name in LEAN.split() if name not in wanted)


def test_an_external_redis_carries_the_tasks_and_is_left_running(
    tmp_path: Path, valkey: Valkey
) -> None:
    env = environment(
        tmp_path / "var", TOCSIN_REDIS_URL=valkey.url, TOCSIN_WITHOUT=_without_all_but("worker")
    )
    with started(tmp_path / "var", env) as running:
        assert running.pid_of("valkey") is None
        with redis.Redis.from_url(valkey.url, socket_timeout=5.0) as seen:
            wait_for(lambda: seen.exists("_kombu.binding.celery"), 60)
    assert valkey.answers()


def test_an_external_redis_that_is_away_is_named(tmp_path: Path) -> None:
    env = environment(tmp_path / "var", TOCSIN_REDIS_URL="redis://127.0.0.1:1/0")
    with started(tmp_path / "var", env, wait=False) as refused:
        assert refused.process.wait(90) == 1
        assert "TOCSIN_REDIS_URL: it did not answer" in refused.said
        assert refused.processes() == []


def test_a_folder_too_deep_for_a_socket_still_has_its_stores_and_its_lab(tmp_path: Path) -> None:
    deep = tmp_path / ("a-rather-long-name-of-a-folder/" * 4) / "var"
    deep.parent.mkdir(parents=True)
    env = environment(
        deep,
        TOCSIN_WITHOUT=_without_all_but("lab"),
        TOCSIN_LAB_NETWORK=f"127.{own.STACK}.0.0/16",
    )
    with started(deep, env) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOCSIN_VAR", str(deep))
        assert running.pid_of("postgres")
        assert running.pid_of("lab")
        assert client.is_running()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 700 MB of its own."""
    needs("root")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700m", "none", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_fills_up_loses_nothing_that_was_committed(small_disk: Path) -> None:
    var = small_disk / "var"
    with started(var, environment(var)) as running:
        url = Cluster(var / "postgres").superuser_url("tocsin")
        kept = _write_until_refused(url, small_disk / "filler")
        (small_disk / "filler").unlink()
        wait_for(lambda: _count(url) is not None, 90)
        found = _count(url) or 0
        assert kept <= found <= kept + 1  # the last one may be in without its confirmation
        assert running.process.poll() is None


def _write_until_refused(url: str, filler: Path) -> int:
    """Fill the disk, then commit rows until the server cannot; how many it confirmed."""
    kept = 1
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (words text)")
        connection.execute("INSERT INTO notes VALUES ('before')")
        with suppress(OSError), filler.open("wb") as out:
            while True:
                out.write(bytes(2**20))
        with suppress(psycopg.Error):
            while True:
                connection.execute("INSERT INTO notes SELECT repeat(md5(random()::text), 9000)")
                kept += 1
    return kept


def _count(url: str) -> int | None:
    """The rows, once the server takes writes again."""
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=2) as connection:
            connection.execute("CREATE TEMPORARY TABLE it_writes (n int)")
            found = connection.execute("SELECT count(*) FROM notes").fetchone()
    except psycopg.Error:
        return None
    return int(found[0]) if found else None
