"""What people see and approve: a runbook with its targets, named with their epochs. Pure.

Invariants: the digest covers everything that is shown and everything that is done, the mode too
(I-DR-1), and who asked for it and wrote it last, who never approve it (I-DR-2); the same runbook on
the same inventory gives the same bytes (RFC 8785); what was read back from its bytes is what was
written, or nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import msgspec

from recovery.core import canonical as core
from recovery.core.errors import Refused
from recovery.drp.facts import DANGEROUS, Kind, Mode, OnFailure, Stage

Realm = Literal["production", "drill"]
TargetType = Literal["datacenter", "database", "application", "tocsin"]


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Read strictly: a field more or less is another plan."""


class Target(Shape, frozen=True):
    """What an act is done to, as it was when the plan was shown."""

    type: TargetType
    id: str
    name: str
    epoch: int
    realm: Realm

    @property
    def key(self) -> str:
        """A database's id is never read as a datacenter's (I-BR-4)."""
        return f"{self.type}:{self.id}"


class Need(Shape, frozen=True):
    """Whose approval a step wants. `of`: only these people, where given."""

    role: str
    count: int
    of: tuple[str, ...] = ()


class Gate(Shape, frozen=True):
    """What holds after a wave before the next one begins."""

    that: str
    at_least: int


class PlannedStep(Shape, frozen=True):
    """One step, resolved. `waves`: the targets, in the order in which they are taken."""

    id: str
    title: str
    kind: Kind
    stage: Stage
    owner: str
    timeout: int
    retries: int
    on_failure: OnFailure
    needs: tuple[str, ...]
    params: dict[str, Any]
    waves: tuple[tuple[Target, ...], ...]
    undo: str | None = None
    point_of_no_return: str | None = None
    approval: Need | None = None
    gate: Gate | None = None

    @property
    def is_idle(self) -> bool:
        """It has nothing to do it to: it is over as soon as it begins, and asks nobody. A question
        is about the plan, and a fence always about a datacenter."""
        return not self.waves and self.kind not in {Kind.APPROVAL, Kind.FENCE_DATACENTER}

    @property
    def conditions(self) -> tuple[str, ...]:
        """What it looks at, where looking is what it does."""
        named = self.params.get("that", ())
        return (named,) if isinstance(named, str) else tuple(named)

    @property
    def wants_passkey(self) -> bool:
        """What is dangerous, or cannot be taken back, is signed; the rest may take a code."""
        return self.kind in DANGEROUS or self.point_of_no_return is not None


class Quote(Shape, frozen=True):
    """What of a database is certain to be there afterwards: everything up to `moment`; of a standby
    that nobody can tell of, "". `way`: how it comes back; `lost_ms`: what is lost by it, as far as
    anybody saw, None: nobody can tell; `reason`: why it is restored and not promoted."""

    database: str
    name: str
    source: str
    moment: str
    way: Literal["restore", "promote"] = "restore"
    lost_ms: int | None = None
    reason: str = ""


class Doubt(Shape, frozen=True):
    """What nobody can prove of a database in the datacenter that is left, and who approves answers
    for: that `replica` did not prolong its lease unseen, or, of a primary that lives by none, that
    it is not written to."""

    database: str
    name: str
    replica: str
    said: str


class LeftOut(Shape, frozen=True):
    """A target that a step will not take, and why."""

    step: str
    target: Target
    reason: str


KEEP, EXPORT = "keep", "export"
Choice = Literal["", "keep", "discard", "export"]
"""`export`: what it holds goes into a store first; whether it is discarded then is asked after."""
FOLLOWS = "is free to follow by itself"
"""In `Move.held`, of each copy that nothing is decided about any more."""


class Move(Shape, frozen=True):
    """What an earlier run moved, and this one moves back. `copies`: the ordinals of an
    application's; `before`: the hosts on which it was; `reason`: why it is in the plan; `held`:
    what the copies of a database that came back were seen to hold; `choice`: what becomes of it;
    `stores`: into which of them that is exported, the first that takes it; `where`: why these."""

    target: Target
    copies: tuple[int, ...] = ()
    before: str = ""
    reason: str = ""
    held: str = ""
    choice: Choice = ""
    stores: tuple[str, ...] = ()
    where: str = ""


