"""A recovery plan promotes: one failover for each act, whatever is killed.

Invariants: the act's key stands in the failover's row from the transaction that begins it, and is
there once; a failover that waits by itself is taken over by the plan, one that may have promoted
somebody never is; everything that decides over it afterwards is failover's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Refused
from recovery.failover.actions.failovers import begin_failover
from recovery.failover.actions.orders import give_promises_again
from recovery.failover.models import Failover
from recovery.failover.phases import ENDED, FailoverKind, Phase
from recovery.failover.rounds.telling import story_for, tell
from recovery.inventory.facts import Verdict
from recovery.inventory.models import Database, Replica

WAITING = (Phase.ANALYSE, Phase.FENCE, Phase.ELECT)
"""Nobody was ordered to lead yet."""
UNLED = (*WAITING, Phase.PROMOTE)
"""Nobody leads yet: whoever was ordered to may have to be ordered again, or another one."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the plan wants of one database: `epoch` is the one that it was shown in; `wanted`: a
    planned hand-over to this datacenter, while its primary lives; `named`: replicas that its people
    answer for; `gone`: those that are said to be gone."""

    act: str
    run: UUID
    name: str
    step: str
    into: str
    loss: float
    people: tuple[str, ...]
    epoch: int
    is_planned: bool = False
    named: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def told(self) -> dict[str, object]:
        return {
            "run": str(self.run),
            "name": self.name,
            "step": self.step,
            "into": self.into,
            "loss": self.loss,
            "people": list(self.people),
            "named": list(self.named),
            "gone": list(self.gone),
        }


def promote_by_plan(
    *, database: UUID, wish: Wish, actor: Actor, reason: str, now: datetime
) -> Failover:
    """In the caller's transaction, under the leader's epoch. `Refused` says why nothing begins."""
    row = Database.objects.select_for_update().get(pk=database)
    if (there := Failover.objects.filter(act=wish.act).first()) is not None:
        return there
    running = Failover.objects.filter(database=row).exclude(phase__in=sorted(ENDED)).first()
    if row.epoch != wish.epoch and not is_ours(row, wish.run):
        raise Refused(f"{row} is in epoch {row.epoch}; the plan saw epoch {wish.epoch}.")
    if running is not None:
        return _take_over(running, wish, actor=actor, reason=reason, now=now)
    source = row.primary
    if source is None:
        raise Refused(f"{row} has no primary: a person names one.")
    target = _target(row, wish) if wish.is_planned else None
    down = source.host.verdict in {Verdict.LOST, Verdict.HUNG}
    happened_at = source.host.verdict_at if down and source.host.verdict_at else now
    return begin_failover(
        database=row,
        kind=FailoverKind.SWITCHOVER if target else FailoverKind.FAILOVER,
        source=source,
        wanted=target,
        incident=None
        if target
        else story_for(row, source, reason, happened_at=happened_at, actor=actor, now=now),
        happened_at=happened_at,
        act=wish.act,
        authority=wish.told(),
        actor=actor,
        reason=reason,
        now=now,
    )


def hear_word(
    *, failover: Failover, gone: Sequence[str], actor: Actor, reason: str, now: datetime
) -> Failover:
    """Who is said to be gone by now, while nobody was ordered to lead: a word that is withdrawn
    stands for nothing any more. In the caller's transaction, under the leader's epoch."""
    row = Failover.objects.select_for_update().get(pk=failover.pk)
    told = row.authority
    if row.phase not in WAITING or not told or list(told.get("gone", ())) == list(gone):
        return failover
    return transitions.amend(
        row,
        {"authority": {**told, "gone": list(gone)}, "waiting_for": ""},
        action="word of who is gone",
        actor=actor,
        reason=reason,
        now=now,
    )


def withdraw_authority(*, acts: str, actor: Actor, reason: str, now: datetime) -> None:
    """Failovers of these acts (how their keys begin) in which nobody leads yet are no plan's any
    more: they go on by failover's own rules, and promises that they took over are given again. What
    was ordered already is looked at to its end; nothing is ordered again on this word. In the
    caller's transaction."""
    rows = Failover.objects.select_for_update().filter(act__startswith=acts, phase__in=UNLED)
    for held in rows.exclude(authority={}).order_by("pk"):
        said = f"The plan's word for {held} is taken back"
        tell(held, "taken back", said, why=reason, actor=actor, now=now)
        if held.phase == Phase.ANALYSE:
            give_promises_again(by=held.act, actor=actor, reason=reason, now=now)
        transitions.amend(
            held,
            {"authority": {}, "waiting_for": ""},
            action="the plan's word taken back",
            actor=actor,
            reason=reason,
            now=now,
        )


def is_ours(database: Database, run: UUID) -> bool:
    """Whether nobody but this run has changed who leads it since the run began to."""
    newest = Failover.objects.filter(database=database).order_by("-number").first()
    return newest is not None and newest.act.startswith(f"{run}/")


def _target(row: Database, wish: Wish) -> Replica:
    rows = Replica.objects.filter(
        database=row, host__datacenter__name=wish.into, role="standby", state="member"
    )
    found = rows.order_by("number").first()
    if found is None:
        raise Refused(f"{row} has no standby in {wish.into}.")
    return found


def _take_over(
    running: Failover, wish: Wish, *, actor: Actor, reason: str, now: datetime
) -> Failover:
    held = Failover.objects.select_for_update().get(pk=running.pk)
    if held.kind != FailoverKind.FAILOVER or held.phase not in WAITING:
        raise Refused(f"{held}, a {held.kind}, is under way in phase {held.phase}: wait for it.")
    if held.called_off:
        raise Refused(f"{held.called_off} calls {held} off: wait for its end.")
    tell(held, "taken over", f"{wish.name} takes {held} over", why=reason, actor=actor, now=now)
    return transitions.amend(
        held,
        {"act": wish.act, "authority": wish.told(), "waiting_for": ""},
        action="taken over by a plan",
        actor=actor,
        reason=reason,
        now=now,
    )
