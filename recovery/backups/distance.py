"""How far apart the backup replicas lie (B1, B2, B3), from coordinates alone (B4). Pure.

Invariant: two replicas count as apart only when both sites are known and more than 10 km of the
Earth's surface lie between them; a name proves nothing, and what is not known is a violation.
"""

from __future__ import annotations

from itertools import combinations

from geographiclib.geodesic import Geodesic

from recovery.backups.facts import Copy, Database, Site

APART_KM = 10.0


def kilometres(one: Site | None, other: Site | None) -> float | None:
    """The geodesic between two sites on the WGS 84 ellipsoid; None where one is unknown."""
    if one is None or other is None:
        return None
    ends = one.latitude, one.longitude, other.latitude, other.longitude
    if any(each is None for each in ends):
        return None
    line = Geodesic.WGS84.Inverse(*ends, outmask=Geodesic.DISTANCE)
    return float(line["s12"]) / 1000.0


def violations(database: Database) -> tuple[str, ...]:
    """What is wrong with where the replicas of this database lie, a sentence each."""
    found = []
    first = database.copy(1)
    if first is not None and (wrong := _not_at_home(database, first)):
        found.append(wrong)
    for one, other in combinations(database.copies, 2):
        if wrong := too_near(one, other):
            found.append(wrong)
    return tuple(found)


def too_near(one: Copy, other: Copy) -> str:
    """Why these two replicas are not apart; empty where they are."""
    apart = kilometres(one.place, other.place)
    pair = f"replicas {one.number} ({where(one)}) and {other.number} ({where(other)})"
    if apart is None:
        return f"nobody knows how far {pair} are from one another: coordinates are missing."
    if apart > APART_KM:
        return ""
    return f"{pair} are {apart:.2f} km apart, and more than {APART_KM:.0f} km are promised."


def where(copy: Copy) -> str:
    """The name of its place."""
    return copy.place.name if copy.place is not None else f"{copy.store}, place unknown"


def _not_at_home(database: Database, first: Copy) -> str:
    if first.place is not None and first.place.name == database.home.name:
        return ""
    return f"replica 1 is in {where(first)}, and {database.name} belongs to {database.home.name}."
