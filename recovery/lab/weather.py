"""What the lab does to a host's network: cuts, delay, loss. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Way = Literal["in", "out"]
Scope = Literal["control", "public"]
"""`control`: between the agent and the control plane. `public`: peers and users."""


@dataclass(frozen=True, slots=True)
class Weather:
    """`cut_in`: scopes from which nothing arrives; `cut_out`: to which nothing leaves; `parted`:
    addresses of hosts from which nothing arrives and to which nothing leaves."""

    cut_in: frozenset[Scope] = frozenset()
    cut_out: frozenset[Scope] = frozenset()
    parted: frozenset[str] = frozenset()
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0

    def passes(self, way: Way, scope: Scope) -> bool:
        return scope not in (self.cut_in if way == "in" else self.cut_out)

    def connects(self, scope: Scope) -> bool:
        """A handshake needs both ways."""
        return self.passes("in", scope) and self.passes("out", scope)

    @property
    def is_fair(self) -> bool:
        return self == Weather()


FAIR = Weather()
