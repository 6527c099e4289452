"""The databases of the lab's file, and what is wrong with them, fault by fault. Pure.

Invariant: a database that could not keep its plan's promise is refused before anything starts:
a business database needs two members that do not fail together (safety.md 2.1), a starter
database is alone and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from recovery.lab.entry import Entry, Name

VERSIONS: Mapping[str, tuple[str, ...]] = {"postgresql": ("18", "15"), "valkey": ("9", "7")}
"""What the adapters are tested with; valkey 7 is Debian's Redis."""
OVERRIDE = "accept_unproven_renewal_gaps"
Location = tuple[int | str, ...]


class DatabaseEntry(Entry):
    """One database. `members`: hosts of its replicas, the first primary first. `backups`: the
    stores of its backup replicas 1, 2 and 3; where it says nothing the lab chooses."""

    name: Name
    description: str = ""
    engine: Literal["postgresql", "valkey"]
    version: str
    plan: Literal["starter", "business"]
    durability: Literal["synchronous", "asynchronous"] = "asynchronous"
    profile: Literal["standard", "fast"] = "standard"
    accept_unproven_renewal_gaps: str = ""
    members: list[Name] = Field(min_length=1, max_length=5)
    port: int = Field(ge=1024, le=32767)
    settings: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]*$")], str] = {}
    backups: list[Name] = Field(default=[], max_length=3)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host stands, as far as its databases care."""

    datacenter: str
    rack: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and with which field of the file."""

    location: Location
    said: str


def faults(databases: Sequence[DatabaseEntry], hosts: Mapping[str, Place]) -> list[Fault]:
    """Everything wrong with these databases on these hosts."""
    return [
        Fault(("databases", number, *fault.location), fault.said)
        for number, entry in enumerate(databases)
        for fault in (
            *_engine(entry),
            *_terms(entry),
            *_members(entry, hosts),
            *_port(entry, databases[:number]),
        )
    ]


def _port(entry: DatabaseEntry, earlier: Sequence[DatabaseEntry]) -> Iterator[Fault]:
    for other in earlier:
        both = sorted(set(entry.members) & set(other.members))
        if both and other.port == entry.port:
            said = f"{other.name} listens at {entry.port} on {', '.join(both)} already"
            yield Fault(("port",), said)


def _engine(entry: DatabaseEntry) -> Iterator[Fault]:
    known = VERSIONS[entry.engine]
    if entry.version not in known:
        said = f"{entry.engine} {entry.version!r} is not known here; {' or '.join(known)} is"
        yield Fault(("version",), said)
    if entry.engine == "valkey" and entry.durability == "synchronous":
        said = "valkey acknowledges a write before its standbys have it; only asynchronous is true"
        yield Fault(("durability",), said)


def _terms(entry: DatabaseEntry) -> Iterator[Fault]:
    if entry.plan == "starter":
        for name, default in (("durability", "asynchronous"), ("profile", "standard")):
            if getattr(entry, name) != default:
                said = f"a starter database has no standby and no lease: leave out {name}"
                yield Fault((name,), said)
    elif entry.profile == "fast" and not entry.accept_unproven_renewal_gaps:
        said = (
            "the fast profile wants 7 days of logged renewal gaps below half of its lease; "
            f"write the reason for doing without them into {OVERRIDE}"
        )
        yield Fault(("profile",), said)


def _members(entry: DatabaseEntry, hosts: Mapping[str, Place]) -> Iterator[Fault]:
    for number, name in enumerate(entry.members):
        if name not in hosts:
            yield Fault(("members", number), f"there is no host {name}")
        elif name in entry.members[:number]:
            yield Fault(("members", number), f"{name} is named twice: two copies, one loss")
    if entry.plan == "starter":
        if len(entry.members) > 1:
            yield Fault(("members", 1), "a starter database has exactly one member")
        return
    places = [hosts[name] for name in entry.members if name in hosts]
    if len(places) == len(entry.members):
        yield from _apart(entry, places)


def _apart(entry: DatabaseEntry, places: Sequence[Place]) -> Iterator[Fault]:
    """A standby of the same datacenter in another rack: all that may be promoted by itself."""
    first = places[0]
    near = [place for place in places[1:] if place.datacenter == first.datacenter]
    if not near:
        said = (
            f"a business database needs a second member in {first.datacenter}: one in another "
            "datacenter is never promoted outside a recovery plan"
        )
        yield Fault(("members",), said)
    elif all(place.rack == first.rack for place in near):
        said = f"{' and '.join(entry.members)} stand in one rack, {first.rack}: they fail together"
        yield Fault(("members",), said)
