"""The engine under test: child processes, Podman, Docker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.adapters.containers.docker_engine import DockerEngine, docker_daemon, podman_service
from tests.adapters.containers.engines import Engine, ProcessEngine


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with podman_service(tmp_path_factory.mktemp("podman")) as url:
        yield url


@pytest.fixture(scope="session")
def dockerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_daemon(tmp_path_factory.mktemp("docker")) as url:
        yield url


@pytest.fixture(params=["process", "podman", "docker"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    engine: Engine
    if request.param == "process":
        engine = ProcessEngine(tmp_path / "containers")
    else:
        name = "podman" if request.param == "podman" else "dockerd"
        engine = DockerEngine(request.getfixturevalue(name))
    yield engine
    await engine.close()
