"""Rows as facts about the fleet that more than one feature decides by."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from recovery.inventory.facts import deaf_hosts
from recovery.inventory.models import HostMemory


def deaf_since() -> dict[UUID, datetime]:
    """As `deaf_hosts`, of all."""
    return deaf_hosts(dict(HostMemory.objects.values_list("host_id", "at")))