class Thing(Shape, frozen=True):
    """What a drill brings about for one target (`target`: its key): which program with which
    command, or which data from which address. Its host compares it with what it is told."""

    target: str
    what: dict[str, Any]


VERSIONS = (1, 2, 3, 4, 5)
"""Plans of version 1 did not say who asked and who wrote: they are shown, and nothing of them that
takes an approval begins. Those of version 2 named no doubts and quoted no standby: nobody answers
for the ones, and nothing beyond 5 s is lost by the others. Those of version 3 did not say why a
database is restored; those of version 4 neither where an export goes nor what a drill starts."""


class Plan(Shape, frozen=True):
    """Everything that an approval is about. `requester` and `last_editor`: whose approval of it
    counts for nothing; `doubts`: what its approvers answer for. `origin`: the number of the run
    whose `moves` it takes back; 0: of none. `things`: of a drill, what it brings about."""

    runbook: str
    version: int
    runbook_digest: str
    mode: Mode
    lost: Target
    into: Target
    situation: str
    steps: tuple[PlannedStep, ...]
    quotes: tuple[Quote, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    requester: str = ""
    last_editor: str = ""
    doubts: tuple[Doubt, ...] = ()
    v: int = VERSIONS[-1]
    origin: int = 0
    moves: tuple[Move, ...] = ()
    things: tuple[Thing, ...] = ()

    @property
    def stays_within(self) -> bool:
        """Whether nothing is placed outside of the datacenter that takes over: of what lives, as a
        plan says that fences nothing. What was lost goes wherever there is room."""
        fences = any(step.kind is Kind.FENCE_DATACENTER for step in self.steps)
        return self.mode is Mode.PLANNED or (self.mode is Mode.SIMULATION and not fences)

    def move(self, target: Target) -> Move | None:
        """What is taken back of it; None: all of it goes, or nothing was moved before."""
        return next((one for one in self.moves if one.target.key == target.key), None)

    def step(self, id: str) -> PlannedStep:
        """The one of this id."""
        return next(step for step in self.steps if step.id == id)


QUOTED_BEFORE = ("database", "name", "source", "moment")


def canonical(plan: Plan) -> bytes:
    """RFC 8785: one plan, one row of bytes."""
    told = msgspec.to_builtins(plan)
    if plan.v < 3:
        del told["doubts"]
        told["quotes"] = [{key: one[key] for key in QUOTED_BEFORE} for one in told["quotes"]]
    if plan.v == 3:
        for one in told["quotes"]:
            del one["reason"]
    if plan.v == 1:
        del told["requester"], told["last_editor"]
    if plan.v < 5:
        for one in told["moves"]:
            del one["stores"], one["where"]
    if plan.v < 5 or not plan.things:
        del told["things"]
    if not plan.origin:
        del told["origin"], told["moves"]
    return core.canonical(told)


def digest(plan: Plan) -> str:
    """SHA-256 of it, in hex."""
    return digest_of(canonical(plan))


def digest_of(raw: bytes) -> str:
    """The same, of bytes."""
    return core.digest(raw)


@lru_cache(maxsize=16)
def read_plan(raw: bytes, expected: str) -> Plan:
    """The plan that has this digest. `Refused` where these bytes are of no plan, or of another.
    A run's is read many times a second, and the same bytes are the same plan."""
    if digest_of(raw) != expected:
        raise Refused("The plan is not the one that was approved: its digest is another.")
    try:
        plan = msgspec.json.decode(raw, type=Plan)
    except msgspec.MsgspecError as error:
        raise Refused(f"This is no plan: {error}.") from error
    if plan.v not in VERSIONS:
        raise Refused(f"The plan is of version {plan.v}, which this Tocsin does not know.")
    if canonical(plan) != raw:
        raise Refused("The plan is not written as it would be: somebody altered it.")
    return plan
