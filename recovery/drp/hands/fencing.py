"""fence_datacenter: from one commit on nothing starts there and no lease is renewed; then it is
seen what is proven by that.

Invariants: its journal is the fence's own row; every look judges anew by the leader's own clock, so
that another leader, which has seen nothing yet, waits a whole lease; what cannot be proven is said,
host by host, and nothing waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from recovery.brief.queries import Fleet
from recovery.core import control
from recovery.core.errors import Refused
from recovery.drp.actions.effects import beginning
from recovery.drp.hands.bench import Bench
from recovery.drp.hands.closing import Held, Standing, judge
from recovery.drp.hands.promises import promisers
from recovery.drp.proven import tell_proven
from recovery.drp.queries.held import Known, known_of
from recovery.drp.queries.seeing import fleet_once
from recovery.drp.sights import Heard, Order, Outcome
from recovery.failover.actions.fences import (
    BY_RECEIPT,
    Cause,
    close_gate,
    note_proofs,
    raise_fence,
    standing_fence,
    tell_standby,
)
from recovery.failover.models import Fence
from recovery.failover.proofs.prolonging import CLOSED, prolonging
from recovery.inventory.facts import Verdict
from recovery.inventory.models import Database, Host, Replica
from recovery.operations.facts import OperationState
from recovery.operations.models import Operation

HEARD = (Verdict.ALIVE, Verdict.SUSPECT)
NOT_YET = frozenset({Standing.ASK, Standing.TELL, Standing.WAITS})
AT_ONCE = 8
"""So many databases are ordered about in one look; who waited longest comes first."""
NEVER_ORDERED = float("-inf")
MOST_NAMED = 20
"""Of what waits, and of what is not proven, in the sentence of a look."""
TOLD_AGAIN = 3.0
"""Seconds after which a standby that has not answered is told again."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One database: what is told of it, and what its proof rests on. `epoch`: in which its primary
    led; `open`: its standbys that may still promise."""

    database: Database
    primary: Replica
    standing: Standing
    said: str
    number: tuple[int, int, int] | None
    has_receipt: bool
    epoch: int = 0
    open: tuple[str, ...] = ()

    def told(self) -> dict[str, object]:
        return {
            "database": str(self.database.pk),
            "replica": str(self.primary.pk),
            "epoch": self.epoch,
            "number": list(self.number) if self.number else None,
            "kind": BY_RECEIPT if self.has_receipt else "lease-ended",
            "said": self.said,
        }


class Fencing:
    """Of one datacenter."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def act(self, order: Order) -> Outcome:
        bench = self._bench
        assert order.target is not None, "an act has a target"
        try:
            bench.refuse_drill(order.target)
        except Refused as error:
            return Outcome(Heard.FAILED, str(error))
        cause = Cause(order.key, bench.run.pk, str(bench.run), order.step, bench.run.requested_by)
        with beginning(order, bench.actor):
            raise_fence(
                datacenter=UUID(order.target.id),
                cause=cause,
                actor=bench.actor,
                reason=bench.run.request_reason,
                now=bench.now,
            )
        return self.look(order)

    def look(self, order: Order) -> Outcome:
        row = Fence.objects.select_related("datacenter").filter(key=order.key).first()
        if row is None:
            return Outcome(Heard.NEVER)
        if row.lifted_by:
            return Outcome(Heard.FAILED, f"{row.lifted_by} lifted the fence: {row.lift_reason}")
        bench, fleet, known = self._bench, fleet_once(self._bench.now), known_of(row)
        looked = [self._looked(database, row, known, fleet) for database in known.databases]
        told = say(looked, row)
        waits = any(one.standing in NOT_YET for one in looked)
        proven = [one.told() for one in looked if one.standing is Standing.PROVEN]
        due = [one for one in looked if one.standing in {Standing.ASK, Standing.TELL}]
        with control.deciding(bench.actor.epoch):
            if not standing_fence(row.pk):
                return Outcome(Heard.UNDER_WAY, "Somebody has just lifted the fence.")
            for one in sorted(due, key=self._ordered_at)[:AT_ONCE]:
                self._order(one, order)
            note_proofs(
                fence=row, proofs=proven, told=told, is_over=not waits, actor=bench.actor,
                now=bench.now,
            )  # fmt: skip
        return Outcome(Heard.UNDER_WAY if waits else Heard.DONE, told)

    def _ordered_at(self, one: Looked) -> float:
        """By this leader's clock; before all others, who never was."""
        return self._bench.waiting.get(f"ordered:{one.database.pk}", NEVER_ORDERED)

    def _order(self, one: Looked, order: Order) -> None:
        bench = self._bench
        bench.waiting[f"ordered:{one.database.pk}"] = bench.monotonic()
        told: dict[str, str] = {"run": str(bench.run.pk), "step": order.step, "act": order.key}
        raised = one.database.epoch  # their agents refuse what is ordered at one below
        if one.standing is Standing.ASK:
            close_gate(
                replica=one.primary, epoch=raised, plan=told, actor=bench.actor,
                reason=one.said, now=bench.now,
            )  # fmt: skip
        if one.standing is Standing.TELL:
            for replica in one.open:
                tell_standby(
                    replica=UUID(replica), epoch=max(one.epoch, raised - 1), by=order.key,
                    actor=bench.actor, reason=one.said, now=bench.now,
                )  # fmt: skip

    def _looked(self, database: Database, fence: Fence, known: Known, fleet: Fleet) -> Looked:
        running, primary = known.running.get(database.pk), known.primary(database)
        epoch = database.epoch if database.primary else (running.old_epoch if running else 0)
        lease = self._lease(database, primary, epoch, known)
        closing = closing_of(primary, epoch, database.epoch, known)
        more = prolonging(promisers(primary, known, fleet, self._bench))
        proof = running.proof if running and running.promoted_at is None else None
        held = Held(
            name=database.name,
            host=primary.host.name,
            is_heard=primary.host.verdict in HEARD,
            left=lease[1] if lease else None,
            more=more,
            is_told=all(self._is_told(UUID(one.replica), known) for one in more.open),
            proof=str(proof["said"]) if proof else "",
            is_gate=proof is not None and proof["kind"] in CLOSED,
            receipt=OperationState(closing.state) if closing else None,
            quiet=_quiet(closing, self._bench) if closing else 0.0,
            detail=closing.detail if closing else "",
        )
        standing, said = judge(held)
        has_receipt = held.receipt is OperationState.DONE
        number = lease[0] if lease else None
        open_ = tuple(one.replica for one in more.open)
        return Looked(database, primary, standing, said, number, has_receipt, epoch, open_)

    def _lease(
        self, database: Database, primary: Replica, epoch: int, known: Known
    ) -> tuple[tuple[int, int, int], float] | None:
        """Its number and the seconds left of it; None: it lives by none."""
        row = known.leases.get(database.pk)
        if row is None or not row.sequence:
            return None
        if (row.replica_id, row.epoch) != (primary.pk, epoch):
            return None
        sight = self._bench.leases().sight_of(row)
        return sight.number, sight.left

    def _is_told(self, replica: UUID, known: Known) -> bool:
        """Whether it was told a moment ago, and has not answered."""
        asked = known.asked.get(replica, ())
        return any(_quiet(op, self._bench) < TOLD_AGAIN for op in asked)


