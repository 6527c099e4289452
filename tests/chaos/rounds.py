"""One round: a host is lost, processes die while it is replaced, fair weather, then the checks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field

import httpx
import psycopg

from recovery.core.clock import system
from recovery.core.errors import Refused
from recovery.lab import layout
from tests.chaos import checks
from tests.chaos.plan import Round, Strike
from tests.chaos.truth import Watcher
from tests.support.person import Person
from tests.support.stack import Stack

REPLACED_SECONDS = 90.0
"""How long a round waits for the replacement before the host returns anyway."""
QUIET_SECONDS = 120.0
"""L-5: after all faults heal, quiescent and equal to what is desired."""
LOOK_SECONDS = 0.5
SINGLETONS = "SELECT name FROM inventory_application WHERE kind = 'singleton'"


@dataclass(slots=True)
class Result:
    """What a round found, as it is kept."""

    seed: int
    round: int
    plan: str
    died: list[str] = field(default_factory=list)
    replaced: float | None = None
    quiet: float | None = None
    acknowledged: int = 0
    released: int = 0
    looks: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.faults

    def as_json(self) -> dict[str, object]:
        return {"ok": self.ok, **asdict(self)}


def play(stack: Stack, seed: int, plan: Round) -> Result:
    """The round from fair weather to fair weather."""
    result = Result(seed, plan.number, str(plan))
    if _until(lambda: _is_served(stack), QUIET_SECONDS, system.monotonic()) is None:
        result.faults.append(f"nobody is served {QUIET_SECONDS:.0f} s after the round before")
    inner = next(iter(layout.load().hosts(stack.env["TOCSIN_LAB_NETWORK"]))).inner
    with Watcher(".".join(inner.split(".")[:2]) + ".") as watcher, Person(stack) as person:
        lost_at = system.monotonic()
        stack.lab(plan.loss, host=plan.host)
        result.died = strike(stack, plan.while_lost, lost_at)
        result.replaced = _until(lambda: is_replaced(stack, plan.host), REPLACED_SECONDS, lost_at)
        back_at = system.monotonic()
        _bring_back(stack, plan)
        result.died += strike(stack, plan.while_back, back_at)
        fair_at = system.monotonic()
        result.quiet = _until(lambda: not checks.stuck(stack), QUIET_SECONDS, fair_at)
    if result.replaced is None:
        result.faults.append(f"not replaced within {REPLACED_SECONDS:.0f} s: {stack.missing()}")
    result.faults += [*checks.faults(stack), *watcher.faults]
    result.looks, result.acknowledged = watcher.looks, person.acknowledged
    result.released = person.released
    return result


def strike(stack: Stack, strikes: Sequence[Strike], began: float) -> list[str]:
    """`kill -9`, each at its moment; what really died."""
    died = []
    for each in strikes:
        time.sleep(max(0.0, began + each.moment - system.monotonic()))
        try:
            if each.process == "agent":
                stack.lab("kill-agent", host=each.host)
            else:
                stack.kill(each.process)
        except (Refused, AssertionError, ProcessLookupError):
            continue  # it was down at that moment: killed before, and on its way back
        died.append(str(each))
    return died


def is_replaced(stack: Stack, host: str) -> bool:
    """It is known to be gone, and every copy runs elsewhere; but a singleton, of which a second
    one starts only after a proof or a person's word (I-CT-1), waits for its host. Of a hung host
    without a container nobody can tell more than that its agent is down."""
    gone = {"lost", "hung"} if stack.seats_on(host) else {"lost", "hung", "agent-down"}
    if stack.verdict(host) not in gone:
        return False
    waiting = {name for (name,) in stack.rows(SINGLETONS)}
    return not set(stack.missing()) - waiting


def _is_served(stack: Stack) -> bool:
    """It has its token, and answers: the round before may have killed what does, which nothing else
    waits for."""
    with suppress(httpx.TransportError):
        return stack.api("GET", "/state").is_success
    return False


def _bring_back(stack: Stack, plan: Round) -> None:
    """A killed host starts anew; one that was cut off or hung goes on where it was."""
    stack.lab("restart" if plan.loss == "kill" else "heal", host=plan.host)


def _until(holds: Callable[[], bool], seconds: float, since: float) -> float | None:
    """Seconds from `since` until it held; None when it did not in time. While PostgreSQL is on
    its way back nothing holds."""
    deadline = system.monotonic() + seconds
    while system.monotonic() < deadline:
        with suppress(psycopg.OperationalError):
            if holds():
                return round(system.monotonic() - since, 1)
        time.sleep(LOOK_SECONDS)
    return None
