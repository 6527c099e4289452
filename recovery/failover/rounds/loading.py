"""Rows of databases → facts, for many databases with a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from recovery.core import wire
from recovery.core.leases import LeaseRow
from recovery.failover import facts as f
from recovery.failover.models import Failover
from recovery.failover.phases import FailoverKind, Phase
from recovery.failover.policy import Policy
from recovery.failover.proofs.prover import Case, worst_case
from recovery.failover.rounds.memory import Memory, Word
from recovery.failover.rounds.offered import approved_by, authority_of, chosen_of
from recovery.failover.rounds.rows import Rows, granted_by
from recovery.failover.terms import TERMS
from recovery.failover.watch import LeaseWatch
from recovery.inventory.facts import (
    DatabaseState,
    Durability,
    Plan,
    Profile,
    Replace,
    ReplicaState,
    Role,
    StandbyLoss,
    Verdict,
)
from recovery.inventory.models import Database, Host, Replica
from recovery.operations.facts import OperationState
from recovery.operations.models import Operation

MOST_DIGITS = 19  # of a position: it fits into a row


@dataclass(slots=True)
class Loader:
    """Makes the facts of one database out of rows and memory at one instant."""

    rows: Rows
    memory: Memory
    policy: Policy
    now: datetime
    monotonic: float
    around: f.Around
    failing: frozenset[str]

    def facts(self, key: UUID) -> f.Facts:
        row = self.rows.databases[key]
        failover = self.rows.failovers.get(key)
        leader = str(row.primary_id or (failover.source_id if failover else ""))
        replicas = self._replicas(key, leader)
        primary = next((one for one in replicas if one.replica == leader), None)
        shelter, sheltered_for = self._shelter(row, primary, replicas)
        probe = self._written(row)
        seconds = self._seconds(row, primary, replicas)
        return f.Facts(
            database=self._database(row),
            replicas=replicas,
            lease=self._lease(row),
            failover=self._failover(failover),
            around=self._around(key, primary),
            proofs=self._proofs(key, failover),
            unprotected_for=sheltered_for if shelter is False else 0.0,
            protected_for=sheltered_for if shelter else 0.0,
            routed_epoch=row.routed_epoch,
            written_epoch=probe[0],
            written_age=probe[1],
            restart_seconds=seconds[0],
            failover_seconds=seconds[1],
        )

    def _database(self, row: Database) -> f.Database:
        blocked = row.blocked_until
        failed = self.rows.restarts.get(row.pk)
        return f.Database(
            database=str(row.pk),
            name=row.name,
            plan=Plan(row.plan),
            durability=Durability(row.durability),
            epoch=row.epoch,
            primary=str(row.primary_id or ""),
            profile=Profile(row.profile),
            standby_loss=StandbyLoss(row.standby_loss),
            state=DatabaseState(row.state),
            is_degraded=row.degraded_at is not None,
            adopting=str(row.adopting or ""),
            blocked_for=max(0.0, (blocked - self.now).total_seconds()) if blocked else 0.0,
            blocked_by=row.blocked_by,
            restart_failed=(self.now - failed).total_seconds() if failed else f.NEVER,
            failing_domains=self.failing,
            priority=row.priority,
        )

    # ------------------------------------------------------------------ replicas

    def _replicas(self, key: UUID, leader: str) -> tuple[f.ReplicaSight, ...]:
        rows = self.rows.replicas[key]
        told = {
            str(row.pk): (sight.heard, sight.position)
            for row in rows
            if (sight := self.rows.sights.get(row.pk))
        }
        words = self._words(key, leader, told) if told else {}
        return tuple(
            self._replica(row, words.get(str(row.pk)), self._standing(row, leader)) for row in rows
        )

    def _standing(self, row: Replica, leader: str) -> ReplicaState:
        """Behind a fence whoever does not lead is set apart, whatever its row says: what it holds
        is decided by people before it follows anybody."""
        is_apart = row.host_id in self.rows.fenced and str(row.pk) != leader
        return ReplicaState.QUARANTINED if is_apart else ReplicaState(row.state)

    def _words(
        self, key: UUID, leader: str, told: dict[str, tuple[int, int]]
    ) -> Mapping[str, Word]:
        sight = self.rows.sights.get(UUID(leader)) if leader else None
        timeline = int(sight.fact.get("timeline", 0)) if sight else 0
        return self.memory.note_words(
            str(key),
            (leader, timeline),
            told,
            self.monotonic,
            lease=self.rows.number_of(key, leader),
            granted=granted_by(sight),
        )

    def _replica(self, row: Replica, word: Word | None, standing: ReplicaState) -> f.ReplicaSight:
        sight = self.rows.sights.get(row.pk)
        host = row.host
        fact = dict(sight.fact) if sight else {}
        lag = fact.get("lag_ms", -1)
        return f.ReplicaSight(
            replica=str(row.pk),
            name=str(row),
            host=str(row.host_id),
            datacenter=host.datacenter.name,
            domains=_domains(host),
            host_name=host.name,
            role=Role(row.role),
            state=standing,
            may_be_promoted=row.may_be_promoted,
            verdict=Verdict(host.verdict),
            age=word.age(self.monotonic) if word else f.NEVER,
            server=sight.state if sight else "absent",
            epoch=fact.get("epoch", 0),
            is_writable=fact.get("is_writable", False),
            adopted=fact.get("adopted", ""),
            system=fact.get("system", ""),
            timeline=fact.get("timeline", 0),
            version=fact.get("version", ""),
            position=fact.get("position", 0),
            lag=None if lag < 0 else lag / 1000,
            follows=fact.get("follows", ""),
            healthy_for=fact.get("healthy_ms", 0) / 1000,
            promised_for=fact.get("promised_ms", 0) / 1000,
            gate=fact.get("gate", "none"),
            standbys=tuple(f.Standby(**one) for one in fact.get("standbys", ())),
            claimed_early=self.memory.claimed.get(str(row.pk), 0),
            free_bytes=int(fact.get("settings", {}).get("free_bytes", -1)),
            alone=fact.get("alone", ""),
            detail=fact.get("detail", ""),
        )

    def _shelter(
        self,
        row: Database,
        primary: f.ReplicaSight | None,
        replicas: tuple[f.ReplicaSight, ...],
    ) -> tuple[bool | None, float]:
        """Whether a standby could take over by the primary's own word, and for how long."""
        known: bool | None = None
        if primary is not None and primary.age <= self.policy.heard_within:
            waits = row.durability == Durability.SYNCHRONOUS
            known = primary.server == "running" and any(
                is_follower(one, primary) and (not waits or _is_synchronous(one, primary))
                for one in replicas
            )
        return known, self.memory.note_shelter(str(row.pk), known, self.monotonic)

    # ------------------------------------------------------------------ lease, failover, people

    def _lease(self, row: Database) -> LeaseWatch | None:
        lease = self.rows.leases.get(row.pk)
        if lease is None:
            return None
        as_row = LeaseRow(
            replica=str(lease.replica_id),
            epoch=lease.epoch,
            incarnation=lease.incarnation,
            sequence=lease.sequence,
            echo=lease.echo,
            position=lease.position,
            revoked=lease.revoked,
        )
        terms = TERMS[Profile(row.profile)]
        return self.memory.note_lease(str(row.pk), as_row, terms, self.monotonic)

    def _failover(self, row: Failover | None) -> f.Failover | None:
        if row is None:
            return None
        key, now = str(row.pk), self.monotonic
        orders = self.rows.orders[row.database_id]
        return f.Failover(
            kind=FailoverKind(row.kind),
            phase=Phase(row.phase),
            source=str(row.source_id),
            old_epoch=row.old_epoch,
            new_epoch=row.new_epoch or 0,
            target=str(row.target_id or ""),
            wanted=str(row.wanted_id or ""),
            proof=_proof(row.proof),
            age=self.memory.age_of("failover", key, "", now),
            phase_age=self.memory.age_of("phase", key, row.phase, now),
            tried=tuple((str(one), str(why)) for one, why in row.tried),
            orders=tuple({(op.verb, op.replica_id): self._order(op) for op in orders}.values()),
            asked=tuple(self._asked(orders, row.act)),
            attempts=row.attempts,
            called_off=row.called_off,
            authority=authority_of(row),
            chosen=chosen_of(row, self.now),
        )

    def _age(self, op: Operation) -> float:
        """Since it was asked for: the longer of what was seen and what the row says, so that a
        new leader takes no old answer for a fresh one."""
        seen = self.memory.age_of("order", str(op.pk), "", self.monotonic)
        return max(seen, (self.now - op.requested_at).total_seconds())

    def _order(self, op: Operation) -> f.OrderSight:
        position = op.detail.strip() if op.verb == "fence" else ""
        is_number = position.isascii() and position.isdigit() and len(position) < MOST_DIGITS
        return f.OrderSight(
            verb=op.verb,
            replica=str(op.replica_id),
            state=OperationState(op.state),
            operation=str(op.pk),
            detail=op.detail,
            age=self._age(op),
            position=int(position) if is_number else None,
            epoch=op.database_epoch,
            take_over=bool(op.params.get("take_over", False)),
        )

    def _asked(self, orders: list[Operation], act: str) -> Iterable[f.Asked]:
        """Who has said once, under this act, that it promises nothing further, keeps to it."""
        newest: dict[str, f.Asked] = {}
        for op in orders:
            is_done = op.verb == "ask" and op.state == OperationState.DONE
            answer = read_answer(op.detail) if is_done else None
            if answer is not None:
                before = newest.get(str(op.replica_id))
                takes = bool(op.params.get("take_over", False))
                is_ours = takes and op.params.get("by", "") in {"", act}
                newest[str(op.replica_id)] = f.Asked(
                    replica=str(op.replica_id),
                    age=self._age(op),
                    promised_for=answer.promised_ms / 1000,
                    position=answer.position,
                    timeline=answer.timeline,
                    took_over=is_ours or (before is not None and before.took_over),
                    seen_for=self.memory.age_of("answer", str(op.pk), "", self.monotonic),
                )
        return newest.values()

    def _around(self, key: UUID, primary: f.ReplicaSight | None) -> f.Around:
        """The brake's question about the primary's own host is this database's storm."""
        if primary is None:
            return self.around
        host = next(r.host for r in self.rows.replicas[key] if str(r.pk) == primary.replica)
        storm = host.replace_reason if host.replace == Replace.HELD else ""
        return f.Around(
            paused=self.around.paused,
            blind=self.around.blind,
            storm=storm,
            turn=self.around.turn,
            vantage_seen=self.around.vantage_seen,
            vantage_tried=self.around.vantage_tried,
        )

    def _proofs(self, key: UUID, failover: Failover | None) -> tuple[f.Proof, ...]:
        vouch = self.rows.vouches.get(key)
        if failover is None:
            return ()
        if vouch is None:
            return approved_by(failover)
        people = (vouch.requested_by, vouch.given_by)
        return (
            f.Proof(
                kind=f.ProofKind.VOUCHED,
                replica=str(failover.source_id),
                epoch=vouch.epoch,
                said=f"{people[0]} and {people[1]} vouch that it cannot be written to.",
                people=people,
                typed=self.rows.databases[key].name,
                after=(vouch.requested_at - failover.happened_at).total_seconds(),
            ),
        )

    # ------------------------------------------------------------------ figures

    def _written(self, row: Database) -> tuple[int, float]:
        """Where the newest write of a user arrived, and how long ago: after the edge was told, it
        can only have been at the epoch that it was told."""
        probe = self.rows.probes.get(row.pk)
        if probe is None or probe.last_ack_at is None or row.routed_at is None:
            return 0, f.NEVER
        if probe.last_ack_at <= row.routed_at:
            return 0, f.NEVER
        return row.routed_epoch, (self.now - probe.last_ack_at).total_seconds()

    def _seconds(
        self,
        row: Database,
        primary: f.ReplicaSight | None,
        replicas: tuple[f.ReplicaSight, ...],
    ) -> tuple[float, float]:
        """(restart, failover) by the prover, computed where a server is down."""
        if primary is None or primary.server not in ("down", "failed"):
            return f.NEVER, f.NEVER
        sight = self.rows.sights.get(UUID(primary.replica))
        settings = {**sight.fact.get("settings", {})} if sight else {}
        case = Case(
            plan=Plan(row.plan),
            engine=row.engine,
            terms=TERMS[Profile(row.profile)],
            settings=settings,
            lag=max((one.lag or 0.0 for one in replicas), default=0.0),
        )
        found = worst_case(case)
        return found.restart, found.by_receipt


