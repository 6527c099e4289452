"""Databases as people see them. Frozen values; what state each shows and in which words. Pure.

Invariant: what nobody saw is never drawn as fine: without a word of its agent a copy is unknown,
and a database that nobody may write to is down, whatever its plan.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from recovery.failover.facts import NEVER
from recovery.failover.phases import FailoverKind, Phase, refuse_call_off
from recovery.failover.proofs.prover import WorstCase
from recovery.failover.service import UNMEASURED, Service
from recovery.failover.trouble import SERVER_DOWN as DOWN
from recovery.failover.views.copies import RUNS, CopyView
from recovery.failover.views.offers import OfferView, WordView
from recovery.failover.words import GONE, Case, refuse_word
from recovery.inventory.facts import DatabaseState, Plan, ReplicaState, Role, Verdict

ENGINES = {"postgresql": "PostgreSQL", "valkey": "Valkey"}


@dataclass(frozen=True, slots=True)
class GapView:
    """What the writing user saw: no acknowledged write from `last_before` to `first_after`."""

    last_before: datetime
    first_after: datetime
    seconds: float
    lost: int
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FailoverView:
    """One failover, with the instants of its phases and the users' gap where it is over."""

    number: int
    database: str
    kind: str
    phase: str
    cause: str
    waiting_for: str
    called_off: str
    source: str
    target: str
    old_epoch: int
    new_epoch: int | None
    incident: int | None
    proof: str
    candidates: tuple[tuple[str, str], ...]
    loss: str
    loss_bound: float | None
    happened_at: datetime
    began_at: datetime
    marks: tuple[tuple[str, datetime | None], ...]
    ended_at: datetime | None
    end_reason: str
    gap: GapView | None
    offers: tuple[OfferView, ...] = ()
    word: WordView | None = None

    @property
    def may_choose(self) -> tuple[OfferView, ...]:
        """The copies that people may promote while nobody is safe, if they have to."""
        is_stuck = self.waiting_for and self.phase in {"analyse", "fence", "elect"}
        is_free = self.kind == FailoverKind.FAILOVER and not self.called_off and self.is_running
        return tuple(one for one in self.offers if one.may) if is_stuck and is_free else ()

    @property
    def name(self) -> str:
        return f"FO-{self.number:04d}"

    @property
    def is_running(self) -> bool:
        """Users wait, or a copy is still being rebuilt."""
        return self.ended_at is None

    @property
    def is_hurting(self) -> bool:
        """Nobody may be written to yet."""
        return self.is_running and self.phase not in {"verify", "rebuild"}

    @property
    def risked(self) -> str:
        """The loss quote in a few words."""
        if not self.loss:
            return ""
        if self.loss_bound is None:
            return "no bound known"
        return f"at most {self.loss_bound:.1f} s" if self.loss_bound else "nothing acknowledged"

    @property
    def may_be_called_off(self) -> bool:
        """Nobody was ordered to lead yet."""
        kind, phase = FailoverKind(self.kind), Phase(self.phase)
        return not refuse_call_off(phase, kind, self.called_off)

    @property
    def measured(self) -> str:
        """What was lost, as the users' own comparison says."""
        if self.gap is None or not self.gap.lost:
            return "" if self.gap is None else "nothing lost"
        return f"{self.gap.lost} acknowledged write{'' if self.gap.lost == 1 else 's'} lost"


@dataclass(frozen=True, slots=True)
class ProbeView:
    """How writing goes, as the user who writes all the time says."""

    acknowledged: int
    last_ack_at: datetime | None
    gap_ms: float | None
    failing_since: datetime | None
    error: str
    lost: int
    is_stale: bool


@dataclass(frozen=True, slots=True)
class VouchView:
    """A person's word that waits for a second person's, or for being used."""

    id: str
    purpose: str
    state: str
    risk: str
    requested_by: str
    requested_at: datetime
    reason: str
    given_by: str
    expires_at: datetime
    host: str = ""


