"""What is known of an approval when it is weighed. Standard library only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from recovery.drp.facts import Factor

LIFE_SECONDS = 30 * 60


class AskState(StrEnum):
    """Of one question to approve a step. `void`: what was shown changed · `expired`: nobody was in
    time; it never approves, it is asked anew and louder."""

    OPEN = "open"
    USED = "used"
    DENIED = "denied"
    VOID = "void"
    EXPIRED = "expired"


ASK_MOVES: Mapping[str, frozenset[str]] = {
    AskState.OPEN: frozenset({"used", "denied", "void", "expired"}),
    AskState.USED: frozenset(),
    AskState.DENIED: frozenset(),
    AskState.VOID: frozenset(),
    AskState.EXPIRED: frozenset(),
}


class Rule(StrEnum):
    """What break-glass may override, each by its name. Never: the digest, the signature, the
    single use, the drill that must not touch production. (A stale runbook takes an override where
    its run is prepared.)"""

    REQUESTER_APPROVES = "requester_approves"
    EDITOR_APPROVES = "editor_approves"
    TOO_FEW_PEOPLE = "too_few_people"


RULES: Mapping[str, str] = {
    Rule.REQUESTER_APPROVES: "Who asked for the run approves it",
    Rule.EDITOR_APPROVES: "Who wrote the runbook approves it",
    Rule.TOO_FEW_PEOPLE: "One person is enough where the plan asks for more",
}
"""What whoever breaks one says by it, in the words that people read."""


def spoken_rules(rules: Collection[str]) -> str:
    """A rule that nobody knows any more keeps its name."""
    return ", ".join(RULES.get(rule, rule) for rule in rules)


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, and under which policy. `requester` and `editor`: as the plan that is signed
    has them; `count` people of `role`, of `of` where given; `by_passkey`: a code does not do;
    `broken`: rules that `broken_by` broke for this question; `incarnation`: of the rows now;
    `mismatch`: where the rows say something else than the plan."""

    ask: str
    digest: str
    run: str
    step: str
    requester: str
    editor: str
    role: str
    count: int
    of: frozenset[str]
    by_passkey: bool
    incarnation: int
    broken: frozenset[Rule] = frozenset()
    broken_by: str = ""
    mismatch: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """One approval as its row has it, and what was found out about it now.

    `principal`: whose right it is: the approver's own, or who delegated it. `roles`: the
    principal's, now, as far as the pinned keys have them too; `is_active`: both are still let in.
    `wall`: its age by the database's clock, `elapsed`: by the run's own count, which no clock step
    moves. `unproven`: why its signature (or the seal of a code) does not hold, looked at now.
    """

    id: str
    ask: str
    approver: str
    principal: str
    roles: frozenset[str]
    is_active: bool
    factor: Factor
    digest: str
    run: str
    step: str
    incarnation: int
    wall: float
    elapsed: float
    is_yes: bool = True
    is_used: bool = False
    unproven: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Weighed:
    """`counted`: ids that are used up with it; `refused`: of every other one why not;
    `missing`: what is still waited for, empty where it is enough; `denied`: who said no;
    `because`: their reason; `hollow`: whose yes stands in the rows, with nothing else against it,
    and is not theirs by any key."""

    counted: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    missing: str
    denied: str = ""
    because: str = ""
    hollow: tuple[str, ...] = ()

    @property
    def is_enough(self) -> bool:
        return not self.missing and not self.denied
