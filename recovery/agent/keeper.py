"""Keeps the wanted containers running: looks, decides, acts, checks health, says what changed.

Invariant: one act at a time per placement, each preceded by a look; what is told to the
control plane is what was observed last, never what was hoped for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace

from recovery.agent import decide
from recovery.agent.desired import Book
from recovery.agent.facts import Act, Deed, Picture, Track
from recovery.agent.health import Checks
from recovery.core.clock import SystemClock
from recovery.core.ports import Containers, EngineAway, Sight, StartFailed
from recovery.core.wire import ContainerFact, ContainerSpec

_log = logging.getLogger("tocsin.agent.keeper")
_ROUND_SECONDS = 1.0


class Keeper:
    """The containers of this host."""

    def __init__(
        self,
        engine: Containers,
        book: Book,
        clock: SystemClock,
        *,
        address: str,
        grace: float,
        changed: Callable[[], None],
    ) -> None:
        self._engine, self._book, self._clock = engine, book, clock
        self._grace, self._changed = grace, changed
        self._checks = Checks(address, clock, self._checked)
        self._wake = asyncio.Event()
        self._acts: dict[str, asyncio.Task[None]] = {}
        self._sights: dict[str, Sight] = {}
        self._tracks: dict[str, Track] = {}
        self._facts: dict[str, ContainerFact] = {}
        self._moved = asyncio.Condition()
        engine.on_change(self._wake.set)

    # ------------------------------------------------------------------ for the session

    def facts(self) -> dict[str, ContainerFact]:
        """Placement → what was observed last."""
        return dict(self._facts)

    def is_crash_looping(self) -> bool:
        return decide.is_crash_looping(self._tracks)

    def wake(self) -> None:
        self._wake.set()

    # ------------------------------------------------------------------ for orders

    def fact(self, placement: str) -> ContainerFact | None:
        return self._facts.get(placement)

    def is_absent(self, placement: str) -> bool:
        """Whether the last look found nothing of it."""
        return placement not in self._sights

    async def ensure(self, spec: ContainerSpec) -> str:
        """Has it started unless it runs; why that failed, or nothing."""
        await self._idle(spec.placement)
        sight = self._sights.get(spec.placement)
        if sight is not None and sight.running and sight.generation == spec.generation:
            return ""
        await self._do(Act(Deed.RESTART if sight else Deed.START, spec.placement, "ordered", spec))
        track = self._tracks.get(spec.placement)
        return track.detail if track and self._failed_start(spec.placement) else ""

    async def restart(self, spec: ContainerSpec) -> None:
        """Stops and starts it once, now."""
        await self._idle(spec.placement)
        await self._do(Act(Deed.RESTART, spec.placement, "ordered", spec))

    async def halt(self, placement: str) -> None:
        """Stops it now; returns when it is gone."""
        await self._idle(placement)
        await self._do(Act(Deed.STOP, placement, "ordered"))

    async def _idle(self, placement: str) -> None:
        while (task := self._acts.get(placement)) is not None:
            await asyncio.wait({task})
        with contextlib.suppress(EngineAway):
            await self._look()

    async def _do(self, act: Act) -> None:
        self._begin(act)
        await asyncio.wait({self._acts[act.placement]})
        with contextlib.suppress(EngineAway):
            await self._look()
            await self._publish()

    def _failed_start(self, placement: str) -> bool:
        return placement not in self._sights

    async def until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Waits until something observed makes it true."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._moved:
                await self._moved.wait_for(holds)
                return True
        return holds()

    def forgive(self, placement: str) -> None:
        """A new order: waiting times of earlier failures are over."""
        track = self._tracks.get(placement)
        if track is not None:
            self._tracks[placement] = replace(track, not_before=0.0, streak=0, detail="")

    # ------------------------------------------------------------------ the rounds

    async def run(self) -> None:
        """Rounds, for ever: at once when something ended or changed, else each second."""
        while True:
            self._wake.clear()
            await self.round()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ROUND_SECONDS):
                    await self._wake.wait()

    async def round(self) -> None:
        """One look, the acts that follow from it, and the facts that changed.

        While the engine cannot be asked, the last facts stand and nothing is done.
        """
        try:
            await self._look()
        except EngineAway as error:
            _log.warning("%s", error)
            return
        picture = Picture(
            wanted=self._wanted(),
            sights=self._sights,
            tracks=self._tracks,
            busy=frozenset(self._acts),
            quarantined=self._book.quarantined,
            is_fresh=self._book.is_fresh,
        )
        for act in decide.decide(picture, self._clock.boottime()):
            self._begin(act)
        await self._publish()

    async def close(self) -> None:
        """Lets go of everything; the containers stay as they are."""
        for task in self._acts.values():
            task.cancel()
        self._checks.close()
        await self._engine.close()

    def _wanted(self) -> dict[str, ContainerSpec]:
        return self._book.wanted(self._clock.boottime())

    async def _look(self) -> None:
        self._sights = {sight.placement: sight for sight in await self._engine.look()}
        wanted = self._wanted()
        for placement in list(self._tracks):
            if placement not in self._sights and placement not in wanted:
                del self._tracks[placement]
        ports = {
            placement: wanted[placement]
            for placement, sight in self._sights.items()
            if sight.running and placement in wanted and placement not in self._acts
        }
        self._checks.watch(ports)

    def _begin(self, act: Act) -> None:
        _log.info("%s %s: %s", act.deed, act.placement, act.reason)
        task = asyncio.create_task(self._perform(act), name=f"{act.deed} {act.placement}")
        self._acts[act.placement] = task
        task.add_done_callback(lambda _: self._done(act.placement))

    def _done(self, placement: str) -> None:
        self._acts.pop(placement, None)
        self._wake.set()

    async def _perform(self, act: Act) -> None:
        track = self._tracks.get(act.placement, Track())
        try:
            if act.deed is not Deed.START:
                self._checks.drop(act.placement)
                await self._engine.stop(act.placement, self._grace)
            if act.spec is not None:
                await self._engine.start(act.spec)
        except StartFailed as error:
            now = self._clock.boottime()
            self._tracks[act.placement] = decide.after_failed_start(track, str(error), now)
            _log.warning("%s %s: %s", act.deed, act.placement, error)
            return
        except EngineAway as error:
            _log.warning("%s %s: %s", act.deed, act.placement, error)
            return
        if act.deed is Deed.RESTART:
            self._tracks[act.placement] = decide.after_restart(track, self._clock.boottime())
        elif act.deed is Deed.START:
            self._tracks[act.placement] = Track()
        else:
            self._tracks.pop(act.placement, None)

    # ------------------------------------------------------------------ what is observed

    async def _checked(self, placement: str, failure: str) -> bool:
        """Takes one look at a health path; says whether the container is settled."""
        track = self._tracks.get(placement, Track())
        after = decide.after_check(track, failure, self._clock.boottime())
        self._tracks[placement] = after
        if after.health is not track.health:
            await self._publish()
        return after.running_since > 0

    async def _publish(self) -> None:
        """Renews the facts and tells whoever waits, if any of them changed."""
        wanted = self._wanted()
        facts = {
            placement: decide.fact_of(
                wanted[placement].port if placement in wanted else 0,
                sight,
                self._tracks.get(placement, Track()),
            )
            for placement, sight in self._sights.items()
        }
        facts |= {
            placement: decide.missing_fact(spec, self._tracks[placement])
            for placement, spec in wanted.items()
            if placement not in facts and placement in self._tracks
        }
        if facts == self._facts:
            return
        self._facts = facts
        async with self._moved:
            self._moved.notify_all()
        self._changed()
