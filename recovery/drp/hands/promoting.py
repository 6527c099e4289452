"""promote_databases: one failover for each act, carried by failover's own rules.

Invariants: the failover names the act in the transaction that begins it; the run's authority allows
the datacenter that the plan names and nothing else; what would be lost beyond what was approved is
not promoted, and the run pauses with the reason.
"""

from __future__ import annotations

from uuid import UUID

from recovery.core import control
from recovery.core.errors import Refused
from recovery.drp.actions.effects import beginning
from recovery.drp.facts import Mode
from recovery.drp.hands.bench import Bench
from recovery.drp.models import Act, ApprovalUse
from recovery.drp.plan import Plan
from recovery.drp.queries.doubts import gone_replicas, mates_of
from recovery.drp.queries.seeing import fleet_once
from recovery.drp.sights import Heard, Order, Outcome
from recovery.failover.actions.plans import WAITING, Wish, hear_word, promote_by_plan
from recovery.failover.elect import WORSE
from recovery.failover.models import Failover, Fence
from recovery.failover.phases import ENDED, Phase
from recovery.inventory.facts import ReplicaState, Verdict
from recovery.inventory.models import Database, Replica


class Promoting:
    """Its journal is the failover's row."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def act(self, order: Order) -> Outcome:
        bench = self._bench
        assert order.target is not None, "an act has a target"
        with beginning(order, bench.actor) as act:
            try:
                bench.refuse_drill(order.target)
                promote_by_plan(
                    database=UUID(order.target.id),
                    wish=self._wish(order, act),
                    actor=bench.actor,
                    reason=f"{bench.run}, step {order.step}: {bench.run.request_reason}",
                    now=bench.now,
                )
            except Refused as error:
                return Outcome(Heard.FAILED, str(error))
        return self.look(order)

    def look(self, order: Order) -> Outcome:
        row = Failover.objects.select_related("target__host").filter(act=order.key).first()
        if row is None:
            return Outcome(Heard.NEVER)
        if row.phase in WAITING and row.authority:
            self._hear_word(row)
        return outcome_of(row)

    def _hear_word(self, row: Failover) -> None:
        """Of the provider, or of somebody on site: it may be withdrawn until somebody leads."""
        bench, gone = self._bench, self._gone(row.database_id)
        if list(row.authority.get("gone", ())) == list(gone):
            return
        with control.deciding(bench.actor.epoch):
            hear_word(
                failover=row, gone=gone, actor=bench.actor,
                reason=f"Said to be gone by now: {len(gone)} of its standbys.", now=bench.now,
            )  # fmt: skip

    def _gone(self, database: UUID) -> tuple[str, ...]:
        rows = Replica.objects.filter(database=database).exclude(state=ReplicaState.RETIRED)
        members = list(rows.select_related("host__datacenter").order_by("number"))
        running = Failover.objects.filter(database=database).exclude(phase__in=sorted(ENDED))
        led = Database.objects.values_list("primary", flat=True).get(pk=database)
        key = led or running.values_list("source", flat=True).first()
        holder = next((one for one in members if one.pk == key), None)
        if holder is None:
            return ()
        gone = gone_replicas(fleet_once(self._bench.now), holder, mates_of(holder, members))
        return tuple(sorted(gone))

    def _wish(self, order: Order, act: Act) -> Wish:
        bench, target = self._bench, order.target
        assert target is not None, "an act has a target"
        return Wish(
            act=order.key,
            run=bench.run.pk,
            name=str(bench.run),
            step=order.step,
            into=bench.plan.into.name,
            loss=_quoted(bench.plan, target.id),
            people=_people(bench, act),
            named=tuple(one.replica for one in bench.plan.doubts if one.database == target.id),
            gone=self._gone(UUID(target.id)),
            epoch=target.epoch,
            is_planned=bench.plan.mode is Mode.PLANNED and _lives(target.id),
        )


def _quoted(plan: Plan, database: str) -> float:
    """Seconds that were on the page; where nobody could tell, nobody agreed to lose any."""
    ours = (one for one in plan.quotes if one.database == database and one.way == "promote")
    found = (one.lost_ms for one in ours)
    return next((ms / 1000 for ms in found if ms is not None), 0.0)


def _people(bench: Bench, act: Act) -> tuple[str, ...]:
    """Who asked for the run, and who approved this round of the step: the first comes first."""
    uses = ApprovalUse.objects.filter(step=act.step_id, round=act.round).order_by("used_at", "pk")
    approved = uses.values_list("approval__approver", flat=True)
    return tuple(dict.fromkeys([bench.run.requested_by, *approved]))


def _lives(database: str) -> bool:
    """Whether its primary hands over by itself: it is heard, and nobody fenced its datacenter."""
    row = Database.objects.select_related("primary__host").get(pk=database)
    if row.primary is None or row.primary.host.verdict != Verdict.ALIVE:
        return False
    there = row.primary.host.datacenter_id
    return not Fence.objects.filter(datacenter=there, state="standing").exists()


def outcome_of(row: Failover) -> Outcome:
    """What became of it so far. It serves once a write of a user arrived."""
    if row.verified_at is not None:
        said = str(row.loss.get("said", "")) if row.loss else ""
        said = f"{said[:1].upper()}{said[1:]}"
        return Outcome(Heard.DONE, f"{row}: {row.target} leads. {said}".strip(), row.new_epoch or 0)
    if row.phase == Phase.ABANDONED:
        return Outcome(Heard.FAILED, f"{row}: {row.end_reason}")
    if row.waiting_for.startswith(WORSE):
        return Outcome(Heard.FAILED, f"{row}: {row.waiting_for}")
    return Outcome(Heard.UNDER_WAY, f"{row} is in {row.phase}. {row.waiting_for}".strip())
