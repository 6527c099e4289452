"""What a report is made of, as rows had it. Standard library only.

Invariant: every instant here is the database's clock, but those of gaps, which are the writer's or
the prober's own. None: nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from recovery.drp.facts import Factor, Kind, Mode, RunState, Stage, StepState
from recovery.drp.runbooks.covers import Covers


class FindingState(StrEnum):
    """A to-do after a run. `closed`: with its proof."""

    OPEN = "open"
    CLOSED = "closed"


FINDING_MOVES: Mapping[str, frozenset[str]] = {
    FindingState.OPEN: frozenset({"closed"}),
    FindingState.CLOSED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Moment:
    """A change of state, as the audit log has it. `by`: a person's name, else the kind of actor."""

    at: datetime
    to: str
    by: str
    reason: str
    is_person: bool = False


@dataclass(frozen=True, slots=True)
class RunFact:
    """The run's own row, and every state it was in."""

    number: int
    name: str
    mode: Mode
    state: RunState
    digest: str
    lost: str
    into: str
    situation: str
    requested_by: str
    requested_at: datetime
    request_reason: str
    started_by: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: str = ""
    override: str = ""
    history: tuple[Moment, ...] = ()


@dataclass(frozen=True, slots=True)
class PromiseFact:
    """What the plan promises, in seconds. `covers` None: nothing says of what."""

    name: str
    rto: int
    rpo: int
    mtpd: int
    covers: Covers | None = None


@dataclass(frozen=True, slots=True)
class PlanFact:
    """The runbook that was run."""

    id: str
    version: int
    title: str
    scenario: str
    digest: str
    written_by: str
    activated_by: str
    activated_at: datetime | None
    owner: str
    deputies: tuple[str, ...]
    scope: str
    order: str
    activation: tuple[str, ...]
    deactivation: tuple[str, ...]
    success_criteria: tuple[str, ...]
    relaxations: tuple[str, ...]
    fail_back: str
    services: tuple[PromiseFact, ...] = ()


@dataclass(frozen=True, slots=True)
class ActFact:
    """One act on one target."""

    key: str
    target: str
    name: str
    number: int
    round: int
    state: str
    intended_at: datetime
    ended_at: datetime | None
    said: str
    by_word: str


@dataclass(frozen=True, slots=True)
class AskFact:
    """One question to approve a step."""

    round: int
    asked_at: datetime
    state: str
    end_reason: str
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class YesFact:
    """What one person said to one question. `unproven`: why a yes is not theirs, by no key."""

    round: int
    approver: str
    principal: str
    is_yes: bool
    reason: str
    factor: Factor
    digest: str
    given_at: datetime
    used_at: datetime | None = None
    unproven: str = ""


@dataclass(frozen=True, slots=True)
class GlassFact:
    """Rules that somebody broke by name."""

    by: str
    rules: tuple[str, ...]
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StepFact:
    """One step of the run, with everything that hangs on it."""

    name: str
    position: int
    title: str
    kind: Kind
    stage: Stage
    owner: str
    state: StepState
    said: str
    targets: int
    history: tuple[Moment, ...] = ()
    acts: tuple[ActFact, ...] = ()
    asks: tuple[AskFact, ...] = ()
    words: tuple[YesFact, ...] = ()
    broken: tuple[GlassFact, ...] = ()


@dataclass(frozen=True, slots=True)
class GapFact:
    """A time without service that is over. `lost`: writes acknowledged before it and not there
    after it. `is_end_seen` false: whoever asked was away from `ended` on."""

    began: datetime
    ended: datetime
    lost: int = 0
    is_end_seen: bool = True


@dataclass(frozen=True, slots=True)
class LossFact:
    """What a promotion was quoted to lose at most, in seconds, when it was made."""

    said: str
    bound: float | None


@dataclass(frozen=True, slots=True)
class TargetFact:
    """A database or an application of the plan. `is_measured`: a user of ours wrote to it or asked
    it all the time, without a break; `out_since`: it still does not serve; `recovered_to`: up to
    which moment a restore brought it, `restored_at`: when that had ended, `left`: what it left on
    the hosts that had it; `left_out`: why the plan did not take it; `failed`: why what was done to
    it did not end well."""

    key: str
    type: str
    name: str
    covers: Covers | None
    is_measured: bool = False
    gaps: tuple[GapFact, ...] = ()
    out_since: datetime | None = None
    loss: LossFact | None = None
    restored: bool = False
    recovered_to: datetime | None = None
    restored_at: datetime | None = None
    left: str = ""
    left_out: str = ""
    failed: str = ""


@dataclass(frozen=True, slots=True)
class EventFact:
    """An incident, a failover or a restore that stands in the run's time."""

    kind: str
    name: str
    about: str
    state: str
    began_at: datetime
    ended_at: datetime | None
    said: str


@dataclass(frozen=True, slots=True)
class FindingFact:
    """A to-do as it stands now."""

    number: int
    said: str
    owner: str
    due: str
    added_by: str
    added_at: datetime
    closed_by: str = ""
    closed_at: datetime | None = None
    proof: str = ""


@dataclass(frozen=True, slots=True)
class CheckpointFact:
    """A checkpoint of the sealed log, as it was signed."""

    size: int
    signed_at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class ProofFact:
    """One entry under the checkpoint at the end: its line, and the hashes up to the root."""

    entry: int
    leaf: int
    about: str
    line: str
    hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogFact:
    """Where the sealed log stood. `entries`: of the run's own rows; `proofs`: of some of them."""

    entries: int
    start: CheckpointFact | None = None
    end: CheckpointFact | None = None
    proofs: tuple[ProofFact, ...] = ()


@dataclass(frozen=True, slots=True)
class ThingFact:
    """One thing that a drill began on a drill host, or borrowed for it. `unproven`: why nobody has
    seen it gone, once it was removed; figures of a restore, None where it was none."""

    key: str
    kind: str
    name: str
    target: str
    host: str
    state: str
    said: str
    begun_at: datetime
    stood_at: datetime | None
    removed_at: datetime | None
    gone_at: datetime | None
    gone_said: str = ""
    unproven: str = ""
    size: int | None = None
    seconds: float | None = None
    speed: float | None = None
    recoverable_to: datetime | None = None
    canary: datetime | None = None


@dataclass(frozen=True, slots=True)
class DrillFacts:
    """`hosts`: all that are there for drills."""

    hosts: tuple[str, ...]
    things: tuple[ThingFact, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything at `made_at`. `lost_at`: when what was lost fell silent, None where nothing did or
    where nobody saw."""

    made_at: datetime
    version: int
    run: RunFact
    plan: PlanFact
    steps: tuple[StepFact, ...]
    targets: tuple[TargetFact, ...] = ()
    events: tuple[EventFact, ...] = ()
    findings: tuple[FindingFact, ...] = ()
    log: LogFact = field(default_factory=lambda: LogFact(0))
    lost_at: datetime | None = None
    drill: DrillFacts | None = None
