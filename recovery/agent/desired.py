"""All that should run here, kept on the disk: the agent serves from it without a control plane.

Invariants: the version on the disk never falls. What an order added or took away holds until a
newer list, which is the whole truth again; but a list may have been read before the order and
arrive after it, so an order outlives lists that contradict it for `GRACE_SECONDS`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from recovery.agent.disk import write_atomic
from recovery.core.wire import ContainerSpec, DatabaseSpec, Desired

GRACE_SECONDS = 5.0


class Ordered(msgspec.Struct, frozen=True):
    """What an order did to the list: a container wanted, or (no `spec`) one wanted gone."""

    at: float
    version: int
    spec: ContainerSpec | None = None


class _Kept(msgspec.Struct):
    desired: Desired
    ordered: dict[str, Ordered] = {}


class Book:
    """What is wanted now. `is_fresh`: a control plane confirmed it in this agent's life."""

    def __init__(self, path: Path, in_quarantine: bool) -> None:
        self._path = path
        self._kept = self._load()
        self.quarantined = in_quarantine
        self.is_fresh = False

    @property
    def version(self) -> int:
        return self._kept.desired.version

    @property
    def epoch(self) -> int:
        return self._kept.desired.epoch

    @property
    def databases(self) -> tuple[DatabaseSpec, ...]:
        """The database servers on the list."""
        return self._kept.desired.databases

    def wanted(self, now: float) -> dict[str, ContainerSpec]:
        """Placement → what should run there. `now`: the host's BOOTTIME."""
        listed = {spec.placement: spec for spec in self._kept.desired.containers}
        for placement, order in self._kept.ordered.items():
            if order.version < self.version and not 0 <= now - order.at < GRACE_SECONDS:
                continue
            if order.spec is None:
                listed.pop(placement, None)
            else:
                listed[placement] = order.spec
        return listed

    def await_desired(self, quarantined: bool) -> None:
        """A session began: until its `Desired` arrives nothing new starts, nothing stops."""
        self.quarantined = self.quarantined or quarantined
        self.is_fresh = False

    def refusal(self, desired: Desired) -> str:
        """Why it cannot be taken, or nothing."""
        if desired.version < self.version:
            return f"version {desired.version} is older than {self.version}, which is kept"
        return ""

    def take(self, desired: Desired) -> None:
        """On the disk when this returns. In quarantine no order outlives the list."""
        kept = _Kept(desired, {} if desired.quarantined else self._kept.ordered)
        if desired != self._kept.desired:
            self._save(kept)
        self._kept = kept
        self.quarantined = desired.quarantined
        self.is_fresh = True

    def add(self, spec: ContainerSpec, now: float) -> None:
        """An order wants this one."""
        self._order(spec.placement, Ordered(now, self.version, spec), now)

    def remove(self, placement: str, now: float) -> None:
        """An order wants this one gone."""
        self._order(placement, Ordered(now, self.version), now)

    def _order(self, placement: str, order: Ordered, now: float) -> None:
        live = {
            key: old
            for key, old in self._kept.ordered.items()
            if old.version == self.version or 0 <= now - old.at < GRACE_SECONDS
        }
        kept = _Kept(self._kept.desired, live | {placement: order})
        self._save(kept)
        self._kept = kept

    def _save(self, kept: _Kept) -> None:
        write_atomic(self._path, msgspec.json.encode(kept))

    def _load(self) -> _Kept:
        empty = _Kept(Desired(version=0, epoch=0, quarantined=True, containers=()))
        if not self._path.exists():
            return empty
        return msgspec.json.decode(self._path.read_bytes(), type=_Kept)
