"""What decides over one database. Frozen values; every span in seconds; no I/O.

Ages and spans are counted by whoever loads the facts, on one monotonic clock; nothing here knows
the time of day. The states of databases and replicas stand in `inventory.facts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recovery.failover.authority import Authority
from recovery.failover.chosen import Chosen, Offer, Quote
from recovery.failover.phases import FailoverKind, Phase
from recovery.failover.watch import LeaseWatch
from recovery.inventory.facts import (
    DatabaseState,
    Durability,
    Plan,
    Profile,
    ReplicaState,
    Role,
    StandbyLoss,
    Verdict,
)
from recovery.operations.facts import OperationState

NEVER = float("inf")
"""The age of what was never seen."""


class ProofKind(StrEnum):
    """Why the old primary cannot be written to any more (I-DB-4): exactly one is used.

    `lease-ended`: B2, on the decider's clock, the row revoked · `gate-closed`: the signed receipt
    of its agent · `powered-off`: the provider's or the power switch's · `vouched`: two people,
    who typed the database's name · `handed-over`: it closed its gate and the standby has all ·
    `approved`: two people put their names to a recovery plan; only where no lease could end.
    """

    LEASE_ENDED = "lease-ended"
    GATE_CLOSED = "gate-closed"
    POWERED_OFF = "powered-off"
    VOUCHED = "vouched"
    HANDED_OVER = "handed-over"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof about `replica` in `epoch`; stored in the failover's row.

    `sequence`: the lease's number that ended; `receipt`: the operation that tells of the closed
    gate or the cut power; `position`: where the gate's closing stopped it; `people`: who vouch,
    `typed`: what they typed, `after`: the first word's seconds after the outage began; below
    zero, it was given before anything failed. `act`: the one act of a plan that people approved.
    """

    kind: ProofKind
    replica: str
    epoch: int
    said: str
    sequence: int = 0
    receipt: str = ""
    position: int | None = None
    people: tuple[str, ...] = ()
    typed: str = ""
    after: float = -1.0
    act: str = ""


@dataclass(frozen=True, slots=True)
class Standby:
    """A standby as its primary last saw it: `position` is what it confirmed."""

    replica: str
    position: int
    is_streaming: bool
    is_synchronous: bool


@dataclass(frozen=True, slots=True)
class ReplicaSight:
    """One replica: what was decided of it, and its agent's last word, `age` seconds old.

    `server`: as `wire.databases.ServerState`. `healthy_for`: streaming and well for so long; a
    standby's agent does not begin anew only because its primary went silent. `promised_for`: rest
    of its promise not to be promoted, at the time of the report. `claimed_early`: the highest
    position it claimed before a look of its primary, by the order of grants, that showed less.
    `free_bytes`: of its disk, -1 unknown. `adopted`: the restore that its data are of, where its
    list asks for one.
    """

    replica: str
    name: str
    host: str
    datacenter: str
    domains: frozenset[str] = frozenset()
    host_name: str = ""
    role: Role = Role.STANDBY
    state: ReplicaState = ReplicaState.MEMBER
    may_be_promoted: bool = True
    verdict: Verdict = Verdict.ALIVE
    age: float = NEVER
    server: str = "absent"
    epoch: int = 0
    is_writable: bool = False
    adopted: str = ""
    system: str = ""
    timeline: int = 0
    version: str = ""
    position: int = 0
    lag: float | None = None
    follows: str = ""
    healthy_for: float = 0.0
    promised_for: float = 0.0
    gate: str = "none"
    standbys: tuple[Standby, ...] = ()
    claimed_early: int = 0
    free_bytes: int = -1
    alone: str = ""
    detail: str = ""

    def seen_by_primary(self, primary: ReplicaSight) -> Standby | None:
        """What the primary's last word said of this one."""
        return next((one for one in primary.standbys if one.replica == self.replica), None)


@dataclass(frozen=True, slots=True)
class Database:
    """One database as decided. `blocked_for`: seconds until a second automatic failover is
    allowed without an acknowledgement (I-DB-8); `service_left`: seconds of this month's service
    level still unused; `restart_failed`: seconds since a restart in place last failed.
    `blocked_by`: the person who called the last one off, where that is why.

    `failing_domains`: the domains that are held to be lost as a whole right now. `adopting`: the
    restore that takes the place of its data now."""

    database: str
    name: str
    plan: Plan
    durability: Durability
    epoch: int
    primary: str
    profile: Profile = Profile.STANDARD
    standby_loss: StandbyLoss = StandbyLoss.DEGRADE
    state: DatabaseState = DatabaseState.SERVING
    is_degraded: bool = False
    adopting: str = ""
    blocked_for: float = 0.0
    blocked_by: str = ""
    restart_failed: float = NEVER
    failing_domains: frozenset[str] = frozenset()
    priority: int = 50
    service_left: float = NEVER

    @property
    def is_synchronous(self) -> bool:
        return self.durability is Durability.SYNCHRONOUS


