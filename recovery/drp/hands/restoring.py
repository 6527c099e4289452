"""restore_databases: one restore a database, by the two words that the run carries.

Invariants: the restore and the key of its act stand in one transaction; it begins only for what the
plan quotes, from the replica that it names and into the datacenter that it names; what would come
back more than five seconds short of the quote is not begun, and not switched to; who asked for the
run and who approved the step are two people, whatever glass was broken (I-DB-7).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from recovery.backups.models import BackupReplica
from recovery.core.errors import Refused
from recovery.drp.actions.effects import beginning, note_effects
from recovery.drp.hands.bench import Bench
from recovery.drp.journal import Effect, EffectKind
from recovery.drp.models import Act, ApprovalUse
from recovery.drp.plan import Quote
from recovery.drp.sights import Heard, Order, Outcome
from recovery.inventory.models import Database
from recovery.restores.actions import Words, commission_restore
from recovery.restores.facts import Phase
from recovery.restores.models import Restore


@dataclass(slots=True)
class Restoring:
    """Its journal is an effect, which names the restore."""

    bench: Bench

    def act(self, order: Order) -> Outcome:
        with beginning(order, self.bench.actor) as act:
            if not Effect.objects.filter(key=order.key).exists():
                try:
                    self._begin(order, act)
                except Refused as error:
                    return Outcome(Heard.FAILED, str(error))
        return self.look(order)

    def look(self, order: Order) -> Outcome:
        effect = Effect.objects.filter(key=order.key, kind=EffectKind.RESTORE).first()
        if effect is None:
            return Outcome(Heard.NEVER)
        return outcome_of(Restore.objects.select_related("database").get(pk=effect.object))

    def _begin(self, order: Order, act: Act) -> None:
        assert order.target is not None, "an act has a target"
        bench = self.bench
        bench.refuse_drill(order.target)
        database = Database.objects.get(pk=UUID(order.target.id))
        quote = _quote(bench.plan.quotes, order.target.id, database.name)
        reason = f"{bench.run}, {order.step}: {bench.run.request_reason}"
        row = commission_restore(
            database=database,
            source=_source(database, quote),
            site=bench.plan.into.name,
            words=Words(
                first=bench.run.requested_by,
                second=_second(act, bench.run.requested_by),
                quoted=datetime.fromisoformat(quote.moment),
            ),
            actor=bench.actor,
            reason=reason,
            now=bench.now,
        )
        note_effects(
            act=act,
            noted=[(EffectKind.RESTORE, row.pk, f"{row} of {database}", row.why)],
            actor=bench.actor,
            reason=reason,
            now=bench.now,
        )


def outcome_of(row: Restore) -> Outcome:
    """What became of it so far."""
    if row.phase == Phase.DONE:
        return Outcome(Heard.DONE, f"{row}: {row.end_reason}", row.new_epoch or 0)
    if row.phase in {Phase.ABANDONED, Phase.EXPIRED}:
        return Outcome(Heard.FAILED, f"{row}: {row.end_reason}")
    return Outcome(Heard.UNDER_WAY, f"{row} of {row.database} is in {row.phase}.")


def _quote(quotes: tuple[Quote, ...], database: str, name: str) -> Quote:
    found = next((one for one in quotes if one.database == database and one.way == "restore"), None)
    if found is None:
        raise Refused(f"The plan quotes no loss of {name}: nobody agreed to one.")
    return found


def _source(database: Database, quote: Quote) -> str:
    """The key of the replica that the plan names."""
    rows = BackupReplica.objects.filter(database=database)
    found = next((row for row in rows if f"replica {row.number}" == quote.source), None)
    if found is None:
        raise Refused(f"{database} has no {quote.source} any more.")
    return str(found.pk)


def _second(act: Act, first: str) -> str:
    """Who approved the step, and is not who asked for the run."""
    uses = ApprovalUse.objects.filter(step=act.step_id, round=act.round)
    people = uses.order_by("used_at", "pk").values_list("approval__approver", flat=True)
    found = next((one for one in people if one != first), "")
    if not found:
        raise Refused(f"Only {first} has said so: a restore elsewhere takes two people (I-DB-7).")
    return found
