"""Which port of its host a new seat serves on.

Invariant: never a port that a seat of the host holds or held a short while ago, so that a
router that is a moment late does not reach another application.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from recovery.core.errors import Refused
from recovery.inventory.facts import SEATED
from recovery.inventory.models import Placement
from recovery.scheduling.facts import Place

PORTS = range(20_000, 30_000)
"""Below the ephemeral ports, above the well-known ones."""
REST = timedelta(minutes=10)
"""How long a port stays free after its seat ended."""


def free_ports(orders: Sequence[Place], now: datetime) -> dict[str, Iterator[int]]:
    """Per host of these orders its free ports, lowest first."""
    hosts = {order.host for order in orders}
    taken: dict[str, set[int]] = defaultdict(set)
    rows = Placement.objects.filter(
        Q(state__in=SEATED) | Q(ended_at__gt=now - REST), host__in=[UUID(pk) for pk in hosts]
    )
    for host, port in rows.values_list("host_id", "port"):
        taken[str(host)].add(port)
    return {host: _free(host, taken[host]) for host in hosts}


def _free(host: str, taken: set[int]) -> Iterator[int]:
    yield from (port for port in PORTS if port not in taken)
    raise Refused(f"Host {host} has no free port left between {PORTS[0]} and {PORTS[-1]}.")
