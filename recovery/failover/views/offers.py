"""What people at a database's page may weigh: each copy, why it is refused, what it would lose.

Frozen values, read from the row as the controller told them last; nothing is computed here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from recovery.failover.chosen import WORD


@dataclass(frozen=True, slots=True)
class OfferView:
    """`may`: nothing is against it but what people may weigh; `people`: how many have to agree;
    `digest`: what their word is bound to; `seconds`, `bound` None: nobody knows."""

    replica: str
    name: str
    host: str
    reason: str
    quote: str
    position: int
    held: int
    behind: int
    seconds: float | None
    bound: float | None
    may: bool
    people: int
    digest: str

    @property
    def lost(self) -> str:
        """In a few words."""
        if not self.behind and self.seconds == 0:
            return "nothing that is known of"
        how = "of an unknown time" if self.seconds is None else f"about {self.seconds:.1f} s"
        return f"{self.behind:,} bytes, {how}" if self.behind else how


@dataclass(frozen=True, slots=True)
class WordView:
    """On whose word it goes on."""

    people: tuple[str, ...]
    replica: str
    is_judged: bool
    """It did not carry: what the failover waits for says why."""


def offers_of(candidates: Iterable[Any], hosts: Mapping[str, str]) -> tuple[OfferView, ...]:
    """Those that were told as offers; refusals beside a choice are none."""
    told = [one for one in candidates if isinstance(one, dict) and one.get("digest")]
    return tuple(_offer(one, hosts) for one in told)


def _offer(told: Mapping[str, Any], hosts: Mapping[str, str]) -> OfferView:
    return OfferView(
        replica=str(told["replica"]),
        name=str(told["name"]),
        host=hosts.get(str(told["replica"]), ""),
        reason=str(told["reason"]),
        quote=str(told["quote"]),
        position=int(told["position"]),
        held=int(told["held"]),
        behind=int(told["behind"]),
        seconds=told["seconds"],
        bound=told["bound"],
        may=bool(told["may"]),
        people=int(told["people"]),
        digest=str(told["digest"]),
    )


def word_of(act: str, told: Mapping[str, Any], waiting_for: str) -> WordView | None:
    """None: nobody gave one."""
    if not act.startswith(WORD) or not told:
        return None
    people = tuple(str(one) for one in told["people"])
    return WordView(people, str(told["replica"]), bool(waiting_for))
