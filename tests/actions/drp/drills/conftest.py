"""A drill host here is heard as long as it has reported at all: a slow machine is no silent one."""

from __future__ import annotations

import pytest

from recovery.drp.drills import facts, queries


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (facts, queries):
        monkeypatch.setattr(module, "HEARD_SECONDS", 3600.0)
