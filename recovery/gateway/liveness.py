"""Who was heard, and when: arrays, touched by nothing but datagrams. No Django, no rows.

Invariant: a forged, replayed or foreign datagram changes nothing but a counter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from recovery.core import wire
from recovery.core.errors import BadMessage

NEVER = np.float64(-np.inf)


@dataclass(slots=True)
class Liveness:
    """Per host, at one index: key, instant of the last heartbeat (monotonic), sequence, boot."""

    hosts: list[bytes] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    boots: list[bytes] = field(default_factory=list)
    heard: np.ndarray = field(default_factory=lambda: np.empty(0))
    sequences: list[int] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    counters: Counter[str] = field(default_factory=Counter)
    _index: dict[bytes, int] = field(default_factory=dict)
    _past_boots: dict[int, set[bytes]] = field(default_factory=dict)

    def know(self, hosts: Sequence[tuple[bytes, bytes]]) -> bool:
        """Add hosts and keys that were enrolled meanwhile; True when anything was new."""
        changed = False
        for host, key in hosts:
            index = self._index.get(host)
            if index is None:
                self._add(host, key)
                changed = True
            elif self.keys[index] != key:
                self.keys[index] = key
        return changed

    def _add(self, host: bytes, key: bytes) -> None:
        self._index[host] = len(self.hosts)
        self.hosts.append(host)
        self.keys.append(key)
        self.boots.append(b"")
        self.sequences.append(-1)
        self.flags.append(0)
        self.heard = np.append(self.heard, NEVER)

    def index(self, host: bytes) -> int | None:
        """Where this host stands in the arrays."""
        return self._index.get(host)

    def accept(self, datagram: bytes, now: float) -> bool:
        """Take one datagram; False, and a counter, when it is refused."""
        try:
            index = self._index.get(wire.peek_host(datagram))
            if index is None:
                raise BadMessage("no such host", field="host")
            beat = wire.unpack_heartbeat(datagram, self.keys[index])
            self._check_order(index, beat)
        except BadMessage as refusal:
            self.counters[f"refused_{refusal.field}"] += 1
            return False
        self.sequences[index] = beat.sequence
        self.flags[index] = beat.flags
        self.heard[index] = now
        self.counters["accepted"] += 1
        return True

    def _check_order(self, index: int, beat: wire.Heartbeat) -> None:
        """A new boot starts a new sequence; an old boot never comes back (replay)."""
        if beat.boot == self.boots[index]:
            if beat.sequence <= self.sequences[index]:
                raise BadMessage("replayed or late", field="sequence")
            return
        past = self._past_boots.setdefault(index, set())
        if beat.boot in past:
            raise BadMessage("of an earlier boot", field="boot")
        past.add(beat.boot)
        self.boots[index] = beat.boot
        self.sequences[index] = -1
