"""lift_fence, keep_copies, discard_copies: a datacenter that came back is let in, and what its
copies hold is decided about.

Invariants: copies that an earlier run left there are set apart in the transaction that lifts the
fence, so that none follows anybody before it was decided; where somebody lifted it before, those
that do not follow yet; none of them is let go before what was to
be kept of it was put aside, by its own agent's word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import msgspec

from recovery.core.errors import Refused
from recovery.drp.actions.effects import Noted, beginning, note_effects
from recovery.drp.facts import ActState, Kind
from recovery.drp.hands.bench import Bench
from recovery.drp.hands.copies import Copies, copies_of, heard_of
from recovery.drp.journal import Effect, EffectKind
from recovery.drp.models import Act
from recovery.drp.plan import EXPORT, KEEP, Choice, Target
from recovery.drp.sights import Heard, Order, Outcome
from recovery.failover.actions.apart import let_follow, returned_copies, set_apart
from recovery.failover.actions.fences import lift_fence
from recovery.failover.models import Fence
from recovery.inventory.facts import ReplicaState, Role
from recovery.inventory.models import Database, Replica, ReplicaSight
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation

KEPT_FOR = timedelta(days=14)
"""At least (I-DB-5). Nothing removes it by itself."""


@dataclass(slots=True)
class Lifting:
    """Its journal: the fences that it lifted, the copies that it set apart."""

    bench: Bench

    def act(self, order: Order) -> Outcome:
        assert order.target is not None, "an act has a target"
        bench, site = self.bench, order.target
        with beginning(order, bench.actor) as act:
            try:
                bench.refuse_drill(site)
            except Refused as error:
                return Outcome(Heard.FAILED, str(error))
            stands = Fence.objects.filter(datacenter=UUID(site.id), state="standing").exists()
            why = f"{bench.run}, {order.step}: {bench.run.request_reason}"
            copies = returned_copies(_databases(bench), site.name)
            if not stands:
                copies = [row for row in copies if not _is_followed(row)]
            apart = set_apart(
                replicas=[row.pk for row in copies], actor=bench.actor, reason=why, now=bench.now
            )
            if not stands and not apart:
                return Outcome(Heard.DONE, f"No fence of {site.name} stands: nothing was lifted.")
            fences = self._lift(site.name, why) if stands else []
            noted: list[Noted] = [(EffectKind.LIFTED, row.pk, str(row), why) for row in fences]
            noted += [(EffectKind.APART, row.pk, str(row), why) for row in apart]
            note_effects(act=act, noted=noted, actor=bench.actor, reason=why, now=bench.now)
        return self.look(order)

    def _lift(self, site: str, why: str) -> list[Fence]:
        bench = self.bench
        return lift_fence(datacenter=site, actor=bench.actor, reason=why, now=bench.now)

    def look(self, order: Order) -> Outcome:
        assert order.target is not None, "an act has a target"
        rows = Effect.objects.filter(key=order.key)
        if not rows.filter(kind__in=[EffectKind.LIFTED, EffectKind.APART]).exists():
            return Outcome(Heard.NEVER)
        apart = rows.filter(kind=EffectKind.APART).count()
        said = f"The fence of {order.target.name} is lifted."
        if not rows.filter(kind=EffectKind.LIFTED).exists():
            said = f"No fence of {order.target.name} stands: nothing was lifted."
        return Outcome(Heard.DONE, f"{said} Set apart until decided: {apart} copies.")


def _databases(bench: Bench) -> list[UUID]:
    """Those that go back."""
    targets = [move.target for move in bench.plan.moves]
    return [UUID(target.id) for target in targets if target.type == "database"]


@dataclass(slots=True)
class Keeping:
    """What each copy holds is put aside by its own agent."""

    bench: Bench

    @property
    def _copies(self) -> Copies:
        return Copies(self.bench, Verb.KEEP, "what it holds is kept as it is.")

    def act(self, order: Order) -> Outcome:
        return self._copies.order_each(order) or self.look(order)

    def look(self, order: Order) -> Outcome:
        return kept_outcome(self._copies.orders(order))


def kept_outcome(orders: Sequence[Operation]) -> Outcome:
    """Done once every copy's agent said under which name, and how much."""
    outcome = heard_of(orders)
    if outcome.heard is not Heard.DONE:
        return outcome
    return Outcome(Heard.DONE, f"{len(orders)} kept. {' '.join(_kept(op) for op in orders)}")


class _Told(msgspec.Struct, frozen=True):
    """What an agent says of data that it put aside."""

    name: str
    bytes: int


def _kept(op: Operation) -> str:
    try:
        told = msgspec.json.decode(op.detail, type=_Told)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return f"{op.replica} on {op.host}: kept; its agent did not tell under which name."
    if not told.name:
        return f"{op.replica} on {op.host}: there were no data."
    until = (op.ended_at or op.requested_at) + KEPT_FOR
    return (
        f"{op.replica} on {op.host}: kept/{told.name}, {told.bytes / 1e6:.1f} MB, until"
        f" {until:%Y-%m-%d} at least."
    )


