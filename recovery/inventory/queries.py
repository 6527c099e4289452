"""Rows as facts about the fleet that more than one feature decides by."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Max

from recovery.inventory.facts import deaf_hosts
from recovery.inventory.models import HostMemory


def deaf_since() -> dict[UUID, datetime]:
    """As `deaf_hosts`, of all."""
    return deaf_hosts(dict(HostMemory.objects.values_list("host_id", "at")))


def host_deaf_since(host: UUID) -> datetime | None:
    """The same of one host, whatever the size of the fleet."""
    rows = HostMemory.objects.all()
    told = rows.filter(pk=host).values_list("at", flat=True).first()
    newest = rows.aggregate(newest=Max("at"))["newest"]
    return deaf_hosts({"it": told, "the newest": newest}).get("it")