@dataclass(frozen=True, slots=True)
class DatabaseView:
    """A database with everything that a screen says of it."""

    pk: UUID
    name: str
    about: str
    engine: str
    version: str
    plan: str
    durability: str
    profile: str
    site: str
    state: str
    state_at: datetime
    state_reason: str
    epoch: int
    edge_port: int | None
    degraded_at: datetime | None
    degraded_reason: str
    blocked_until: datetime | None
    blocked_by: str
    standby_loss: str
    copies: tuple[CopyView, ...]
    worst: WorstCase
    probe: ProbeView | None = None
    failover: FailoverView | None = None
    vouches: tuple[VouchView, ...] = ()
    service: Service = UNMEASURED
    is_self_fencing: bool = False
    is_adopting: bool = False
    history: tuple[FailoverView, ...] = field(default=())

    @property
    def kind(self) -> str:
        """PostgreSQL 18, as people say it."""
        return f"{ENGINES.get(self.engine, self.engine)} {self.version}".strip()

    @property
    def is_business(self) -> bool:
        return self.plan == Plan.BUSINESS

    @property
    def primary(self) -> CopyView | None:
        return next((copy for copy in self.copies if copy.role == Role.PRIMARY), None)

    @property
    def standbys(self) -> tuple[CopyView, ...]:
        return tuple(copy for copy in self.copies if copy.role == Role.STANDBY)

    @property
    def targets(self) -> tuple[CopyView, ...]:
        """Standbys that a switchover may choose."""
        return tuple(copy for copy in self.standbys if copy.could_lead)

    @property
    def lag(self) -> float | None:
        """Of the standby that is nearest to its primary."""
        return min((copy.lag for copy in self.targets if copy.lag is not None), default=None)

    @property
    def running(self) -> FailoverView | None:
        return self.failover if self.failover is not None and self.failover.is_running else None

    @property
    def _restart_said(self) -> str:
        seconds = self.worst.restart
        return "no bound is known" if seconds == NEVER else f"{seconds:.0f} s at most"

    @property
    def eta(self) -> str:
        """When one that waits serves again, as far as anybody can tell."""
        primary = self.primary
        if self.is_adopting:
            return "within seconds: its restored data are put in place"
        if self.has_lost_all:
            return "unknown until a backup is restored, or one of its hosts is back"
        if self.is_business:
            return "unknown: a person decides"
        if primary is None or primary.verdict in GONE:
            return f"unknown until its host or its disk is back; then {self._restart_said}"
        if self.waits_for_disk:
            return f"{self._restart_said}, once its server starts on {primary.host} with its data"
        return "unknown: its host is not seen"

    @property
    def has_lost_all(self) -> bool:
        """On the business plan, with no copy whose host is not gone: nobody can take over."""
        is_made = self.state != DatabaseState.MAKING and bool(self.copies)
        return self.is_business and is_made and all(one.verdict in GONE for one in self.copies)

    @property
    def is_stuck(self) -> bool:
        """Its primary's host lives, its server does not run there, and nobody was ordered to lead
        instead: its data may not start."""
        one = self.primary
        lives = one is not None and one.verdict == Verdict.ALIVE and one.server in DOWN
        return lives and (self.running is None or self.running.phase == Phase.ANALYSE)

    @property
    def has_nobody(self) -> bool:
        """On the business plan, with no copy that could serve by what is known of each."""
        if not self.is_business or self.state == DatabaseState.MAKING or not self.copies:
            return False
        leads = self.primary
        return all(
            one.verdict in GONE
            or (one is leads and self.is_stuck)
            or (one is not leads and bool(self.degraded_at) and self.running is None)
            for one in self.copies
        )

    @property
    def is_alone(self) -> bool:
        """On the business plan, serving, and with no other copy, not even one that may return."""
        serves = self.state == DatabaseState.SERVING and self.running is None
        return self.is_business and serves and len(self.copies) == 1 and not self.is_down

    @property
    def apart(self) -> tuple[CopyView, ...]:
        """Copies that came back and that nobody decided about yet."""
        return tuple(one for one in self.copies if one.state == ReplicaState.QUARANTINED)

    @property
    def may_be_restored(self) -> bool:
        """Two people may put it elsewhere from a backup (`recovery.restores.lost` decides)."""
        is_waiting = not self.is_business and self.state == DatabaseState.WAITING
        return is_waiting or self.has_lost_all or self.has_nobody

    @property
    def may_go_back(self) -> bool:
        """Two people may restore it in its own place (`recovery.restores.in_place` decides)."""
        lives = self.primary is not None and self.primary.verdict == Verdict.ALIVE
        waits = self.state == DatabaseState.WAITING and (not self.is_business or self.is_stuck)
        fits = waits or self.state == DatabaseState.SERVING
        is_free = self.running is None or self.is_stuck
        return lives and fits and is_free and not self.is_adopting

    @property
    def waits_for_disk(self) -> bool:
        """Its host lives, and its server does not run there with its data."""
        one = self.primary
        lives = one is not None and one.verdict == Verdict.ALIVE
        return lives and one is not None and (one.server != RUNS or one.epoch < self.epoch)

    @property
    def is_down(self) -> bool:
        """Nobody may write to it, or nobody's writes are acknowledged."""
        if self.state in {DatabaseState.FAILING_OVER, DatabaseState.WAITING}:
            return True
        primary = self.primary
        if self.state == DatabaseState.MAKING:
            return False
        return primary is None or primary.verdict in GONE or self.is_failing

    @property
    def may_be_vouched_for(self) -> bool:
        """Its old primary is lost, and two people's word could be the proof."""
        running = self.running
        old = self.primary
        if running is not None:
            old = next((copy for copy in self.copies if copy.host == running.source), old)
        case = Case(
            name=self.name,
            state=self.state,
            verdict=old.verdict if old is not None else None,
            runs=old is not None and old.verdict == Verdict.ALIVE and old.server == RUNS,
            running=(running.phase, running.kind, bool(running.proof)) if running else None,
        )
        return self.is_business and not refuse_word(case)

    @property
    def is_failing(self) -> bool:
        """Its users' writes are not acknowledged right now."""
        return bool(self.probe and not self.probe.is_stale and self.probe.failing_since)

    @property
    def since(self) -> datetime:
        """Since when it is as its word says."""
        if self.is_down and self.running:
            return self.running.happened_at
        if self.is_failing and self.probe and self.probe.failing_since:
            return self.probe.failing_since
        return (self.word == "degraded" and self.degraded_at) or self.state_at

    @property
    def tone(self) -> str:
        if self.is_down:
            return "down"
        primary = self.primary
        if self.state == DatabaseState.MAKING or primary is None or primary.tone == "unknown":
            return "unknown"
        return "risk" if self.is_business and (self.degraded_at or self.worst.reasons) else ""

    @property
    def word(self) -> str:
        """What is wrong in a few words; how it stands where nothing is."""
        if self.state == DatabaseState.MAKING:
            return "is being made"
        if self.is_down:
            return self._down_word
        if self.tone == "unknown":
            return "its primary is not seen"
        if self.tone == "risk":
            return "degraded" if self.degraded_at else self._risk_word
        return "serves"

    @property
    def _down_word(self) -> str:
        if self.has_lost_all:
            return "every copy is lost"
        if (running := self.running) is not None:
            verb = "switching over" if running.kind == "switchover" else "failing over"
            return f"{verb}, {running.phase}"
        primary = self.primary
        if not self.is_business and (primary is None or primary.verdict != Verdict.ALIVE):
            return "waits for its host"
        if self.state == DatabaseState.WAITING:
            return "waits"
        if primary is not None and primary.verdict in GONE:
            return f"its host is {primary.verdict}"
        return "no write is acknowledged"

    @property
    def _risk_word(self) -> str:
        if not self.targets:
            return "no standby could take over"
        return "the promise cannot hold"

    @property
    def at_risk(self) -> str:
        """What would be lost if its primary were lost now, in words."""
        if self.has_lost_all:
            return "what came after its newest backup"
        if not self.is_business:
            return "all of it, if its disk is lost too"
        if not self.targets:
            follows = any(copy.is_streaming for copy in self.standbys)
            return f"unknown: {'its standby is not safe yet' if follows else 'no standby follows'}"
        if self.durability == "synchronous" and not self.degraded_at:
            return "nothing"
        return "unknown" if self.lag is None else f"the last {self.lag:.1f} s and what is under way"

    @property
    def worst_said(self) -> str:
        """Seconds to the first write after a loss, at worst."""
        if not self.is_business:
            return "its host’s return"
        return "no bound" if self.worst.seconds == NEVER else f"{self.worst.seconds:.1f} s"
