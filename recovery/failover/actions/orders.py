"""Orders to the agents of replicas, and what becomes of their standbys' promises (B6).

Invariant: whoever takes the giving of promises over does so by its name, and gives it again by that
name when it gives up before it revoked anything; what others took stays taken. An order that gives
again is never lost to a later one: that carries its names along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from recovery.audit.facts import Actor
from recovery.failover.chosen import WORD
from recovery.failover.models import Failover
from recovery.inventory.models import Replica
from recovery.operations.actions import give_way, request_acts
from recovery.operations.facts import UNFINISHED, Act, Verb
from recovery.operations.models import Operation


@dataclass(frozen=True, slots=True)
class Giving:
    """With `ask`. `takes`: who takes the giving over ("": nobody by name, for good); `again`: who
    gives it again."""

    is_taken: bool = False
    takes: str = ""
    again: tuple[str, ...] = ()


NOTHING = Giving()


def order(
    *,
    verb: Verb,
    replica: Replica,
    epoch: int,
    urgency: int,
    giving: Giving = NOTHING,
    plan: Mapping[str, object] | None = None,
    actor: Actor,
    reason: str,
    now: datetime,
) -> None:
    """One act on a replica, as an operation's row. `plan`: which step of which run wants it."""
    params: dict[str, object] = _told(replica, giving) if verb is Verb.ASK else {}
    if plan:
        params["plan"] = dict(plan)
    act = Act(
        verb=verb,
        replica=replica.pk,
        host=replica.host_id,
        database_epoch=epoch,
        urgency=urgency,
        params=params,
    )
    request_acts(acts=[act], actor=actor, reason=reason, now=now)


def _told(replica: Replica, giving: Giving) -> dict[str, object]:
    rows = Operation.objects.filter(
        replica=replica, verb=Verb.ASK, state__in=sorted(UNFINISHED), params__has_key="give_again"
    )
    pending = [name for op in rows.order_by("requested_at") for name in op.params["give_again"]]
    names = list(dict.fromkeys([*pending, *giving.again]))
    told: dict[str, object] = {"give_again": names} if names else {}
    if giving.is_taken:
        told |= {"take_over": True, "by": giving.takes}
    return told


def plan_of(failover: Failover | None) -> Mapping[str, object] | None:
    """What an order says of the recovery plan that it is for; None: it is for none, or for none any
    more: the plan's word was taken back."""
    if failover is None or not failover.act or not failover.authority:
        return None
    if failover.act.startswith(WORD):
        return None
    return {
        "run": failover.authority["run"],
        "step": failover.authority["step"],
        "act": failover.act,
    }


def give_promises_again(*, by: str, actor: Actor, reason: str, now: datetime) -> None:
    """Whoever took the giving of promises over by this name gave up: each standby that was told, or
    may have been, promises again. In the caller's transaction.

    What took it over is never sent again: it would come after what gives it again, and for good."""
    if not by:
        return
    rows = Operation.objects.filter(verb=Verb.ASK, params__take_over=True, params__by=by)
    told = list(rows.select_related("replica__database").order_by("requested_at", "pk"))
    for replica in {op.replica_id: op.replica for op in told}.values():
        assert replica is not None, "a standby was told"
        order(
            verb=Verb.ASK,
            replica=replica,
            epoch=replica.database.epoch,
            urgency=replica.database.priority,
            giving=Giving(again=(by,)),
            actor=actor,
            reason=reason,
            now=now,
        )
    # last, since the names that such an order carried along are taken over by the one above
    unfinished = [op.pk for op in told if op.state in UNFINISHED]
    give_way(operations=unfinished, reason="It is given again.", actor=actor, now=now)
