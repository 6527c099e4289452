"""The report: one document that page, PDF and file are drawn from. Pure.

Invariants: its bytes are RFC 8785; what was read back from them is what was signed, or nothing;
None means that nobody knows, and no number stands for it.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec
import rfc8785

from recovery.core.errors import Refused

KIND = "tocsin recovery report"


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Read strictly."""


class Run(Shape, frozen=True):
    """Which run. `seconds`: from its start to its end."""

    number: int
    name: str
    mode: str
    state: str
    plan_digest: str
    lost: str
    into: str
    trigger: str
    declared_by: str
    declared_at: datetime
    declared_reason: str
    started_by: str
    started_at: datetime | None
    ended_at: datetime | None
    seconds: float | None
    end_reason: str
    override: str
    lost_at: datetime | None


class Promise(Shape, frozen=True):
    """In seconds."""

    name: str
    rto: int
    rpo: int
    mtpd: int


class Plan(Shape, frozen=True):
    """Which runbook, in which version, by whom."""

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
    security_relaxations: tuple[str, ...]
    fail_back: str


class Counts(Shape, frozen=True):
    """Steps by how they stand; together they are all of them."""

    done: int
    failed: int
    skipped: int
    open: int

    @property
    def all(self) -> int:
        return self.done + self.failed + self.skipped + self.open


class Phase(Shape, frozen=True):
    """One of the three stages of NIST SP 800-34."""

    stage: str
    began_at: datetime | None
    ended_at: datetime | None
    seconds: float | None
    steps: Counts


class Operation(Shape, frozen=True):
    """One act on one target, under its key. `by_word`: a person said how it ended."""

    key: str
    target: str
    name: str
    number: int
    round: int
    state: str
    intended_at: datetime
    ended_at: datetime | None
    seconds: float | None
    said: str
    by_word: str


class Step(Shape, frozen=True):
    """`seconds`: from when it could be worked at to its end; `waited`: for approvals before."""

    id: str
    number: int
    title: str
    kind: str
    stage: str
    owner: str
    state: str
    said: str
    began_at: datetime | None
    ended_at: datetime | None
    seconds: float | None
    waited: float | None
    targets: int
    operations: tuple[Operation, ...]


class Approval(Shape, frozen=True):
    """Who said what to which step, how they proved to be there, about which plan. `unproven`: why
    a yes in the rows was not theirs, when this was written."""

    step: str
    round: int
    who: str
    for_whom: str
    is_yes: bool
    reason: str
    factor: str
    digest: str
    at: datetime
    used_at: datetime | None
    unproven: str = ""


class Deviation(Shape, frozen=True):
    """Where it did not go as planned, by whom and why. `at` None: it lasted to the end."""

    what: str
    about: str
    who: str
    reason: str
    at: datetime | None
    seconds: float | None = None


class Measure(Shape, frozen=True):
    """One figure. `seconds` None: nobody knows it; `is_bound`: at most so many. `verdict`: kept,
    broken, unknown, no promise, or does not apply."""

    promised: int | None
    seconds: float | None
    is_bound: bool
    verdict: str
    said: str


class Target(Shape, frozen=True):
    """One database or application of the plan, promised against measured."""

    key: str
    type: str
    name: str
    service: str
    rto: Measure
    rpo: Measure


class Tally(Shape, frozen=True):
    """Targets of one promise by verdict; `worst`: of those that were measured."""

    kept: int
    broken: int
    unknown: int
    none: int
    worst: float | None


class Service(Shape, frozen=True):
    """One promise of the plan, and how its targets came off."""

    promise: Promise
    targets: int
    rto: Tally
    rpo: Tally
    said: str


class Missing(Shape, frozen=True):
    """What did not come back, and why."""

    key: str
    name: str
    why: str


class Participant(Shape, frozen=True):
    who: str
    did: tuple[str, ...]


class Event(Shape, frozen=True):
    kind: str
    name: str
    about: str
    state: str
    began_at: datetime
    ended_at: datetime | None
    said: str


class Finding(Shape, frozen=True):
    """A to-do as it stood when this was signed."""

    number: int
    said: str
    owner: str
    due: str
    added_by: str
    added_at: datetime
    closed_by: str
    closed_at: datetime | None
    proof: str


class Test(Shape, frozen=True):
    """What an exercise says more. None: nobody wrote it down."""

    scenario: str
    absent_by_design: tuple[str, ...] | None
    injected_faults: tuple[str, ...] | None
    result: str


class DrillThing(Shape, frozen=True):
    """What was begun on a drill host. `evidence`: who saw it gone, or why nobody knows."""

    kind: str
    name: str
    target: str
    host: str
    said: str
    begun_at: datetime
    stood_at: datetime | None
    removed_at: datetime | None
    gone_at: datetime | None
    evidence: str
    size: int | None
    seconds: float | None
    speed: float | None
    recoverable_to: datetime | None
    canary: datetime | None


class Drill(Shape, frozen=True):
    """Where it was carried out, and that nothing of it is left: of `begun` things so many were
    removed, and so many seen gone by whoever had them; `gone_at`: the last one."""

    hosts: tuple[str, ...]
    begun: int
    removed: int
    gone: int
    gone_at: datetime | None
    things: tuple[DrillThing, ...]


class Checkpoint(Shape, frozen=True):
    size: int
    signed_at: datetime
    note: str


class Proof(Shape, frozen=True):
    """One audit entry of the run: its line, and the way from it to the root of `end`."""

    entry: int
    leaf: int
    about: str
    line: str
    hashes: tuple[str, ...]


class Log(Shape, frozen=True):
    """Where the sealed log stood at the start and when this was made."""

    entries: int
    start: Checkpoint | None
    end: Checkpoint | None
    proofs: tuple[Proof, ...]


class Report(Shape, frozen=True):
    """All of it. `version`: of the report of this run, from one."""

    version: int
    made_at: datetime
    summary: str
    run: Run
    plan: Plan
    counts: Counts
    phases: tuple[Phase, ...]
    steps: tuple[Step, ...]
    approvals: tuple[Approval, ...]
    deviations: tuple[Deviation, ...]
    services: tuple[Service, ...]
    targets: tuple[Target, ...]
    not_back: tuple[Missing, ...]
    participants: tuple[Participant, ...]
    events: tuple[Event, ...]
    findings: tuple[Finding, ...]
    test: Test | None
    log: Log
    kind: str = KIND
    v: int = 1
    drill: Drill | None = None

    @property
    def watermark(self) -> str:
        """What stands across every page of what was no real case."""
        return {"drill": "DRILL", "simulation": "SIMULATION"}.get(self.run.mode, "")


def canonical(report: Report) -> bytes:
    """RFC 8785: one report, one row of bytes. What is no drill says nothing of one, as ever."""
    told = msgspec.to_builtins(report)
    if report.drill is None:
        del told["drill"]
    return rfc8785.dumps(told)


def digest_of(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def read_report(raw: bytes) -> Report:
    """`Refused` where these bytes are no report, or not as one is written."""
    try:
        report = msgspec.json.decode(raw, type=Report)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refused(f"This is no report: {error}.") from error
    if report.kind != KIND or canonical(report) != raw:
        raise Refused("The report is not written as it would be: somebody altered it.")
    return report
