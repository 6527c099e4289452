"""The prober: asks every application the way its users do, through the edge.

Invariant: it tells an application that does not answer from an edge or a prober that does not:
only the first is an outage, the others are unknown. Requests never wait for the database, nor
the database's writes for requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import httpx
import structlog

from recovery.core.clock import Clock
from recovery.traffic.facts import Answer, Probe
from recovery.traffic.timeline import Change, Rate, Timeline

log = structlog.get_logger()

INTERVAL = 0.25
"""Seconds between two probes of one application: outage seconds are right to ± 0.2 s."""
AT_MOST = 250
"""Probes a second in all; with more applications each is asked less often."""
PATIENCE = 3.0
"""A user's patience: what is not answered by then is not answered."""
ASLEEP = 1.0
"""A gap between two ticks longer than this: the prober itself was not there."""
NO_ROUTE = b"404 page not found"
"""What the edge itself says while it has no routes."""

Ask = Callable[[str], Awaitable[tuple[Answer, str]]]


@dataclass(frozen=True, slots=True)
class Target:
    """An application to be asked."""

    id: UUID
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Told:
    """A change of one application, at an instant of the wall clock."""

    application: UUID
    change: Change
    at: datetime


@dataclass(slots=True)
class Prober:
    """All applications' timelines. `tick` sends what is due; results arrive by themselves."""

    clock: Clock
    ask: Ask
    targets: tuple[Target, ...] = ()
    timelines: dict[UUID, Timeline] = field(default_factory=dict)
    due: dict[UUID, float] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    flying: set[asyncio.Task[None]] = field(default_factory=set)
    ticked: float | None = None
    round: int = 0

    @property
    def interval(self) -> float:
        return max(INTERVAL, len(self.targets) / AT_MOST)

    def watch(self, targets: tuple[Target, ...]) -> None:
        """Ask these from now on; new ones start at different moments of the interval."""
        if targets == self.targets:
            return
        now = self.clock.monotonic()
        self.targets = targets
        for at, target in enumerate(targets):
            self.timelines.setdefault(target.id, Timeline())
            self.due.setdefault(target.id, now + self.interval * at / len(targets))
        gone = set(self.timelines) - {target.id for target in targets}
        for pk in gone:
            del self.timelines[pk], self.due[pk]

    def tick(self) -> None:
        """Send the probes that are due. After a sleep nothing in flight counts."""
        now = self.clock.monotonic()
        if self.ticked is not None and now - self.ticked > ASLEEP:
            self._forget(now)
        self.ticked = now
        for target in self.targets:
            if self.due[target.id] <= now:
                self.due[target.id] = max(self.due[target.id] + self.interval, now)
                self._send(target, now)

    def _send(self, target: Target, now: float) -> None:
        self.timelines[target.id].send(now)
        task = asyncio.ensure_future(self._probe(target, now, self.round))
        self.flying.add(task)
        task.add_done_callback(self.flying.discard)

    async def _probe(self, target: Target, sent: float, sent_in: int) -> None:
        answer, detail = await self.ask(f"/app/{target.name}{target.path}")
        timeline = self.timelines.get(target.id)
        if timeline is not None and sent_in == self.round:
            probe = Probe(sent, self.clock.monotonic(), answer, detail)
            self._tell(target.id, timeline.note(probe))

    def _forget(self, now: float) -> None:
        self.round += 1
        log.warning("prober_slept", seconds=round(now - (self.ticked or now), 1))
        for pk, timeline in self.timelines.items():
            self._tell(pk, timeline.forget(now))

    def _tell(self, application: UUID, changes: list[Change]) -> None:
        self.told += [Told(application, change, self._wall(change.at)) for change in changes]

    def take(self) -> list[Told]:
        """What changed since the last call."""
        told, self.told = self.told, []
        return told

    def rates(self) -> dict[UUID, Rate]:
        """The last minute of every application that was asked."""
        found = {pk: timeline.rate() for pk, timeline in self.timelines.items()}
        return {pk: rate for pk, rate in found.items() if rate is not None}

    def seen_since(self) -> dict[UUID, datetime]:
        """Since when nothing of an application was missed."""
        return {
            pk: self._wall(timeline.seen_since)
            for pk, timeline in self.timelines.items()
            if timeline.seen_since is not None
        }

    def _wall(self, mono: float) -> datetime:
        return self.clock.now() - timedelta(seconds=self.clock.monotonic() - mono)


async def ask_edge(client: httpx.AsyncClient, url: str) -> tuple[Answer, str]:
    """One request through the edge, on a connection of its own as a new user would open it."""
    try:
        response = await client.get(url, headers={"Connection": "close"})
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        return Answer.UNKNOWN, f"the edge cannot be reached: {error}"
    except httpx.TimeoutException:
        return Answer.NO, f"no answer within {PATIENCE:.0f} s"
    except httpx.HTTPError as error:
        return Answer.UNKNOWN, f"the edge broke off: {error}"
    if response.status_code == 404 and response.content.strip() == NO_ROUTE:
        return Answer.UNKNOWN, "the edge has no route"
    if response.status_code >= 500:
        return Answer.NO, f"the edge says {response.status_code}"
    return Answer.YES, ""
