"""A drill's hands: what would touch production is said and not done; what can be done on the hosts
that are there for it is really done there (I-DR-4).

Invariants: nothing here writes a row of production, nor asks an agent of it; where no drill host is
there, or none has room, the act fails with that reason and nothing takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction

from recovery.backups.models import BackupReplica
from recovery.core import control
from recovery.core.errors import Refused
from recovery.drp.actions.effects import beginning
from recovery.drp.drills.actions import Wanted, begin_thing, is_lent, tell_thing
from recovery.drp.drills.facts import HEARD_SECONDS, ThingKind, ThingState, twin
from recovery.drp.drills.models import DrillSight, DrillThing
from recovery.drp.facts import Kind, Mode, RunState
from recovery.drp.hands.bench import Bench
from recovery.drp.hands.watching import Watching
from recovery.drp.models import Act, Run
from recovery.drp.plan import PlannedStep, Target
from recovery.drp.queries.inventory import inventory, production_keys
from recovery.drp.queries.people import database_now
from recovery.drp.sights import Heard, Order, Outcome

NOTHING = "Nothing of production was touched."


@dataclass(slots=True)
class Would:
    """What only production has: said, with what is expected of it, and not done."""

    bench: Bench

    def act(self, order: Order) -> Outcome:
        assert order.target is not None, "an act has a target"
        step = self.bench.step(order)
        return Outcome(Heard.DONE, f"Drill: would {_would(step, order.target, self.bench)}")

    def look(self, order: Order) -> Outcome:
        """Nothing was changed by it: it is said again."""
        return self.act(order)


def _would(step: PlannedStep, target: Target, bench: Bench) -> str:
    params, plan = step.params, bench.plan
    said: Mapping[Kind, str] = {
        Kind.FREEZE_AUTOMATION: "freeze "
        + ", ".join(str(part).replace("_", " ") for part in params.get("what", ()))
        + " until a person lifts it",
        Kind.FENCE_DATACENTER: f"fence {plan.lost.name}, proven by"
        f" {str(params.get('proof', '')).replace('_', ' ')}, and start nothing there",
        Kind.SWITCH_TRAFFIC: f"lead the users of {target.name} to {plan.into.name}, and see them"
        " answered there",
        Kind.LIFT_FENCE: f"lift the fence around {target.name}, and set apart what came back",
        Kind.KEEP_COPIES: f"keep aside what came back of {target.name}",
        Kind.EXPORT_COPIES: f"export what came back of {target.name}",
        Kind.DISCARD_COPIES: f"let the copies of {target.name} that came back follow again",
        Kind.NOTIFY: f"tell {params.get('audience')}: “{params.get('message')}”",
        Kind.WEBHOOK: f"call {params.get('url')} about {params.get('event')}",
    }
    return f"{said[step.kind]}. {NOTHING}"


@dataclass(slots=True)
class DrillWatching:
    """A look at the drill's own hosts and at what stands there."""

    bench: Bench

    def act(self, order: Order) -> Outcome:
        bench = self.bench
        seen = Watching(bench.step, bench.world, bench.monotonic, bench.waiting).act(order)
        return Outcome(seen.heard, f"Drill: {bench.plan.lost.name} is taken as lost. {seen.said}")

    def look(self, order: Order) -> Outcome:
        return self.act(order)


