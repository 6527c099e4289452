"""Watches a few other hosts as one of their observers, and says what changed.

Invariants: only looks made in this life, awake, are told; a sighting's age counts from the
moment its look began; after a pause every old look is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from recovery.agent import kernel
from recovery.agent.http import Getter, HttpFailure
from recovery.core.clock import SystemClock
from recovery.core.wire import Kernel, Peer, Sighting

_log = logging.getLogger("tocsin.agent.peers")
PERIOD_SECONDS = 0.5
TIMEOUT_SECONDS = 0.8
_SLEPT_SECONDS = 2.5


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at one peer. `at` is this host's BOOTTIME when it began."""

    kernel: Kernel
    answering: int
    asked: int
    at: float

    def says(self) -> tuple[Kernel, int, int]:
        return (self.kernel, self.answering, self.asked)


class Peers:
    """The probes of this host."""

    def __init__(self, clock: SystemClock, source: str, tell: Callable[[Sighting], None]) -> None:
        self._clock, self._source, self._tell = clock, source, tell
        self._tasks: dict[str, tuple[Peer, asyncio.Task[None]]] = {}
        self._seen: dict[str, Seen] = {}
        self._looks: set[asyncio.Task[None]] = set()

    def watch(self, peers: tuple[Peer, ...]) -> None:
        """Probes exactly these from now on."""
        wanted = {peer.host_id: peer for peer in peers}
        for host_id, (peer, task) in list(self._tasks.items()):
            if wanted.get(host_id) != peer:
                task.cancel()
                del self._tasks[host_id]
                self._seen.pop(host_id, None)
        for host_id, peer in wanted.items():
            if host_id not in self._tasks:
                task = asyncio.create_task(self._watch(peer), name=f"peer {peer.address}")
                self._tasks[host_id] = (peer, task)

    def look(self, peer: Peer) -> None:
        """Answers a question: a fresh look, told whatever it shows."""
        task = asyncio.create_task(self._look_once(peer), name=f"look {peer.address}")
        self._looks.add(task)
        task.add_done_callback(self._looks.discard)

    def forget(self) -> None:
        """This host slept: what it saw before says nothing about now."""
        self._seen.clear()

    def tell_all(self) -> None:
        """A new session: it has not heard any of this."""
        for host_id, seen in self._seen.items():
            self._tell(self._sighting(host_id, seen, looked=False))

    def close(self) -> None:
        for _, task in self._tasks.values():
            task.cancel()
        for task in self._looks:
            task.cancel()

    # ------------------------------------------------------------------ inside

    async def _watch(self, peer: Peer) -> None:
        getters = self._getters(peer)
        try:
            while True:
                began = self._clock.boottime()
                seen = await self._probe(peer, getters)
                if seen is not None:
                    self._take(peer, seen)
                spent = self._clock.boottime() - began
                await asyncio.sleep(max(0.05, PERIOD_SECONDS - spent))
        finally:
            for getter in getters:
                getter.close()

    async def _look_once(self, peer: Peer) -> None:
        getters = self._getters(peer)
        try:
            seen = await self._probe(peer, getters)
        finally:
            for getter in getters:
                getter.close()
        if seen is not None:
            if peer.host_id in self._tasks:
                self._seen[peer.host_id] = seen
            self._tell(self._sighting(peer.host_id, seen, looked=True))

    def _getters(self, peer: Peer) -> list[Getter]:
        return [Getter(peer.address, port, peer.health_path, self._source) for port in peer.ports]

    def _take(self, peer: Peer, seen: Seen) -> None:
        before = self._seen.get(peer.host_id)
        self._seen[peer.host_id] = seen
        if before is None or before.says() != seen.says():
            self._tell(self._sighting(peer.host_id, seen, looked=False))

    def _sighting(self, host_id: str, seen: Seen, *, looked: bool) -> Sighting:
        age = max(0, int((self._clock.boottime() - seen.at) * 1000))
        return Sighting(
            target=host_id,
            kernel=seen.kernel,
            answering=seen.answering,
            asked=seen.asked,
            age_ms=age,
            looked=looked,
        )

    async def _probe(self, peer: Peer, getters: list[Getter]) -> Seen | None:
        """One look at the kernel and the containers; None when this process slept through it."""
        began = self._clock.boottime()
        answers = [asyncio.create_task(_answers(getter)) for getter in getters]
        state = await kernel.look(peer.address, peer.probe_port, TIMEOUT_SECONDS, self._source)
        results = [await answer for answer in answers]
        if self._clock.boottime() - began > _SLEPT_SECONDS:
            return None
        told = [result for result in results if result is not None]
        return Seen(state, sum(told), len(told), began)


async def _answers(getter: Getter) -> bool | None:
    """Whether it gave any HTTP answer; None when the failure was our own."""
    try:
        await getter.status(TIMEOUT_SECONDS)
    except HttpFailure:
        return False
    except OSError as error:
        return None if kernel.judge(error.errno or 0) == "unknown" else False
    return True