def say(looked: list[Looked], fence: Fence) -> str:
    """As `told_of`, with how many hosts it is about."""
    hosts = Host.objects.filter(datacenter=fence.datacenter_id).count()
    return told_of([(one.standing, one.said) for one in looked], fence.datacenter.name, hosts)


def told_of(looked: Sequence[tuple[Standing, str]], site: str, hosts: int) -> str:
    """How many are proven; what is not, one by one, as many as a person reads. Pure. It stands in
    the fence's row, in the log at each change, and on every page of the run: a datacenter of ten
    thousand databases must not make it larger than one frame."""
    proven = sum(standing is Standing.PROVEN for standing, _ in looked)
    parts = [
        f"Nothing starts on the {hosts} hosts of {site}.",
        tell_proven(proven, len(looked)),
        *_named([said for standing, said in looked if standing in NOT_YET]),
    ]
    doubts = [said for standing, said in looked if standing is Standing.UNPROVEN]
    return " ".join([*parts, *(["Not proven:", *_named(doubts)] if doubts else [])])


def _named(said: Sequence[str]) -> list[str]:
    rest = len(said) - MOST_NAMED
    return [*said[:MOST_NAMED], *([f"And {rest} more."] if rest > 0 else [])]


def closing_of(primary: Replica, led: int, raised: int, known: Known) -> Operation | None:
    """The newest order of the epoch that the database has now, whose ever it is: a failover in
    *fence* raised it, and orders there, too. A receipt of the epoch in which it led stays true."""
    then, now = (known.closings.get((primary.pk, epoch)) for epoch in (led, raised))
    if now is None or (then is not None and then.state == OperationState.DONE):
        return then
    return now


def _quiet(op: Operation, bench: Bench) -> float:
    return (bench.now - (op.ended_at or op.requested_at)).total_seconds()
