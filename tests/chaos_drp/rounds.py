"""One round: a run is prepared and started, processes die while it goes on, then the checks."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field

import psycopg

from recovery.core.clock import system
from tests.chaos.rounds import strike
from tests.chaos_drp import checks
from tests.chaos_drp.moments import moments
from tests.chaos_drp.people import People
from tests.chaos_drp.plan import Round
from tests.support.stack import Stack

SEALED_SECONDS = 60.0
"""I-AU-3: every record is under a signed checkpoint by then."""
BACK_SECONDS = 60.0
LOOK_SECONDS = 0.5
STATE = "SELECT state FROM drp_run WHERE number = %s"
RAN = "SELECT extract(epoch FROM ended_at - started_at) FROM drp_run WHERE number = %s"
UNSIGNED = """
SELECT count(*) FROM audit_entry e WHERE NOT EXISTS (
  SELECT FROM audit_leaf l WHERE l.entry_id = e.id
    AND l.index < (SELECT coalesce(max(size), 0) FROM audit_checkpoint))
  AND e.recorded_at < %s
"""


@dataclass(slots=True)
class Result:
    """What a round found, as it is kept. `ran`: seconds from the run's start to its end;
    `during`: in the middle of what each process died."""

    seed: int
    round: int
    plan: str
    run: int = 0
    died: list[str] = field(default_factory=list)
    during: list[str] = field(default_factory=list)
    seconds: float | None = None
    ran: float = 0.0
    approvals: int = 0
    refused: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.faults

    def as_json(self) -> dict[str, object]:
        return {"ok": self.ok, **asdict(self)}


def play(people: People, seed: int, plan: Round) -> Result:
    """The run from its preparation to its end."""
    result, ground = Result(seed, plan.number, str(plan)), people.ground
    people.begin()
    began, at = system.monotonic(), system.now()
    with people:
        result.died = strike(ground.stack, plan.strikes, began)
        result.seconds = _until(lambda: _is_over(people), people.ends_seconds, began)
    result.run = people.number
    if not _is_reached_again(ground.stack):
        result.faults.append("PostgreSQL takes no new connection a minute after the last strike")
        return result
    died = [each for each in plan.strikes if str(each) in result.died]
    result.during = moments(ground.stack, result.run, at, died)
    ran = ground.stack.rows(RAN, people.number)
    result.ran = round(float(ran[0][0] or 0.0), 1) if ran else 0.0
    result.approvals, result.refused = len(people.taken), people.refused
    if result.seconds is None:
        result.faults.append(f"not over {people.ends_seconds:.0f} s after the last strike")
    ((now,),) = ground.stack.rows("SELECT clock_timestamp()")
    fair = system.monotonic()
    unsigned = lambda: ground.stack.rows(UNSIGNED, now) == [(0,)]  # noqa: E731
    if _until(unsigned, SEALED_SECONDS, fair) is None:
        result.faults.append("entries are under no checkpoint after a minute")
    if result.run:
        result.faults += [*checks.faults(ground, people), *people.more_faults()]
    return result


def _is_reached_again(stack: Stack) -> bool:
    """By a new connection: an old one goes on in a process that outlived its killed server."""
    stack.close()
    return _until(lambda: bool(stack.rows("SELECT 1")), BACK_SECONDS, 0.0) is not None


def _is_over(people: People) -> bool:
    return people.ground.stack.rows(STATE, people.number) in ([("done",)], [("aborted",)])


def _until(holds: Callable[[], bool], seconds: float, since: float) -> float | None:
    """Seconds from `since` until it held; None when it did not within `seconds` from now. While
    PostgreSQL is on its way back nothing holds."""
    deadline = system.monotonic() + seconds
    while system.monotonic() < deadline:
        with suppress(psycopg.OperationalError):
            if holds():
                return round(system.monotonic() - since, 1)
        time.sleep(LOOK_SECONDS)
    return None