@dataclass(frozen=True, slots=True)
class OrderSight:
    """The newest operation of one verb for one replica within this failover. `epoch`: of the
    database when it was decided; 0: not told."""

    verb: str
    replica: str
    state: OperationState
    operation: str = ""
    detail: str = ""
    age: float = 0.0
    position: int | None = None
    """What a `fence` stopped at."""
    epoch: int = 0
    take_over: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A standby's answer to `ask` (B6), `age` seconds after the question was sent, `seen_for` after
    the answer was first seen. `took_over`: it has said in this failover, under this very act, that
    it promises nothing further."""

    replica: str
    age: float
    promised_for: float
    position: int = 0
    timeline: int = 0
    took_over: bool = False
    seen_for: float = 0.0


@dataclass(frozen=True, slots=True)
class Failover:
    """The unfinished failover of this database, if there is one.

    `tried`: replicas that were ordered to promote and did not, with the reason. `called_off`: the
    person who wants it ended. `wanted`: the target that a person chose for a switchover.
    `asked`: the newest answer of each."""

    kind: FailoverKind
    phase: Phase
    source: str
    old_epoch: int
    new_epoch: int = 0
    target: str = ""
    wanted: str = ""
    proof: Proof | None = None
    age: float = 0.0
    phase_age: float = 0.0
    tried: tuple[tuple[str, str], ...] = ()
    orders: tuple[OrderSight, ...] = ()
    asked: tuple[Asked, ...] = ()
    attempts: int = 0
    """Promotions ordered to `target` so far."""
    called_off: str = ""
    authority: Authority | None = None
    chosen: Chosen | None = None
    """On whose word somebody may be promoted whom our rules refuse."""

    def order(self, verb: str, replica: str) -> OrderSight | None:
        return next((o for o in self.orders if (o.verb, o.replica) == (verb, replica)), None)


@dataclass(frozen=True, slots=True)
class Around:
    """What holds beyond this database.

    `paused`, `blind`, `storm`, `turn`: why not, as sentences; empty means go. `storm`: the brake
    asks a person about the loss that this belongs to; `turn`: `pace` lets others go first.
    `vantage_seen` of `vantage_tried` points were reached (I-BR-1: 2 of 3)."""

    paused: str = ""
    blind: tuple[str, ...] = ()
    storm: str = ""
    turn: str = ""
    vantage_seen: int = 0
    vantage_tried: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that decides over one database.

    `proofs`: what is offered beyond the lease: power-offs, vouchings. `unprotected_for` /
    `protected_for`: for how long `trouble.is_protected` has been false / true (None changes
    neither), since this decider began to look.
    `routed_epoch`: what the edge was told; `written_epoch`: where the newest probe write through
    the users' path arrived, `written_age` seconds ago. `restart_seconds`, `failover_seconds`: the
    prover's figures."""

    database: Database
    replicas: tuple[ReplicaSight, ...]
    lease: LeaseWatch | None = None
    failover: Failover | None = None
    around: Around = Around()
    proofs: tuple[Proof, ...] = ()
    unprotected_for: float = 0.0
    protected_for: float = 0.0
    routed_epoch: int = 0
    written_epoch: int = 0
    written_age: float = NEVER
    restart_seconds: float = NEVER
    failover_seconds: float = NEVER

    def replica(self, key: str) -> ReplicaSight | None:
        for one in self.replicas:  # asked most of all: a generator takes twice as long
            if one.replica == key:
                return one
        return None

    @property
    def authority(self) -> Authority | None:
        """Of the failover that is under way, if a recovery plan wants it."""
        return self.failover.authority if self.failover else None

    @property
    def primary(self) -> ReplicaSight | None:
        return self.replica(self.database.primary)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why this replica is not promoted, as a sentence."""

    replica: str
    reason: str


@dataclass(frozen=True, slots=True)
class Election:
    """The safest candidate, or none; and the reason for each other one (I-DB-6). `offers`: what
    people may weigh where nobody is safe."""

    chosen: str
    refusals: tuple[Refusal, ...]
    quote: Quote | None = None
    reason: str = ""
    offers: tuple[Offer, ...] = ()


class Act(StrEnum):
    """What the cycle is to do, in one transaction, with `Step.to` as the failover's new phase.

    `begin`: a failover row of `kind` · `ask`: order *ask* to `replica` · `revoke`: lock the lease,
    find its number as it was, revoke it, raise the epoch · `fence`: order *fence* to `replica` ·
    `prove`: store the proof · `disprove`: take it out · `choose`: store target, candidates, quote ·
    `promote`: order *promote* · `repoint`: primary is `replica` at the new epoch, the old one is
    out, the others follow · `redirect`: route to it · `advance`: the phase alone · `rejoin`: order
    *rejoin* ·
    `restart`: order *restart* · `degrade`, `restore`: record it · `give-back`: the old primary
    gets a new lease at a higher epoch · `abandon`, `finish`: end · `await-host`: starter, waiting ·
    `resume`: it serves again · `choose-again`: `replica` goes among `tried`, its lease is revoked.
    Every `choose` takes an epoch above any that was ordered before.
    """

    BEGIN = "begin"
    ASK = "ask"
    REVOKE = "revoke"
    FENCE = "fence"
    PROVE = "prove"
    DISPROVE = "disprove"
    CHOOSE = "choose"
    PROMOTE = "promote"
    REPOINT = "repoint"
    REDIRECT = "redirect"
    ADVANCE = "advance"
    REJOIN = "rejoin"
    RESTART = "restart"
    DEGRADE = "degrade"
    RESTORE = "restore"
    GIVE_BACK = "give-back"
    ABANDON = "abandon"
    RESUME = "resume"
    CHOOSE_AGAIN = "choose-again"
    FINISH = "finish"
    AWAIT_HOST = "await-host"


@dataclass(frozen=True, slots=True)
class Step:
    """Do this next, and nothing else. `take_over` goes with `ask`; `degraded` with `choose`: the
    new primary has no synchronous standby and goes on without, recorded."""

    act: Act
    reason: str
    to: Phase | None = None
    kind: FailoverKind | None = None
    replica: str = ""
    proof: Proof | None = None
    election: Election | None = None
    take_over: bool = False
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now. `seconds`: when to look again at the latest, None: when facts change.

    `alarm`: a standing condition to ring for, by name ("cp-blind", "unprotected"); else ""."""

    reason: str
    seconds: float | None = None
    alarm: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """A person decides. `alarm` names the condition; `election` shows why nobody is safe."""

    reason: str
    alarm: str
    election: Election | None = None


Answer = Step | Wait | Ask
