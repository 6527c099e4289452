"""A drill on rows, with a host for it whose agent is played by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from recovery.core.archive.names import milliseconds
from recovery.core.wire.backups import RestoreResult
from recovery.core.wire.drills import DrillFact, DrillList, DrillRemains, DrillReport
from recovery.detection.models import Freeze
from recovery.drp.drills import actions as drills
from recovery.drp.drills.cycle import clean_up
from recovery.drp.drills.models import DrillThing
from recovery.drp.facts import ENDED, Mode
from recovery.drp.models import Run
from recovery.failover.actions import standing
from recovery.failover.models import Fence
from recovery.inventory.facts import Durability, Plan, Profile, Role
from recovery.inventory.models import Container, Placement
from recovery.operations.models import Operation
from recovery.restores.models import Restore
from tests.actions.drp.ground import Ground
from tests.actions.drp.hands.ground import people
from tests.actions.drp.killing import begin
from tests.actions.failover.fleet import copy, describe
from tests.actions.restores.ground import POINT, keep, see
from tests.support.fleet import BY, NOW, make_fleet, seat

STEPS = """\
  - id: freeze
    title: Freeze
    stage: activation
    owner: responder
    timeout: 1m
    undo: Thaw.
    do: {kind: freeze_automation, what: [failover]}
  - id: fence
    title: Fence
    stage: activation
    owner: responder
    timeout: 5m
    undo: Lift it.
    needs: [freeze]
    approval: {role: approver, count: 1}
    do: {kind: fence_datacenter, datacenter: lost, proof: leases_ended}
  - id: restore
    title: Restore
    stage: recovery
    owner: responder
    timeout: 4h
    retries: 0
    point_of_no_return: What is restored is the truth from then on.
    needs: [fence]
    approval: {role: approver, count: 1}
    do: {kind: restore_databases, select: {of: lost, plan: starter}}
  - id: place
    title: Place
    stage: recovery
    owner: responder
    timeout: 15m
    retries: 0
    undo: Stop them.
    needs: [restore]
    do: {kind: place_applications, select: {of: lost}}
  - id: traffic
    title: Lead users
    stage: recovery
    owner: responder
    timeout: 10m
    undo: Lead them back.
    needs: [place]
    do: {kind: switch_traffic, select: {of: lost}, what: applications}
  - id: verify
    title: Look
    stage: reconstitution
    owner: responder
    timeout: 5m
    undo: Nothing is changed by it.
    needs: [traffic]
    do: {kind: verify, that: [databases_serve, applications_answer], at_least: 100}
  - id: tell
    title: Tell customers
    stage: reconstitution
    owner: responder
    timeout: 5m
    undo: Tell again.
    needs: [verify]
    do: {kind: notify, audience: customers, message: It is over.}
"""


@dataclass
class Agent:
    """Of the drill host: takes the newest list, has what is in it, tells what is left."""

    token: str
    told: DrillList = field(default_factory=lambda: DrillList(incarnation=0, revision=0))
    has: set[str] = field(default_factory=set)
    failing: str = ""
    is_stuck: bool = False
    figures: RestoreResult | None = None
    lists: int = 0

    def report(self) -> DrillReport:
        wanted = {wish.name for wish in self.told.wishes}
        return DrillReport(
            boot="b",
            incarnation=self.told.incarnation,
            revision=self.told.revision,
            facts=tuple(self._fact(name) for name in sorted(wanted)),
            left=tuple(DrillRemains(name=name, what=("folder x",)) for name in sorted(self.has)),
        )

    def _fact(self, name: str) -> DrillFact:
        if self.failing:
            return DrillFact(name=name, state="failed", said=self.failing)
        wish = next(one for one in self.told.wishes if one.name == name)
        result = (self.figures or proven()) if wish.database is not None else None
        return DrillFact(name=name, state="stands", is_up=True, result=result)

    def turn(self, times: int = 2) -> None:
        """It reports, takes what it is told, and does it before the next report."""
        for _ in range(times):
            host = drills.know_drill_host(self.token)
            told = drills.hear_drill_host(host=host.pk, report=self.report(), now=NOW)
            if told is None:
                continue
            self.told, self.lists = told, self.lists + 1
            wanted = {wish.name for wish in told.wishes}
            self.has = self.has | wanted if self.is_stuck else wanted


def proven() -> RestoreResult:
    moment = milliseconds(POINT)
    return RestoreResult(
        backup="b1", moment=moment, canary=moment - 1000, timeline=2, size=48_000_000,
        seconds=2.0, speed=34_600_000.0,
    )  # fmt: skip


def drill_host(name: str = "drill-1", memory: int = 1024) -> Agent:
    """Added, and let in."""
    row = drills.add_drill_host(
        name=name, cpu_millis=1000, memory_mib=memory, actor=BY, reason="test", now=NOW
    )
    return Agent(drills.issue_drill_token(host=row, actor=BY, reason="test", now=NOW))


@dataclass
class Drill:
    """`ground`: the run; `agent`: of its host, None where there is none."""

    ground: Ground
    agent: Agent | None = None

    def start(self, mode: Mode = Mode.DRILL) -> Run:
        return begin(self.ground, STEPS, mode)

    def round(self, seconds: float = 6.0) -> None:
        """A round of the leader, and of the host; it stops at the end of the run, once."""
        ground = self.ground
        was_over = ground.run.state in ENDED
        ground.look(seconds)
        if not was_over and ground.run.state in ENDED:
            return
        for row in ground.run.steps.filter(state="asking"):
            ground.say(row.name, "bruno")
        clean_up(actor=ground.actor, now=ground.now)
        if self.agent is not None:
            self.agent.turn()

    def play(self, until: str = "done", rounds: int = 20) -> Run:
        for _ in range(rounds):
            if self.ground.run.state == until:
                break
            self.round()
        return self.ground.run

    def said(self, step: str) -> str:
        return self.ground.step(step).said


def make_drill(pins: Path, mode: Mode = Mode.DRILL, *, started: bool = True) -> Drill:
    """`notes` and one container of `shop` in PAR1, which nothing befalls; a run was started."""
    fleet = make_fleet()
    database = describe(
        "notes", plan=Plan.STARTER, durability=Durability.ASYNCHRONOUS, profile=Profile.STANDARD
    )
    copy(database, fleet.hosts["par1-r1-h1"], 1, Role.PRIMARY)
    database.refresh_from_db()
    standing.resume_database(database=database, actor=BY, reason="It serves.", now=NOW)
    for number, site in enumerate(("PAR1", "OSU2"), start=1):
        keep(database, number, site)
    see({1: POINT - timedelta(seconds=20), 2: POINT})
    slot = Container.objects.filter(application=fleet.application).first()
    assert slot is not None
    seat(slot, fleet.hosts["par1-r2-h1"])
    found = Drill(Ground(people(pins), pins))
    if started:
        found.start(mode)
    return found


def hosted(pins: Path) -> Drill:
    """The same, and a drill host that reports."""
    found = make_drill(pins)
    found.agent = drill_host()
    found.agent.turn()
    return found


def things() -> list[tuple[str, str]]:
    return list(DrillThing.objects.values_list("target_name", "state"))


def untouched() -> None:
    """No row of production was written by it."""
    assert not Freeze.objects.exists()
    assert not Fence.objects.exists()
    assert not Restore.objects.exists()
    assert not Operation.objects.exists()
    assert Placement.objects.count() == 1