def is_follower(one: f.ReplicaSight, primary: f.ReplicaSight) -> bool:
    """A standby of the same datacenter that streams from the primary by its word."""
    seen = one.seen_by_primary(primary)
    return (
        one.replica != primary.replica
        and one.role is Role.STANDBY
        and one.state is ReplicaState.MEMBER
        and one.may_be_promoted
        and one.datacenter == primary.datacenter
        and seen is not None
        and seen.is_streaming
    )


def _domains(host: Host) -> frozenset[str]:
    """By detection's names for them."""
    site, rack = host.datacenter.name, host.rack
    return frozenset({site, f"{site} {rack.kind} {rack.name}"})


def _is_synchronous(one: f.ReplicaSight, primary: f.ReplicaSight) -> bool:
    seen = one.seen_by_primary(primary)
    return seen is not None and seen.is_synchronous


def _proof(stored: Mapping[str, object] | None) -> f.Proof | None:
    if not stored:
        return None
    position = stored.get("position")
    people = stored.get("people")
    return f.Proof(
        kind=f.ProofKind(str(stored["kind"])),
        replica=str(stored["replica"]),
        epoch=int(str(stored["epoch"])),
        said=str(stored["said"]),
        sequence=int(str(stored.get("sequence", 0))),
        receipt=str(stored.get("receipt", "")),
        position=None if position is None else int(str(position)),
        people=tuple(str(one) for one in people) if isinstance(people, list) else (),
        typed=str(stored.get("typed", "")),
        after=float(str(stored.get("after", -1.0))),
        act=str(stored.get("act", "")),
    )


class SaidOfPromises(msgspec.Struct, frozen=True):
    """What an agent says to *ask*; without `promised_ms` it says nothing (B6)."""

    promised_ms: wire.Whole
    position: wire.Whole = 0
    timeline: wire.Whole = 0


def read_answer(detail: str) -> SaidOfPromises | None:
    """None: no answer. Nothing is concluded from one that can't be read, least of all that no
    promise lives."""
    try:
        return msgspec.json.decode(detail, type=SaidOfPromises)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return None
