"""Rows go by a clock of their own: what the machine takes between two statements is no age."""

from __future__ import annotations

import math

import pytest

from recovery.scheduling import cycle


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """These run beside whatever needs the processors more, and may wait for one for seconds."""
    monkeypatch.setattr(cycle, "STALE_SECONDS", math.inf)
