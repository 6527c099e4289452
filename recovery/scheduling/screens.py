"""What waits for a seat, and what the loss of a datacenter would do, as people see it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from recovery.core import clock
from recovery.inventory.models import Application, Datacenter, Host
from recovery.scheduling import queries
from recovery.scheduling.facts import Cause
from recovery.scheduling.what_if import Outlook, what_if

KEPT_SECONDS = 10.0
"""A forecast is computed at most this often in a process: it costs a whole decision a site."""


@dataclass(frozen=True, slots=True)
class HoldView:
    """A copy that is wanted and does not run, with the reason. `seat`: the lost seat that a
    person may release, where that is what it waits for, on `host`; else empty."""

    container: str
    application: str
    cause: str
    reason: str
    since: datetime
    seat: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class SiteOutlook:
    """If this datacenter is lost now."""

    name: str
    containers: int
    moved: int
    unplaced: int
    stops: tuple[str, ...]
    why: tuple[str, ...]
    """Sentences."""


def open_holds() -> tuple[HoldView, ...]:
    """The longest first."""
    holds = queries.open_holds()
    seats = queries.releasable_seats([h.container_id for h in holds if h.cause == Cause.FENCE])
    return tuple(
        HoldView(
            container=str(hold.container),
            application=hold.container.application.name,
            cause=hold.cause,
            reason=hold.reason,
            since=hold.since,
            seat=seats.get(hold.container_id, ("", ""))[0],
            host=seats.get(hold.container_id, ("", ""))[1],
        )
        for hold in holds
    )


@dataclass(slots=True)
class _Kept:
    at: float = float("-inf")
    sites: tuple[SiteOutlook, ...] = ()


_kept = _Kept()


def site_outlooks() -> tuple[SiteOutlook, ...]:
    """One outlook a datacenter, at most `KEPT_SECONDS` old."""
    now = clock.system.monotonic()
    if now - _kept.at > KEPT_SECONDS:
        _kept.sites, _kept.at = _forecast(clock.system.now()), now
    return _kept.sites


def _forecast(now: datetime) -> tuple[SiteOutlook, ...]:
    snapshot = queries.snapshot_of(list(Application.objects.values_list("pk", flat=True)), now)
    hosts: dict[str, set[str]] = {}
    for pk, site in Host.objects.values_list("pk", "datacenter__name"):
        hosts.setdefault(site, set()).update({str(pk), pk.hex})
    known = {host.id for host in snapshot.hosts}
    called = {host.name for host in snapshot.hosts}
    names = Datacenter.objects.values_list("name", flat=True)
    return tuple(
        _outlook(what_if(snapshot, hosts.get(name, set()) & known, now, name), called)
        for name in names
    )


def _outlook(found: Outlook, called: Collection[str]) -> SiteOutlook:
    reasons = {u.reason for u in found.unplaced} | {w.reason for w in found.waiting}
    return SiteOutlook(
        name=found.name,
        containers=found.containers,
        moved=found.moved,
        unplaced=len(found.unplaced) + len(found.waiting),
        stops=found.stops,
        why=tuple(_begun(reason, called) for reason in sorted(reasons)),
    )


def _begun(reason: str, called: Collection[str]) -> str:
    """As a sentence begins; the name of a host is written as it is."""
    first = reason.partition(" ")[0].rstrip(",:;")
    return reason if first in called else f"{reason[:1].upper()}{reason[1:]}"
