"""A primary's standbys as the leader hears them, for the rule of `failover.prolonging`.

Invariant: ages count on the leader's own clock; what it has not heard since it leads is unheard,
and an answer counts from when it was first seen here.
"""

from __future__ import annotations

from recovery.brief.queries import Fleet
from recovery.drp.hands.bench import Bench
from recovery.drp.queries.doubts import gone_replicas, mates_of
from recovery.failover.facts import NEVER
from recovery.failover.policy import Policy
from recovery.failover.prolonging import Promiser
from recovery.failover.rounds.loading import read_answer
from recovery.inventory.facts import ReplicaState
from recovery.inventory.models import Replica, ReplicaSight
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation

HEARD_WITHIN = Policy().heard_within


def promisers(primary: Replica, key: str, fleet: Fleet, bench: Bench) -> tuple[Promiser, ...]:
    """Of this primary; `key`: whose act took their promises over, if anybody's did."""
    rows = Replica.objects.filter(database=primary.database_id).exclude(state=ReplicaState.RETIRED)
    mates = mates_of(primary, rows.select_related("host", "database").order_by("number"))
    if not mates:
        return ()
    gone = gone_replicas(fleet, primary, mates)
    sights = {row.replica_id: row for row in ReplicaSight.objects.filter(replica__in=mates)}
    return tuple(
        _promiser(one, sights.get(one.pk), key, bench, is_gone=str(one.pk) in gone) for one in mates
    )


def _promiser(
    one: Replica, sight: ReplicaSight | None, key: str, bench: Bench, *, is_gone: bool
) -> Promiser:
    leases = bench.leases()
    word = leases.words.get(str(one.pk))
    age = word.age(leases.now) if word else NEVER
    promised = sight.fact.get("promised_ms", 0) / 1000 if sight else 0.0
    answers = Operation.objects.filter(
        replica=one, verb=Verb.ASK, params__by=key, state=OperationState.DONE
    )
    answer = answers.order_by("-requested_at", "-pk").first()
    left = [promised - age]
    told = read_answer(answer.detail) if answer is not None else None
    if answer is not None and told is not None:
        seen = bench.waiting.setdefault(f"answer:{answer.pk}", leases.now)
        left.append(told.promised_ms / 1000 - (leases.now - seen))
    return Promiser(
        replica=str(one.pk),
        name=f"{one} on {one.host.name}",
        is_heard=age <= HEARD_WITHIN,
        left=max(0.0, *left),
        is_closed=told is not None,
        is_gone=is_gone,
    )
