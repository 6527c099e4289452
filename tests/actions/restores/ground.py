"""A starter database that waits, backed up in two places, and people who restore it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

import msgspec

from recovery.audit.facts import Actor
from recovery.backups import actions as backups
from recovery.backups.facts import StoreKind
from recovery.backups.models import BackupReplica
from recovery.backups.reading import Look, Reading
from recovery.core import control
from recovery.core.archive.names import milliseconds
from recovery.core.wire.backups import RestoreResult
from recovery.failover.actions import standing
from recovery.inventory.facts import Durability, Plan, Profile, Role
from recovery.inventory.models import Database, Datacenter, Host, Replica
from recovery.operations.actions import hand_operations, record_outcome
from recovery.operations.cycle import run_governor
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from recovery.restores import actions, cycle
from recovery.restores.models import Restore
from recovery.restores.queries import Leases
from tests.actions.failover.fleet import copy, describe
from tests.scenes import scene
from tests.support.fleet import BY, NOW, lose, make_fleet

FIRST, SECOND = Actor("person", "amelie"), Actor("person", "bruno")
_looks = count(1)
POINT = NOW - timedelta(seconds=40)
OPENS = NOW - timedelta(hours=6)
"""Every archive here begins then."""


@dataclass
class Ground:
    """`notes` served on par1-r1-h1, which is lost; replica 1 in PAR1, replica 2 in OSU2."""

    hosts: dict[str, Host]
    replica: Replica
    now: datetime = NOW
    epoch: int = 0
    told: list[UUID] = field(default_factory=list)
    leases: Leases = field(default_factory=Leases)

    @property
    def database(self) -> Database:
        return Database.objects.select_related("primary__host").get(name="notes")

    @property
    def restore(self) -> Restore:
        return Restore.objects.select_related("database", "host").latest("number")

    @property
    def other(self) -> Host:
        return Host.objects.get(name="par1-r2-h1")

    @property
    def actor(self) -> Actor:
        return Actor("controller", "test", self.epoch)

    def ask(self, **changes: object) -> Restore:
        fields = {
            "database": self.database,
            "typed": "notes",
            "actor": FIRST,
            "reason": "Its board is dead.",
        } | changes
        return actions.ask_restore(now=self.now, **fields)  # type: ignore[arg-type]

    def give(self, actor: Actor = SECOND, typed: str = "notes") -> Restore:
        return actions.give_restore(
            restore=self.restore, typed=typed, actor=actor, reason="I saw it.", now=self.now
        )

    def begin(self) -> Restore:
        self.now += timedelta(seconds=1)
        self.ask()
        return self.give()

    def carry_on(self, seconds: float = 0.0, paused: str = "") -> str:
        """A round of the cycle and of the governor; the phase afterwards."""
        self.now += timedelta(seconds=seconds)
        cycle.carry_on(actor=self.actor, now=self.now, paused=paused, leases=self.leases)
        run_governor(actor=self.actor, now=self.now)
        return self.restore.phase

    def order(self, verb: Verb) -> Operation:
        """The newest of this verb."""
        return Operation.objects.filter(verb=verb).latest("requested_at", "pk")

    def answer(self, verb: Verb, state: OperationState, detail: str = "") -> None:
        """Its agent's outcome, after it was handed out."""
        order = self.order(verb)
        hand_operations(operations=[order.pk], actor=BY, now=self.now)
        agent = Actor("agent", order.host_id.hex)
        record_outcome(operation=order.pk, state=state, detail=detail, actor=agent, now=self.now)

    def prove(self, moment: datetime = POINT) -> None:
        """The host restored it up to then."""
        self.answer(Verb.RESTORE, OperationState.DONE, result(moment))

    def serve(self) -> None:
        """The failover's cycle sees its primary accept writes."""
        said = "Its primary accepts writes."
        standing.resume_database(database=self.database, actor=BY, reason=said, now=self.now)


def result(moment: datetime) -> str:
    told = RestoreResult(
        backup="20261123T030000Z-aaaa",
        moment=milliseconds(moment),
        canary=milliseconds(moment - timedelta(seconds=10)),
        timeline=2,
        size=12_000_000,
        seconds=3.0,
        speed=8e6,
    )
    return msgspec.json.encode(told).decode()


@scene
def make_ground(*, plan: Plan = Plan.STARTER) -> Ground:
    hosts = make_fleet().hosts
    database = describe(
        "notes", plan=plan, durability=Durability.ASYNCHRONOUS, profile=Profile.STANDARD
    )
    replica = copy(database, hosts["par1-r1-h1"], 1, Role.PRIMARY)
    database.refresh_from_db()
    standing.resume_database(database=database, actor=BY, reason="It serves.", now=NOW)
    for number, site in enumerate(("PAR1", "OSU2"), start=1):
        keep(database, number, site)
    see({1: POINT - timedelta(seconds=20), 2: POINT})
    lose(hosts["par1-r1-h1"])
    database.refresh_from_db()
    standing.await_host(database=database, actor=BY, reason="Its host is lost.", now=NOW)
    ground = Ground(hosts, replica)
    make_rest(ground)
    return ground


def make_rest(ground: Ground) -> None:
    """Somebody leads the control plane."""
    ground.epoch = control.take_lead("test", seen_epoch=0, now=NOW) or 0


def keep(database: Database, number: int, site: str) -> None:
    """Backup replica `number` in a store of that datacenter."""
    store = backups.register_store(
        name=f"s3-{site.lower()}",
        kind=StoreKind.S3,
        place=Datacenter.objects.get(name=site),
        address=f"http://{site.lower()}:8333",
        bucket="backups",
        credentials={"access_key": "a", "secret_key": "b"},
        actor=BY,
        reason="test",
        now=NOW,
    )
    backups.assign_replica(
        database=database, number=number, store=store, actor=BY, reason="test", now=NOW
    )


def keep_snapshot(database: Database, site: str, moment: datetime) -> BackupReplica:
    """Backup replica 3: the provider's snapshot at that site, of which one is kept."""
    store = backups.register_store(
        name=f"cloud-{site.lower()}",
        kind=StoreKind.SNAPSHOT,
        place=Datacenter.objects.get(name=site),
        address="http://provider:80",
        bucket=site.lower(),
        credentials={"access_key": "a", "secret_key": "b", "mounts": "/mnt/volumes"},
        actor=BY,
        reason="test",
        now=NOW,
    )
    replica = backups.assign_replica(
        database=database, number=3, store=store, actor=BY, reason="test", now=NOW
    )
    run = backups.begin_snapshot(replica=replica, slot=1, host="par1-r1-h1", actor=BY, now=moment)
    assert run is not None
    backups.keep_snapshot(run=run, snapshot="snap-1", volume="vol-1", actor=BY, now=NOW)
    see({3: moment})
    return replica


Cuts = tuple[tuple[datetime, datetime], ...]


def see(points: dict[int, datetime | None], cuts: Cuts = ()) -> None:
    """What a look at each archive found."""
    rows = {row.number: row for row in BackupReplica.objects.all()}
    at = NOW + timedelta(milliseconds=next(_looks))
    backups.see_archives(
        [Look(rows[number].pk, at, reading(moment, cuts)) for number, moment in points.items()]
    )


def reading(moment: datetime | None, cuts: Cuts = ()) -> Reading:
    base = "20261123T030000Z-aaaa"
    opens = OPENS if moment else None
    return Reading(moment, "0/3000000", "", base, (), False, 1000, 10, 0, (), opens, cuts)
