"""Facts of backups for tests: a database in PAR1 with its three replicas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from recovery.backups.facts import Copy, Database, Point, Site

NOW = datetime(2026, 11, 28, 3, 7, 44, tzinfo=UTC)
PAR1 = Site("PAR1", 48.9210, 2.3580)
OSU2 = Site("OSU2", 49.0640, 2.0610)
MRS1 = Site("MRS1", 43.3110, 5.3730)
PLACES: Mapping[int, Site] = {1: PAR1, 2: OSU2, 3: MRS1}


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def point(at: datetime, **more: Any) -> Point:
    return Point(at, at, "0/3000000", "20261128T000000Z-5f3a", **more)


def copy(number: int, at: datetime | None = None, **more: Any) -> Copy:
    """Read just now; `at`: its newest restorable moment."""
    place: Site | None = more.pop("place", PLACES[number])
    made = Copy(
        key=f"copy-{number}",
        number=number,
        store=f"store-{place.name.lower() if place else 'nowhere'}",
        place=place,
        since=ago(days=3),
        read_at=NOW,
        point=point(at) if at else None,
        had_point=at is not None,
        proven_at=ago(days=1),
    )
    return replace(made, **more)


def database(name: str = "orders-pg", *copies: Copy, **more: Any) -> Database:
    """Written in PAR1, where it belongs, unless said otherwise."""
    made = Database(
        key=f"key-{name}",
        name=name,
        engine="postgresql",
        home=PAR1,
        primary="PAR1",
        copies=copies or whole(),
    )
    return replace(made, **more)


def whole() -> tuple[Copy, ...]:
    """All three as promised."""
    return copy(1, ago(seconds=4)), copy(2, ago(seconds=9)), copy(3, ago(hours=13))
