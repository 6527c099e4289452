"""The next step of one database's failover, and only the next. Pure; `now` is monotonic seconds.

Whoever calls it again after a crash gets the step that was not taken: everything it looks at is
rows and what agents say. The picture of the phases is docs/failover/phases.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from recovery.failover.analyse import analyse
from recovery.failover.begin import begin
from recovery.failover.carry import (
    choose,
    fence,
    rebuild,
    redirect,
    repoint,
    verify,
)
from recovery.failover.facts import Answer, Facts, Failover
from recovery.failover.phases import Phase
from recovery.failover.policy import Policy
from recovery.failover.promoting import promote

_Stage = Callable[[Facts, Failover, Policy, float], Answer]
STAGES: Mapping[Phase, _Stage] = {
    Phase.ANALYSE: analyse,
    Phase.FENCE: fence,
    Phase.ELECT: choose,
    Phase.PROMOTE: promote,
    Phase.REPOINT: repoint,
    Phase.REDIRECT: redirect,
    Phase.VERIFY: verify,
    Phase.REBUILD: rebuild,
}


def next_step(facts: Facts, policy: Policy, now: float) -> Answer:
    """One step, a wait, or a question to a person; each with its reason."""
    failover = facts.failover
    stage = STAGES.get(failover.phase) if failover is not None else None
    if failover is None or stage is None:
        return begin(facts, policy, now)
    return stage(facts, failover, policy, now)
