"""`make up` in places and with stores that are not the usual ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from recovery.engines.valkey import Valkey
from recovery.lab import client
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
        assert refused.process.wait(60) == 1
        assert "TOCSIN_REDIS_URL: it did not answer" in refused.said
        assert refused.processes() == []


def test_a_folder_too_deep_for_a_socket_still_has_its_stores_and_its_lab(tmp_path: Path) -> None:
    deep = tmp_path / ("a-rather-long-name-of-a-folder/" * 4) / "var"
    deep.parent.mkdir(parents=True)
    env = environment(
        deep,
        TOCSIN_WITHOUT=_without_all_but("lab"),
        TOCSIN_LAB_NETWORK=f"127.{own.STACKS[0]}.0.0/16",
    )
    with started(deep, env) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOCSIN_VAR", str(deep))
        assert running.pid_of("postgres")
        assert running.pid_of("lab")
        assert client.is_running()
