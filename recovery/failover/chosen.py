"""What people may decide where nobody is safe: offers, and what they chose. Frozen values; pure.

Invariants: a person's word waives what is about loss and about time, and nothing else: that the old
primary is closed is proven in any case, nobody goes across datacenters but by a recovery plan, and
a copy whose history or word is wrong is promoted by nobody. It counts for one copy, for the rules
and up to the loss that its people were shown; whatever is worse by then is asked anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

WORD = "word/"
"""How the keys of acts begin that people want, and no recovery plan."""
SLACK = 5.0
"""Seconds by which a loss may be worse than what was agreed to."""


class Rule(StrEnum):
    """What may be against a copy (I-DB-6)."""

    TRIED = "tried"
    DEGRADED = "degraded"
    KEPT = "kept"
    PLACE = "place"
    LIFE = "life"
    HISTORY = "history"
    WELL = "well"
    LOSS = "loss"


AT_LOSS = frozenset({Rule.DEGRADED, Rule.LOSS})
"""Acknowledged writes may be missing."""
WAIVABLE = AT_LOSS | {Rule.WELL}


@dataclass(frozen=True, slots=True)
class No:
    """One reason against a copy, as a sentence."""

    rule: Rule
    reason: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What a promotion now would lose: of a synchronous database nothing acknowledged.

    `position`: written by the primary as far as anybody heard; `held`: by the candidate.
    `seconds`: the best estimate, as if the primary had ended with its last word; `bound`: no more
    than the writes of so many seconds are lost, even if it wrote on unseen until its gate closed.
    `age`: from the last word until then. None: it cannot be told."""

    position: int
    held: int
    age: float | None
    seconds: float | None
    bound: float | None
    said: str

    @property
    def behind(self) -> int:
        return max(0, self.position - self.held)


@dataclass(frozen=True, slots=True)
class Offer:
    """A copy, what is against it, and what its promotion would lose."""

    replica: str
    name: str
    against: tuple[No, ...]
    quote: Quote
    lag: float = 0.0

    @property
    def rules(self) -> frozenset[Rule]:
        return frozenset(no.rule for no in self.against)

    @property
    def may_be_chosen(self) -> bool:
        """Nothing is against it but what people may weigh."""
        return self.rules <= WAIVABLE

    @property
    def people(self) -> int:
        """How many have to agree: one where it is a matter of time alone, for its loss is one that
        is accepted without asking; two where acknowledged writes may be lost."""
        return 2 if self.rules & AT_LOSS else 1


@dataclass(frozen=True, slots=True)
class Chosen:
    """The word of people for one copy. `waives`: the rules that were against it; `behind`,
    `seconds`: what they were shown that would be lost, None: that nobody knows how much."""

    act: str
    replica: str
    people: tuple[str, ...]
    waives: frozenset[Rule]
    behind: int
    seconds: float | None

    @property
    def said(self) -> str:
        return f"the word of {' and '.join(self.people)}"


def refuse_more(quote: Quote, chosen: Chosen) -> str:
    """Why nobody agreed to lose that much; empty where they did."""
    shown = f"More would be lost than what {' and '.join(chosen.people)} agreed to"
    if quote.behind > chosen.behind:
        return f"{shown}: {quote.behind} bytes, and not {chosen.behind}."
    if chosen.seconds is None:
        return ""
    if quote.seconds is None:
        return f"{shown}: it cannot be told any more how much."
    if quote.seconds > chosen.seconds + SLACK:
        return f"{shown}: about {quote.seconds:.0f} s of writes, and not {chosen.seconds:.0f} s."
    return ""
