"""All that should run here, kept on the disk: the agent serves from it without a control plane.

Invariant: the version on the disk never falls; what an order added or took away holds until
the next higher version, which is the whole truth again.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from recovery.agent.disk import write_atomic
from recovery.core.wire import ContainerSpec, Desired


class _Kept(msgspec.Struct):
    desired: Desired
    ordered: dict[str, ContainerSpec] = {}
    halted: list[str] = []


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

    def wanted(self) -> dict[str, ContainerSpec]:
        """Placement → what should run there."""
        listed = {spec.placement: spec for spec in self._kept.desired.containers}
        listed |= self._kept.ordered
        for placement in self._kept.halted:
            listed.pop(placement, None)
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
        """On the disk when this returns; the overlay of orders ends with a higher version."""
        newer = desired.version > self.version
        kept = _Kept(desired) if newer else _Kept(desired, self._kept.ordered, self._kept.halted)
        if newer or desired != self._kept.desired:
            self._save(kept)
        self._kept = kept
        self.quarantined = desired.quarantined
        self.is_fresh = True

    def add(self, spec: ContainerSpec) -> None:
        """An order wants this one."""
        self._overlay({**self._kept.ordered, spec.placement: spec}, {spec.placement}, set())

    def remove(self, placement: str) -> None:
        """An order wants this one gone."""
        ordered = {k: v for k, v in self._kept.ordered.items() if k != placement}
        self._overlay(ordered, set(), {placement})

    def _overlay(self, ordered: dict[str, ContainerSpec], back: set[str], out: set[str]) -> None:
        halted = sorted((set(self._kept.halted) - back) | out)
        kept = _Kept(self._kept.desired, ordered, halted)
        self._save(kept)
        self._kept = kept

    def _save(self, kept: _Kept) -> None:
        write_atomic(self._path, msgspec.json.encode(kept))

    def _load(self) -> _Kept:
        empty = _Kept(Desired(version=0, epoch=0, quarantined=True, containers=()))
        if not self._path.exists():
            return empty
        return msgspec.json.decode(self._path.read_bytes(), type=_Kept)
