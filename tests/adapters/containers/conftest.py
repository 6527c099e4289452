"""The engine under test: child processes, Podman, Docker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.adapters.containers.docker_engine import DockerEngine, docker_daemon, podman_service
from tests.adapters.containers.engines import Engine, ProcessEngine


@contextmanager
def short_folder() -> Iterator[Path]:
    """Podman refuses a run folder of more than 50 characters; pytest's own may be longer."""
    with TemporaryDirectory(prefix="tocsin-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def podman() -> Iterator[str]:
    with short_folder() as folder, podman_service(folder) as url:
        yield url


@pytest.fixture(scope="session")
def dockerd() -> Iterator[str]:
    with short_folder() as folder, docker_daemon(folder) as url:
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
