"""The panels of restores: those that run, with their progress, and those that ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.screen import Screen
from recovery.detection.queries import pause_reason
from recovery.drp.queries.authority import restores_above_pause
from recovery.restores import screens as rows

Context = Mapping[str, Any]


def hold() -> rows.Hold:
    """What a pause holds, and what people's approved plans bring back meanwhile."""
    paused = pause_reason()
    return rows.Hold(paused, restores_above_pause()) if paused else rows.FREE


def restores(screen: Screen, key: str) -> Context | None:
    """Of one database (`key`), or of all; nothing where none was ever asked for, and no host holds
    data that nobody asks for."""
    found, strays = rows.restores(key, hold()), rows.strays(key)
    if not found and not strays:
        return None
    return {
        "running": [one for one in found if one.is_running],
        "ended": [one for one in found if not one.is_running],
        "strays": strays,
    }
