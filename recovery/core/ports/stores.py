"""The port of object stores: where the pieces of backups lie.

Every object is written once and never changed. Contract suite: tests/adapters/backups.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from recovery.core.errors import TocsinError


class StoreError(TocsinError):
    """The act did not happen; nothing half is there. The message names the store."""


class StoreAway(StoreError):
    """The store cannot be asked now: the same act may be tried again."""


class StoreFull(StoreError):
    """No space for this object; everything that was there still is."""


class StoreRefused(StoreError):
    """The store answers, and says no: `field` names the setting at fault (credentials, bucket)."""


class NoSuchObject(StoreError):
    """Nothing has this name."""


@dataclass(frozen=True, slots=True, order=True)
class ObjectInfo:
    """One object of a listing."""

    name: str
    size: int
    modified: datetime


class ObjectStore(Protocol):
    """A flat place of immutable objects.

    Invariants: an object is under its name whole or not at all, and once `put` returned it
    survives a crash of this process and of the store; `list` tells every object whose `put`
    returned before; putting the same name again leaves one object with the newest data. Every act
    raises a `StoreError` within the store's own patience, a store that hangs included.
    """

    name: str

    async def put(self, name: str, data: bytes, *, lock_until: datetime | None = None) -> None:
        """Writes it; `lock_until`: nobody can remove it before, where the store can promise it."""

    async def get(self, name: str) -> bytes:
        """All of it. `NoSuchObject` when there is none."""

    async def list(self, prefix: str = "") -> list[ObjectInfo]:
        """Every object whose name begins so, in the order of the names."""

    async def delete(self, name: str) -> None:
        """Gone afterwards; no error when it was not there. `StoreRefused` while it is locked."""

    def describe(self) -> str:
        """For people: what it is and where, without a secret."""

    async def close(self) -> None:
        """Lets go of it."""
