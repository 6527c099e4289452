"""From what the links heard to what detection judges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from recovery.audit.facts import Actor
from recovery.controller.eyes import Eyes, Look, Sight
from recovery.core import control
from recovery.core.clock import Clock
from recovery.detection import queries
from recovery.detection.cycle import Watch, watch_hosts
from recovery.detection.facts import Gateway, Kernel, Part
from recovery.detection.sights import Seen, Sights
from recovery.gateway.digest import AskLook
from recovery.inventory.actions import meet_hosts

FRESH_SECONDS = 3.0
"""A host that enrols is alive once it was heard within so many seconds."""


@dataclass(slots=True)
class Sighted:
    """The leading controller's sight. `blind` and `paused` say why nothing may move, if so;
    `frozen`: why a part of it does not begin by itself, also in a pause; `by_plans`: by a plan.

    `is_grace`: it sees, and only lets its timers start again (B3): no new judgement, but what was
    decided and committed before goes on. `is_afresh`: somebody else's doing: the rows or a gateway
    behind them are new. `fits`: which racks' loss would fit elsewhere.
    """

    eyes: Eyes
    watch: Watch
    blind: str = ""
    paused: str = ""
    frozen: Mapping[Part, str] = field(default_factory=dict)
    by_plans: Mapping[Part, str] = field(default_factory=dict)
    is_grace: bool = False
    is_afresh: bool = False
    fits: Callable[[], Mapping[str, bool]] = dict
    _met: set[str] = field(default_factory=set)

    @property
    def hands_off(self) -> str:
        """Why nothing at all may be done, not even what was decided before; or nothing."""
        return "" if self.is_grace else self.blind

    def regrace(self, now: float) -> None:
        """Every timer starts from zero (B3)."""
        self.watch = Watch.begin(now)
        self.blind, self.is_grace = "The controller has only just begun to watch.", False
        self.is_afresh = False

    def look(self, *, actor: Actor, clock: Clock) -> list[AskLook]:
        """One look at the fleet with all that follows for verdicts; the looks to ask for."""
        monotonic, now = clock.monotonic(), clock.now()
        sight = self.eyes.look(monotonic)
        self._meet(sight, actor=actor, now=now)
        decision = watch_hosts(
            self.watch,
            sights_of(sight, monotonic),
            actor=actor,
            now=now,
            monotonic=monotonic,
            fits=self.fits(),
        )
        self.blind = " ".join(decision.blind.reasons)
        self.is_grace = decision.blind.is_grace
        self.is_afresh = self.is_grace and not decision.blind.is_late
        self.paused = queries.pause_reason()
        self.frozen = queries.frozen_reasons()
        self.by_plans = queries.frozen_by_plans()
        return [AskLook(look.host, look.observers) for look in decision.looks]

    def _meet(self, sight: Sight, *, actor: Actor, now: datetime) -> None:
        """Hosts that are heard for the first time after they enrolled are alive."""
        heard = {
            host
            for host, age in zip(sight.hosts, sight.ages.tolist(), strict=True)
            if age < FRESH_SECONDS and host not in self._met
        }
        if heard:
            with control.deciding(actor.epoch):
                meet_hosts(hosts=heard, actor=actor, now=now)
            self._met |= heard


def sights_of(sight: Sight, now: float) -> Sights:
    """The same sight in detection's words: ages instead of instants, NaN for never."""
    seen: dict[str, list[Seen]] = defaultdict(list)
    for look in sight.looks:
        seen[look.target].append(_seen(look, now))
    return Sights(
        hosts=sight.hosts,
        ages=np.where(np.isinf(sight.ages), np.nan, sight.ages),
        boots=np.array([int.from_bytes(boot[:8]) for boot in sight.boots], dtype=np.uint64),
        seen=seen,
        gateways=tuple(Gateway(g.name, g.digest_age, g.running, g.gap) for g in sight.gateways),
        pause=sight.pause,
    )


def _seen(look: Look, now: float) -> Seen:
    age = max(0.0, now - look.began)
    return Seen(look.observer, Kernel(look.kernel), look.answering, look.asked, age)
