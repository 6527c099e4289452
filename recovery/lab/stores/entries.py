"""The stores of the lab's file, and what is wrong with them, fault by fault. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Literal

from recovery.lab.databases.entries import DatabaseEntry, Fault
from recovery.lab.entry import Code, Entry, Name

FIRST_PLACE = 200
"""The place of a datacenter's first store among its addresses; each takes two, the second for what
only it itself speaks to."""
MOST = 20
BUCKET_PORT, PROVIDER_PORT = 15900, 15901
"""Where a store's door is, and where a site of the provider answers."""
DOORS = frozenset({BUCKET_PORT, PROVIDER_PORT})
BUCKET = "backups"
Kind = Literal["bucket", "snapshots"]


class StoreEntry(Entry):
    """One store in one datacenter, lost with it: a bucket, or the provider's snapshots there."""

    name: Name
    datacenter: Code
    kind: Kind = "bucket"


def faults(
    stores: Sequence[StoreEntry],
    databases: Sequence[DatabaseEntry],
    datacenters: Collection[str],
    hosts: Collection[str],
) -> list[Fault]:
    """Everything wrong with these stores."""
    return [*_stores(stores, datacenters, hosts), *_replicas(stores, databases)]


def _stores(
    stores: Sequence[StoreEntry], datacenters: Collection[str], hosts: Collection[str]
) -> Iterator[Fault]:
    for number, entry in enumerate(stores):
        if entry.datacenter not in datacenters:
            said = f"there is no datacenter {entry.datacenter}"
            yield Fault(("stores", number, "datacenter"), said)
        if entry.name in hosts:
            yield Fault(("stores", number, "name"), f"{entry.name} is a host")
        before = [each for each in stores[:number] if each.datacenter == entry.datacenter]
        if len(before) >= MOST:
            said = f"{entry.datacenter} has {MOST} stores already"
            yield Fault(("stores", number, "datacenter"), said)


def _replicas(stores: Sequence[StoreEntry], databases: Sequence[DatabaseEntry]) -> Iterator[Fault]:
    known = {each.name for each in stores}
    for number, entry in enumerate(databases):
        for place, name in enumerate(entry.backups):
            location = ("databases", number, "backups", place)
            if name not in known:
                yield Fault(location, f"there is no store {name}")
            elif name in entry.backups[:place]:
                yield Fault(location, f"{name} is named twice: two replicas, one loss")
