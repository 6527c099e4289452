"""Which containers the edge sends users to. Pure.

Invariants: an application that ever had a backend never has an empty list; a seat on a lost or
hung host gets nothing, nor does a generation whose place was taken while its host was away
(I-CT-2); a suspect host stays routable, beside the provisional seat.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from recovery.inventory.facts import PlacementState, Verdict
from recovery.traffic.facts import Backend, Route

GONE = frozenset({Verdict.LOST, Verdict.HUNG})
SEATED = frozenset(PlacementState) - {PlacementState.STOPPED, PlacementState.FAILED}


def choose_routes(backends: Iterable[Backend]) -> tuple[Route, ...]:
    """One route per application, by name."""
    by_application: dict[str, list[Backend]] = defaultdict(list)
    for backend in backends:
        if backend.address and backend.port:
            by_application[backend.application].append(backend)
    return tuple(_route(name, by_application[name]) for name in sorted(by_application))


def _route(application: str, backends: list[Backend]) -> Route:
    owners = _owners(backends)
    good = [
        b
        for b in backends
        if b.state is PlacementState.RUNNING
        and b.verdict not in GONE
        and b.generation >= owners.get(b.ordinal, 0)
    ]
    chosen = good or _last_good(backends, owners)
    return Route(
        application=application,
        servers=tuple(sorted({b.url for b in chosen})),
        health_path=chosen[0].health_path,
        kept=not good,
    )


def _owners(backends: list[Backend]) -> dict[int, int]:
    """Per copy the generation of its seat of record: older ones were superseded."""
    meant = SEATED - {PlacementState.LOST, PlacementState.STOPPING}
    owners: dict[int, int] = {}
    for backend in backends:
        if backend.state in meant and not backend.provisional:
            owners[backend.ordinal] = max(owners.get(backend.ordinal, 0), backend.generation)
    return owners


def _last_good(backends: list[Backend], owners: dict[int, int]) -> list[Backend]:
    """Nothing answers: the seats of record, or that have no successor; else the one that ran
    last. Never nobody."""
    record = [b for b in backends if b.state in SEATED and b.generation >= owners.get(b.ordinal, 0)]
    return record or _newest(backends)


def _newest(backends: list[Backend]) -> list[Backend]:
    return [max(backends, key=lambda b: (b.ran_at is not None, b.ran_at, b.generation, b.url))]
