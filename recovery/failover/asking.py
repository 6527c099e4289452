"""With several synchronous standbys the newest report is not enough: each is asked. Pure.

Invariant: any one of them may have been the one that confirmed the last acknowledged write, after
its newest report was made. So before one is chosen, each that could be has answered a question
that was sent after the proof; who does not answer counts as silent.
"""

from __future__ import annotations

from dataclasses import replace

from recovery.failover.facts import Act, Asked, Facts, Failover, ReplicaSight, Step, Wait
from recovery.failover.policy import Policy
from recovery.inventory.facts import Role
from recovery.operations.facts import UNFINISHED


def ask_standbys(facts: Facts, failover: Failover, policy: Policy) -> Step | Wait | None:
    """The next question, or a wait for its answer; None: everybody has been asked."""
    for one in _asked_ones(facts, failover, policy):
        if _answer(failover, one) is not None:
            continue
        order = failover.order("ask", one.replica)
        if order is None or order.age > failover.phase_age:
            said = f"{one.name} is asked how much it holds, now that nothing more is acknowledged."
            return Step(Act.ASK, said, replica=one.replica)
        if order.state in UNFINISHED and order.age <= policy.answer_age:
            return Wait(f"{one.name} is asked how much it holds.", 0.1)
    return None


def with_answers(facts: Facts, failover: Failover, policy: Policy) -> Facts:
    """The same, with what each answered; who did not is as old as the question to it."""
    known = {one.replica: one for one in _asked_ones(facts, failover, policy)}
    replicas = tuple(
        _told(one, failover) if one.replica in known else one for one in facts.replicas
    )
    return replace(facts, replicas=replicas)


def _told(one: ReplicaSight, failover: Failover) -> ReplicaSight:
    answer = _answer(failover, one)
    if answer is not None:
        return replace(one, position=max(one.position, answer.position))
    order = failover.order("ask", one.replica)
    return one if order is None else replace(one, age=max(one.age, order.age))


def _answer(failover: Failover, one: ReplicaSight) -> Asked | None:
    for asked in failover.asked:
        if asked.replica == one.replica and asked.age <= failover.phase_age:
            return asked
    return None


def _asked_ones(facts: Facts, failover: Failover, policy: Policy) -> tuple[ReplicaSight, ...]:
    """Nobody where there is only one that could be chosen."""
    if not facts.database.is_synchronous:
        return ()
    tried = dict(failover.tried)
    others = tuple(
        one
        for one in facts.replicas
        if one.replica != failover.source
        and one.may_be_promoted
        and one.role is not Role.OUT
        and one.replica not in tried
    )
    heard = tuple(
        one for one in others if one.age <= policy.heard_within and one.server == "running"
    )
    return heard if len(others) > 1 else ()
