"""When two people's word that a primary is off is a word about something. Pure.

Invariant: a primary that serves is nothing to vouch about, so no word lies ready before anything
failed (I-DB-4); page and action ask this same rule.
"""

from __future__ import annotations

from dataclasses import dataclass

from recovery.failover.phases import FailoverKind, Phase
from recovery.inventory.facts import DatabaseState, Verdict

GONE = frozenset({Verdict.LOST, Verdict.HUNG})
UNPROVEN = frozenset({Phase.ANALYSE, Phase.FENCE})


@dataclass(frozen=True, slots=True)
class Case:
    """What the word would be about. `running`: phase, kind and whether it has its proof, of the
    unfinished failover. `verdict`: of the old primary's host; `runs`: its server, as just heard."""

    name: str
    state: str
    verdict: str | None
    runs: bool
    running: tuple[str, str, bool] | None = None


def refuse_word(case: Case) -> str:
    """Why nobody can vouch now; "": an old primary cannot be proven off, and a word would help."""
    if case.running is not None:
        return _refuse_running(case, *case.running)
    if case.verdict in GONE:
        return ""
    is_down = case.state in (DatabaseState.FAILING_OVER, DatabaseState.WAITING)
    if is_down and not case.runs:
        return ""
    return f"{case.name} is {case.state} and its primary is not lost: nothing is to be vouched for."


def _refuse_running(case: Case, phase: str, kind: str, proven: bool) -> str:
    if kind == FailoverKind.RESTART:
        return f"The server of {case.name} is started again in its place: that needs no proof."
    if proven or phase not in UNPROVEN:
        return f"The {kind} of {case.name} is in {phase}: it waits for no proof."
    if kind == FailoverKind.SWITCHOVER and case.runs:
        return f"The old primary of {case.name} runs and hands over: nothing is to be vouched for."
    return ""
