"""What decides over a run, as frozen values, and the orders that come out. No Django, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from recovery.drp.approvals.facts import Weighed
from recovery.drp.facts import ActState, RunState, StepState
from recovery.drp.plan import Plan, PlannedStep, Target
from recovery.drp.planning.bettering import Better


@dataclass(frozen=True, slots=True)
class ActSight:
    """One act on one target. `number`: its how manyeth for this target; `age`: seconds since it was
    intended; `by_word`: how it ended is what a person said."""

    key: str
    target: str
    number: int
    round: int
    state: ActState
    age: float = 0.0
    said: str = ""
    by_word: bool = False


@dataclass(frozen=True, slots=True)
class AskSight:
    """The open question to approve a step."""

    id: str
    age: float
    weighed: Weighed


@dataclass(frozen=True, slots=True)
class GateSight:
    """What the gate of the newest wave says now. `age`: seconds since that wave ended."""

    holds: bool
    said: str
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class StepSight:
    """`round`: how often a person let it begin anew; `quiet`: seconds since its newest act ended.
    `expected`: what a simulation finds: (would it work, why); `unauthorised`: why what it does now
    rests on nobody's yes."""

    planned: PlannedStep
    state: StepState = StepState.PENDING
    round: int = 1
    acts: tuple[ActSight, ...] = ()
    ask: AskSight | None = None
    gate: GateSight | None = None
    quiet: float = 0.0
    said: str = ""
    expected: tuple[bool, str] = (True, "")
    unauthorised: str = ""

    def by_target(self) -> Mapping[str, Sequence[ActSight]]:
        """Its acts, of each target the newest last."""
        found: dict[str, list[ActSight]] = {}
        for act in sorted(self.acts, key=lambda act: act.number):
            found.setdefault(act.target, []).append(act)
        return found


@dataclass(frozen=True, slots=True)
class RunSight:
    """`drift`: what is no longer as it was approved; `moved`: the same, with what moved of the
    targets of acts that are under way, which is ours where they were begun; `better`: copies that
    would lose less than what was approved, which change nothing of it by themselves; `hold`: why
    nothing may begin now at all; `started_by`: "", nobody did yet; `production`: keys of
    everything that is production, as the inventory has it (I-DR-4)."""

    id: str
    plan: Plan
    digest: str
    state: RunState
    steps: Mapping[str, StepSight]
    drift: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    better: tuple[Better, ...] = ()
    hold: str = ""
    started_by: str = ""
    production: frozenset[str] = field(default_factory=frozenset)


def with_looks(
    run: RunSight, gates: Mapping[str, GateSight], expected: Mapping[str, tuple[bool, str]]
) -> RunSight:
    """The same run with what was looked at this round."""
    steps = {
        name: replace(step, gate=gates.get(name), expected=expected.get(name, (True, "")))
        for name, step in run.steps.items()
    }
    return replace(run, steps=steps)


class Do(StrEnum):
    """What is done, each one transaction. `intend` writes the row before the act; `look` asks the
    hand what became of it, and acts where it never heard of it."""

    ASK = "ask"
    VOID = "void"
    DENY = "deny"
    RENEW = "renew"
    BEGIN = "begin"
    INTEND = "intend"
    LOOK = "look"
    TIME_OUT = "time_out"
    LOSE_SIGHT = "lose_sight"
    SETTLE_DONE = "settle_done"
    SETTLE_FAILED = "settle_failed"
    PAUSE = "pause"
    ABORT = "abort"
    FINISH = "finish"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Order:
    """Do this now, because. `approvals`: ids that are used up by beginning."""

    do: Do
    reason: str
    step: str = ""
    key: str = ""
    target: Target | None = None
    number: int = 0
    approvals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a step waits for, and of whom: one next action a role. `who` empty: nobody can help."""

    step: str
    who: str
    reason: str


class Heard(StrEnum):
    """What a hand knows of a key."""

    NEVER = "never"
    UNDER_WAY = "under_way"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of an act. `epoch`: to which it brought its target, 0: to none."""

    heard: Heard
    said: str = ""
    epoch: int = 0


NEVER_BEGUN = Outcome(Heard.FAILED, "The run was aborted before it was begun.")
HALF_DONE = Outcome(Heard.FAILED, "The run was aborted in the middle: the rest stays where it is.")
