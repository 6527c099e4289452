"""The disaster book: `kill -9` of a datacenter with its stores, the decision through the API, and
the shipped runbook to its end, while Tocsin's own processes die.

Invariants looked at: one failover, one promotion and one restore for each database; what was begun
is of an act that was intended; each wanted container answers once; of acknowledged writes no more
is lost than was approved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from recovery.lab.databases.clients import NotWritten
from tests.chaos import checks
from tests.chaos_drp.ground import Ground, settle
from tests.chaos_drp.people import People
from tests.failovers.restoring import covered, has_points
from tests.failovers.telling import Bases
from tests.support.running import ROOT
from tests.support.stack import whole_stack

NAME, LOST, INTO = "datacenter-lost", "AAA1", "BBB1"
PROMOTED, RESTORED = "orders-pg", "notes-pg"
LAB_FILE = ROOT / "tests" / "drp_story" / "lab.yaml"
WITHIN = 55.0
"""From the kill on; where nothing else dies the run is over after forty seconds."""
ENDS_SECONDS = 420.0
MOST_LOST = 50
"""Of acknowledged writes of the promoted one: ten a second, and five seconds were approved."""
ACTS = """
SELECT a.key, a.state, s.name FROM drp_act a JOIN drp_runstep s ON s.id = a.step_id
"""
FAILOVERS = """
SELECT d.name, f.act, f.promoted_at IS NOT NULL AND f.phase <> 'abandoned' FROM failover_failover f
JOIN inventory_database d ON d.id = f.database_id WHERE f.act <> ''
"""
RESTORES = """
SELECT d.name, r.phase FROM restores_restore r JOIN inventory_database d ON d.id = r.database_id
"""
OPERATIONS = """
SELECT d.name, o.verb, o.database_epoch FROM operations_operation o
JOIN inventory_replica r ON r.id = o.replica_id JOIN inventory_database d ON d.id = r.database_id
WHERE o.state = 'done' AND o.verb IN ('promote', 'adopt')
"""
DECIDED = "SELECT count(*) FROM brief_decision WHERE choice = 'activate'"


def raw() -> str:
    """The shipped one, with two people for every signature; what goes to customers goes to the
    team, whose messages are counted."""
    shipped = (ROOT / "deploy" / "runbooks" / f"{NAME}.yaml").read_text()
    return shipped.replace("count: 1}", "count: 2}").replace(
        "audience: customers", "audience: team"
    )


@contextmanager
def ground_in(home: str) -> Iterator[Ground]:
    """A whole Tocsin with databases and stores that have something to restore from."""
    more = {"TOCSIN_LAB_DATABASES": "1", "TOCSIN_LAB_STORES": "1"}
    with whole_stack(Path(home) / "var", TOCSIN_LAB_FILE=str(LAB_FILE), **more) as stack:
        bases = Bases(stack)
        bases.prove(PROMOTED)
        has_points(bases, (PROMOTED, RESTORED), 1, 2)
        covered(bases, RESTORED, 1, 2)
        yield settle(stack, raw())


@dataclass(slots=True)
class Losers(People):
    """Those who lost a datacenter: they decide, prepare and start between the strikes, looking at
    what is there already before each press."""

    before: set[int] = field(default_factory=set)

    @property
    def ends_seconds(self) -> float:
        return ENDS_SECONDS

    def begin(self) -> None:
        self.api("GET", "/drp/runs").raise_for_status()
        self.before = Bases(self.ground.stack).missing(PROMOTED)
        self.ground.stack.lab("kill-datacenter", datacenter=LOST)

    def look(self) -> None:
        if self.number:
            People.look(self)
        elif self._is_decided():
            self._open()

    def _is_decided(self) -> bool:
        """As far as the brief says that it looks lost; it changes while it is read."""
        made = self.api("GET", f"/recovery/{LOST}/decisions").raise_for_status().json()
        if any(one["choice"] == "activate" for one in made):
            return True
        read = self.api("GET", f"/recovery/{LOST}").raise_for_status().json()
        if read["brief"]["look"] == "lost":
            told = {"choice": "activate", "digest": read["digest"], "typed": LOST}
            self.api("POST", f"/recovery/{LOST}/decide", **told, reason="It burns.")
        return False

    def _open(self) -> None:
        runs = self.api("GET", "/drp/runs").raise_for_status().json()
        if not runs:
            self.prepare(NAME, "disaster", LOST, INTO)
            return
        number = int(runs[0]["number"])
        if self.api("GET", f"/drp/runs/{number}").raise_for_status().json()["state"] == "prepared":
            self.start(number, LOST)
        else:
            self.number = number

    def more_faults(self) -> list[str]:
        stack = self.ground.stack
        return [
            *_decided_once(self.ground),
            *_of_intents(self.ground),
            *_once_a_database(self.ground),
            *_kept(self.ground, self.before),
            *checks.acted_twice(stack),
            *checks.two_seats(stack),
            *checks.running_once(stack),
        ]


def _decided_once(ground: Ground) -> list[str]:
    ((made,),) = ground.stack.rows(DECIDED)
    ((runs,),) = ground.stack.rows("SELECT count(*) FROM drp_run")
    return [f"{made} decisions, {runs} runs"] if (made, runs) != (1, 1) else []


def _of_intents(ground: Ground) -> list[str]:
    """Fences, failovers, restores and seats name the act that began them, and each is there."""
    stack = ground.stack
    intents = {key for key, _, _ in stack.rows(ACTS)}
    begun = [("fence", key) for (key,) in stack.rows("SELECT key FROM failover_fence")]
    begun += [("failover", key) for _, key, _ in stack.rows(FAILOVERS)]
    begun += [(kind, key) for kind, key in stack.rows("SELECT kind::text, key FROM drp_effect")]
    said = [f"{what} of {key}, which nobody intended" for what, key in begun if key not in intents]
    fences = sum(what == "fence" for what, _ in begun)
    return [*said, *([f"{fences} fences"] if fences != 1 else [])]


def _once_a_database(ground: Ground) -> list[str]:
    stack = ground.stack
    done = Counter(name for name, _, led in stack.rows(FAILOVERS) if led)
    back = Counter(name for name, phase in stack.rows(RESTORES) if phase == "done")
    said = []
    if (done, back) != (Counter({PROMOTED: 1}), Counter({RESTORED: 1})):
        said.append(f"failed over: {dict(done)}, restored: {dict(back)}")
    acts = Counter(stack.rows(OPERATIONS))
    return said + [f"{count} times done: {act}" for act, count in acts.items() if count > 1]


def _kept(ground: Ground, before: set[int]) -> list[str]:
    """Both are led from where the plan said, and no more is gone than was approved."""
    bases = Bases(ground.stack)
    try:
        gone = bases.missing(PROMOTED) - before
    except NotWritten as error:
        return [f"{PROMOTED} does not serve: {error}"]
    said = [f"{len(gone)} acknowledged writes are lost"] if len(gone) > MOST_LOST else []
    hosts = {name: bases.host_of(name) for name in (PROMOTED, RESTORED)}
    return said + [
        f"{name} is led from {host or 'nowhere'}"
        for name, host in hosts.items()
        if not host.startswith(INTO.lower())
    ]
