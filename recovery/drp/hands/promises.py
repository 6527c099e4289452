"""A primary's standbys as the leader hears them, for the rule of `failover.proofs.prolonging`.

Invariant: ages count on the leader's own clock; what it has not heard since it leads is unheard,
and an answer counts from when it was first seen here.
"""

from __future__ import annotations

from recovery.brief.queries import Fleet
from recovery.drp.hands.bench import Bench
from recovery.drp.queries.doubts import gone_replicas, mates_of
from recovery.drp.queries.held import Known
from recovery.failover.facts import NEVER
from recovery.failover.policy import Policy
from recovery.failover.proofs.prolonging import Promiser
from recovery.failover.rounds.loading import read_answer
from recovery.inventory.models import Replica

HEARD_WITHIN = Policy().heard_within


def promisers(primary: Replica, known: Known, fleet: Fleet, bench: Bench) -> tuple[Promiser, ...]:
    """Of this primary; their answers are to the fence that `known` is of."""
    mates = mates_of(primary, known.members.get(primary.database_id, ()))
    if not mates:
        return ()
    gone = gone_replicas(fleet, _with_site(primary, known), mates)
    return tuple(_promiser(one, known, bench, is_gone=str(one.pk) in gone) for one in mates)


def _with_site(primary: Replica, known: Known) -> Replica:
    """The same with its datacenter, which was read with its mates'."""
    there = known.members.get(primary.database_id, ())
    return next((one for one in there if one.pk == primary.pk), primary)


def _promiser(one: Replica, known: Known, bench: Bench, *, is_gone: bool) -> Promiser:
    leases, sight = bench.leases(), known.sights.get(one.pk)
    word = leases.words.get(str(one.pk))
    age = word.age(leases.now) if word else NEVER
    promised = sight.fact.get("promised_ms", 0) / 1000 if sight else 0.0
    answer = known.answers.get(one.pk)
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
