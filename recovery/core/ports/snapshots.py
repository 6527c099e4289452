"""The port of an infrastructure provider's snapshots: whole copies of volumes, in its own sites.

Whatever is begun bears tags, and is found again by them: who was interrupted between a call and its
note looks before it calls again. Contract suite: tests/adapters/snapshots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

Tags = Mapping[str, str]
LOAN_TAG = "tocsin-loan"
"""Of volumes that somebody restores from and that go afterwards: nothing else is read from them."""

COPYING = "is still being made"
"""In the words about a volume that is on its way: nothing is wrong, and it is waited for."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of a volume. Only a `completed` one may be used."""

    id: str
    state: Literal["pending", "completed", "error"]
    begun: datetime
    percent: int = 0
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Volume:
    """A disk, made from a snapshot. `is_broken`: it will never be ready."""

    id: str
    snapshot: str
    is_ready: bool
    tags: Tags = field(default_factory=dict)
    is_broken: bool = False


class SnapshotProvider(Protocol):
    """One site of a provider.

    Invariants: a snapshot is `completed` only when all of its bytes are in this site; its content
    never changes; what has to do with a snapshot or volume that is not there is no error where
    nothing was to be left. Raises the errors of object stores (`StoreAway`: try again;
    `StoreRefused` names the setting).
    """

    name: str
    site: str

    def volume_of(self, host: str) -> str:
        """The volume that bears this host's name."""

    def create(self, volume: str, tags: Tags) -> Snapshot:
        """Begins one."""

    def copy(self, site: str, snapshot: str, tags: Tags) -> Snapshot:
        """Begins to bring another site's snapshot here."""

    def find(self, tags: Tags) -> list[Snapshot]:
        """Those that bear all of these, the newest first."""

    def delete(self, snapshot: str) -> None:
        """Gone afterwards."""

    def volumes(self, snapshot: str) -> list[Volume]:
        """Those made from it."""

    def made(self, tags: Tags) -> list[Volume]:
        """Volumes that bear all of these."""

    def create_volume(self, snapshot: str, tags: Tags) -> Volume:
        """Begins one with its content."""

    def delete_volume(self, volume: str) -> None:
        """Gone afterwards."""
