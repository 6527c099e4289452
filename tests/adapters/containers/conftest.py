"""The engine under test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.containers.engines import Engine, ProcessEngine


@pytest.fixture(params=["process"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    engine = ProcessEngine(tmp_path / "containers")
    yield engine
    await engine.close()