@dataclass(frozen=True, slots=True)
class First:
    """What was decided to be done with a copy before it is let go."""

    kind: Kind
    verb: Verb
    done: str


FIRST: Mapping[str, First] = {
    KEEP: First(Kind.KEEP_COPIES, Verb.KEEP, "kept"),
    EXPORT: First(Kind.EXPORT_COPIES, Verb.EXPORT, "exported"),
}


@dataclass(slots=True)
class Discarding:
    """Its journal: the copies that it let go."""

    bench: Bench

    def act(self, order: Order) -> Outcome:
        assert order.target is not None, "an act has a target"
        bench = self.bench
        with beginning(order, bench.actor) as act:
            try:
                bench.refuse_drill(order.target)
                self._refuse_unkept(order.target)
            except Refused as error:
                return Outcome(Heard.FAILED, str(error))
            why = f"{bench.run}, {order.step}: {bench.run.request_reason}"
            copies = copies_of(bench, order.target)
            unkept = {row.pk for row in self._unkept(order.target, copies)}
            going = [row for row in copies if row.pk not in unkept]
            let_follow(
                replicas=[row.pk for row in going], actor=bench.actor, reason=why, now=bench.now
            )
            noted: list[Noted] = [(EffectKind.RELEASED, row.pk, str(row), why) for row in going]
            note_effects(act=act, noted=noted, actor=bench.actor, reason=why, now=bench.now)
            if not going:
                said = f"{order.target.name} has no copy in {bench.plan.into.name} that came back."
                return Outcome(Heard.FAILED, self._left(order.target, copies) or said)
        return self.look(order)

    def _choice(self, target: Target) -> Choice:
        move = self.bench.plan.move(target)
        return move.choice if move else ""

    def _refuse_unkept(self, target: Target) -> None:
        """What was decided to be kept, or exported, is so first, whoever skipped what."""
        if (first := FIRST.get(self._choice(target))) is None:
            return
        steps = [one.id for one in self.bench.plan.steps if one.kind is first.kind]
        acts = Act.objects.filter(step__run=self.bench.run, step__name__in=steps)
        if not acts.filter(target=target.key, state=ActState.DONE).exists():
            said = f"What {target.name} holds there was to be {first.done} first, and is not."
            raise Refused(said)

    def _unkept(self, target: Target, copies: Sequence[Replica]) -> list[Replica]:
        """A person's word that it was kept is of the step; each copy's is its own agent's."""
        if (first := FIRST.get(self._choice(target))) is None:
            return []
        orders = Operation.objects.filter(
            verb=first.verb, params__plan__run=str(self.bench.run.pk), state=OperationState.DONE
        )
        kept = set(orders.values_list("replica", flat=True))
        return [row for row in copies if row.pk not in kept]

    def _left(self, target: Target, copies: Sequence[Replica]) -> str:
        """Who stays apart, in a sentence; nothing where nobody does."""
        apart = [row for row in copies if row.state == ReplicaState.QUARANTINED]
        names = ", ".join(f"{row} on {row.host}" for row in self._unkept(target, apart))
        first = FIRST.get(self._choice(target))
        if not names or first is None:
            return ""
        return f"No agent told that it {first.done} what is on {names}: set apart still."

    def look(self, order: Order) -> Outcome:
        """Until each follows: its primary says so."""
        assert order.target is not None, "an act has a target"
        effects = Effect.objects.filter(key=order.key, kind=EffectKind.RELEASED)
        keys = set(effects.values_list("object", flat=True))
        if not keys:
            return Outcome(Heard.NEVER)
        database = Database.objects.get(pk=order.target.id)
        rows = Replica.objects.filter(pk__in=keys).select_related("host", "database")
        facts = {
            sight.replica_id: sight.fact
            for sight in ReplicaSight.objects.filter(replica__database=database)
        }
        leader = database.primary_id
        streaming = _streaming(facts.get(leader) or {}) if leader else set()
        behind = [row for row in rows if row.role != Role.STANDBY or str(row.pk) not in streaming]
        if behind:
            names = ", ".join(f"{row} on {row.host}" for row in behind)
            return Outcome(Heard.UNDER_WAY, f"Let go, and not following yet: {names}.")
        told = [f"{row}: {alone}." for row in rows if (alone := _alone(facts.get(row.pk) or {}))]
        if left := self._left(order.target, copies_of(self.bench, order.target)):
            told.append(left)
        said = f"{order.target.name}: {len(rows)} follow {database.primary}."
        return Outcome(Heard.DONE, " ".join([said, *told]))


def _is_followed(row: Replica) -> bool:
    """Whether its primary says that it streams."""
    sight = ReplicaSight.objects.filter(replica=row.database.primary_id).first()
    return row.role == Role.STANDBY and str(row.pk) in _streaming(sight.fact if sight else {})


def _streaming(fact: dict[str, object]) -> set[str]:
    """Who streams from it, by its own word."""
    told = fact.get("standbys", ())
    assert isinstance(told, (list, tuple)), "as its agent says"
    return {str(one["replica"]) for one in told if one["is_streaming"]}


def _alone(fact: dict[str, object]) -> str:
    return str(fact.get("alone", ""))
