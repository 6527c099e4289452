"""What the controller's sight means for databases, and when their timers begin anew."""

from __future__ import annotations

from dataclasses import dataclass, field

from recovery.controller.sighted import Sighted
from recovery.detection import queries
from recovery.detection.facts import Part
from recovery.detection.situations import Scope
from recovery.failover.cycle import Watch
from recovery.failover.facts import Around
from recovery.failover.queries import current_policy, fenced_sites
from recovery.inventory.models import Datacenter

TICK_SECONDS = 0.5
"""The budget of a tick (tau, safety.md 3.1): a longer time than three of them without a look does
not count (B3)."""


LONG_BLIND = 10.0
"""Seconds. A shorter one is no reason to count a lease's silence from zero: at a load where the
leader is blind for a moment now and then, no lease would ever be seen to end."""


@dataclass(slots=True)
class Databases:
    """The leader's memory of databases; a new one for each lead (B3)."""

    watch: Watch = field(default_factory=lambda: Watch(policy=current_policy()))
    _looked: float | None = None
    _was_afresh: bool = False
    _blind_since: float | None = None

    def regraced(self, now: float, *, is_afresh: bool, is_blind: bool = False) -> Watch:
        """The memory for this look. Its timers begin anew after a blindness that was longer than a
        lease, whose renewals nobody heard, and when detection found that PostgreSQL is
        another one or that a gateway had gone, and stand still while we do."""
        gap = 0.0 if self._looked is None else now - self._looked
        if (is_afresh and not self._was_afresh) or self._sees_again(now, is_blind=is_blind):
            self.watch.memory.regrace(now)
        else:
            self.watch.memory.wake(gap, TICK_SECONDS, now)
        self._looked, self._was_afresh = now, is_afresh
        return self.watch

    def _sees_again(self, now: float, *, is_blind: bool) -> bool:
        since = self._blind_since
        if is_blind:
            self._blind_since = now if since is None else since
            return False
        self._blind_since = None
        return since is not None and now - since > LONG_BLIND


def around(sighted: Sighted) -> Around:
    """Why nothing may be begun, if so. Who is not blind reaches at least two of three vantage
    points: detection calls it blind otherwise (I-BR-3)."""
    blind = sighted.hands_off
    points = Datacenter.objects.count()
    seen = 0 if blind else min(points, 2)
    return Around(
        paused=sighted.frozen.get(Part.FAILOVER, ""),
        blind=(blind,) if blind else (),
        vantage_seen=seen if points >= 3 else 0,
        vantage_tried=points,
    )


def failing_domains() -> frozenset[str]:
    """The domains that are held to be lost as a whole right now, and those that are fenced."""
    wide = (Scope.RACK, Scope.DATACENTER)
    lost = {row.domain for row in queries.open_situations() if row.scope in wide}
    return frozenset(lost) | fenced_sites()
