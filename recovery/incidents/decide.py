"""When an incident is mitigated, open again, or over: by observed facts alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recovery.incidents.facts import IncidentFact, IncidentState

STABLE_SECONDS = 10.0
"""How long everything must stay whole before an incident resolves itself."""
EYES_SECONDS = 30.0
"""The same of our own eyes. On a starved machine they fail every ten seconds: that rang eighteen
pages in three minutes."""


class Step(StrEnum):
    """What to do with one incident."""

    NOTHING = "nothing"
    MITIGATE = "mitigate"
    REOPEN = "reopen"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The step and why; the members whose state changed, each with the sentence that tells it."""

    incident: str
    step: Step
    reason: str
    now_whole: tuple[tuple[int, str], ...]
    now_hurt: tuple[tuple[int, str], ...]


def judge_incident(fact: IncidentFact) -> Judgement:
    """Look at the members: all whole → mitigated; whole for long enough → resolved."""
    hurt = [m for m in fact.members if not m.is_whole]
    now_whole = tuple((m.member, m.reason) for m in fact.members if m.is_whole and not m.was_whole)
    now_hurt = tuple((m.member, m.reason) for m in hurt if m.was_whole)
    step, reason = _step(fact, [m.reason for m in hurt])
    return Judgement(fact.incident, step, reason, now_whole, now_hurt)


def _whole(fact: IncidentFact) -> str:
    """By name, for the line stands among those of others."""
    if len(fact.members) == 1:
        return f"{fact.members[0].reason}."
    return f"All {len(fact.members)} members of {fact.name} are whole again."


def _step(fact: IncidentFact, hurt: list[str]) -> tuple[Step, str]:
    mitigated = fact.state is IncidentState.MITIGATED
    if hurt:
        return (Step.REOPEN if mitigated else Step.NOTHING), "; ".join(hurt[:3])
    if not mitigated:
        return Step.MITIGATE, _whole(fact)
    patience = EYES_SECONDS if fact.is_of_eyes else STABLE_SECONDS
    if fact.whole_for is not None and fact.whole_for >= patience:
        return Step.RESOLVE, f"Everything stayed whole for {patience:.0f} s."
    return Step.NOTHING, "Waiting whether it stays whole."
