"""What there is, as a plan sees it, and what its requester named. Standard library and neighbours'
facts only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from recovery.core.errors import Missing
from recovery.drp.facts import Mode
from recovery.drp.failback import Back
from recovery.drp.plan import Realm


@dataclass(frozen=True, slots=True)
class SiteSight:
    """A datacenter. `epoch`: the version of its row; `is_fenced`: a fence of it stands."""

    id: str
    name: str
    epoch: int
    is_fenced: bool = False


@dataclass(frozen=True, slots=True)
class CopySight:
    """A standby, named as the brief names it. `at`: it has all that was acknowledged up to then;
    `lost`: what came after, as far as anybody saw; None: nobody can tell."""

    site: str
    source: str
    at: datetime | None
    lost: timedelta | None


@dataclass(frozen=True, slots=True)
class DatabaseSight:
    """`home`: where its primary is or was; `standbys`: datacenters with a copy that may be
    promoted; `restorable`: (replica, newest moment) of the best copy outside its home,
    `restore_loses`: what came after that, as far as anybody saw; `is_unreadable`: nobody can read
    that copy now; `copies`: of each datacenter
    that has one, its best standby; `doubts`: (replica, sentence) of what nobody can prove of its
    primary; `what`: in a drill, what is restored of it, word by word."""

    id: str
    name: str
    home: str
    plan: str
    priority: int
    epoch: int
    standbys: frozenset[str] = frozenset()
    restorable: tuple[str, datetime] | None = None
    restore_loses: timedelta | None = None
    is_unreadable: bool = False
    copies: tuple[CopySight, ...] = ()
    doubts: tuple[tuple[str, str], ...] = ()
    what: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ApplicationSight:
    """`seats_in`: datacenters in which its containers sit, or sat; `what`: in a drill, what is
    started of it, word by word."""

    id: str
    name: str
    seats_in: frozenset[str]
    copies: int
    priority: int
    epoch: int
    what: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """What there is, in one realm."""

    realm: Realm
    sites: Sequence[SiteSight]
    databases: Sequence[DatabaseSight]
    applications: Sequence[ApplicationSight]

    def site(self, name: str) -> SiteSight:
        """`Refused` where there is none of this name."""
        found = next((site for site in self.sites if site.name == name), None)
        if found is None:
            known = ", ".join(sorted(site.name for site in self.sites))
            raise Missing(f"There is no datacenter {name}.", todo=f"There are {known}.")
        return found


@dataclass(frozen=True, slots=True)
class Wish:
    """What the requester named. `situation`: the sentence that stood on the page; `requester` and
    `last_editor`: filled in by whoever knows them, not by whoever wishes."""

    mode: Mode
    lost: str
    into: str
    situation: str
    requester: str = ""
    last_editor: str = ""
    back: Back | None = None