@dataclass(slots=True)
class Staging:
    """Restores databases and starts applications on drill hosts. Its journal is the thing's row."""

    bench: Bench

    def act(self, order: Order) -> Outcome:
        with beginning(order, self.bench.actor) as act:
            if not DrillThing.objects.filter(key=order.key).exists():
                try:
                    self._begin(order, act)
                except Refused as error:
                    return Outcome(Heard.FAILED, f"Drill: {error}")
        return self.look(order)

    def look(self, order: Order) -> Outcome:
        row = DrillThing.objects.select_related("host").filter(key=order.key).first()
        if row is None:
            return Outcome(Heard.NEVER)
        if not row.is_told and row.state == ThingState.WANTED and is_lent(row):
            with control.deciding(self.bench.actor.epoch):
                tell_thing(thing=row, actor=self.bench.actor, now=self.bench.now)
        return self._outcome(row, self.bench.step(order))

    def _begin(self, order: Order, act: Act) -> None:
        assert order.target is not None, "an act has a target"
        bench = self.bench
        refuse_real(bench, order.target)
        wanted = _wanted(order.target, bench)
        with transaction.atomic():
            begin_thing(
                act=act,
                wanted=wanted,
                actor=bench.actor,
                reason=f"{bench.run}, {order.step}: {bench.run.request_reason}",
                now=bench.now,
            )

    def _outcome(self, row: DrillThing, step: PlannedStep) -> Outcome:
        promotes = step.kind is Kind.PROMOTE_DATABASES
        head = f"would promote a standby in {self.bench.plan.into.name}; " if promotes else ""
        if row.state == ThingState.STANDS:
            return Outcome(Heard.DONE, f"Drill: {head}{stood(row)}")
        if row.state == ThingState.WANTED and not self._is_aborting():
            return Outcome(Heard.UNDER_WAY, f"Drill: {row.name} on {row.host}: {_phase(row)}.")
        why = row.said or "the drill ended before it stood."
        return Outcome(Heard.FAILED, f"Drill: {row.target_name} on {row.host}: {why}")

    def _is_aborting(self) -> bool:
        """As the row has it now: the run may have been read before."""
        return Run.objects.filter(pk=self.bench.run.pk, state=RunState.ABORTING).exists()


def refuse_real(bench: Bench, target: Target) -> None:
    """The engine asks this before; whoever begins something asks once more (I-DR-4)."""
    if bench.plan.mode is not Mode.DRILL or target.realm != "drill":
        raise Refused(f"{target.name} is {target.realm}: only a drill’s own is begun here.")
    if target.key in production_keys():
        raise Refused(f"{target.name} is production: a drill never touches it.")


def _wanted(target: Target, bench: Bench) -> Wanted:
    """What in production it is the twin of, and where it is read."""
    if target.type == "application":
        rows = {twin(row.id): row for row in inventory().applications}
        if target.id not in rows:
            raise Refused(f"There is no application {target.name} any more.")
        source = UUID(rows[target.id].id)
        return Wanted(ThingKind.APPLICATION, target.id, target.name, source)
    found = {twin(row.id): row for row in inventory().databases}.get(target.id)
    if found is None:
        raise Refused(f"There is no database {target.name} any more.")
    quotes = {one.database: one.source for one in bench.plan.quotes}
    label = quotes.get(target.id) or (found.restorable or ("",))[0]
    copies = BackupReplica.objects.filter(database=UUID(found.id)).select_related("store")
    copy = next((row for row in copies if f"replica {row.number}" == label), None)
    if copy is None:
        raise Refused(f"No copy of {target.name} outside {bench.plan.lost.name} can be restored.")
    return Wanted(ThingKind.DATABASE, target.id, target.name, UUID(found.id), copy)


def stood(row: DrillThing) -> str:
    """For people, with what was measured."""
    if row.kind == ThingKind.APPLICATION:
        return (
            f"{row.target_name} was started as {row.name} on {row.host} and answers on port"
            f" {row.port} there; nobody is led to it."
        )
    told = row.result
    if not told:
        return f"{row.target_name} was restored as {row.name} on {row.host}. {row.said}".strip()
    canary = f"its newest canary is of {_instant(told['canary'])}" if told.get("canary") else ""
    return (
        f"{row.target_name} was restored as {row.name} on {row.host} from backup"
        f" {told.get('backup')}: {told.get('size', 0) / 1e6:.1f} MB in"
        f" {told.get('seconds', 0.0):.1f} s, {told.get('speed', 0.0) / 1e6:.1f} MB/s; recoverable"
        f" to {_instant(told.get('moment', 0))}; {canary or 'it has no canary'}; it accepts writes."
    )


def _instant(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _phase(row: DrillThing) -> str:
    if not row.is_told:
        return "a volume of its snapshot is being made"
    sight = DrillSight.objects.filter(host=row.host_id).first()
    if sight is None or (database_now() - sight.heard_at).total_seconds() > HEARD_SECONDS:
        return "its host is not heard"
    told = sight.facts.get(row.name, {})
    return str(told.get("said") or told.get("state") or "its host was told")
