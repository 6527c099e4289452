"""What of a recovery plan goes along with an order: the approvals, for its agent to look at.

Invariant: an operation that a plan's act asked for never leaves as one of no plan: where its
approvals are not found it carries nobody's, and its agent refuses it. Nor does one that says it is
of none: the failover that it belongs to names the act, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from uuid import UUID

from recovery.core.errors import TocsinError
from recovery.core.wire.plans import PlanWord, pack_mandate
from recovery.drp.journal import Effect, EffectKind
from recovery.drp.models import Act, RunStep
from recovery.drp.queries.approvals import mandate_of
from recovery.failover.chosen import WORD
from recovery.failover.models import Failover
from recovery.failover.phases import ENDED
from recovery.operations.facts import Verb
from recovery.operations.models import Operation

DANGEROUS = frozenset({"fence", "promote", "restore", "adopt", "keep"})


def plan_words(operations: Collection[Operation]) -> Mapping[UUID, PlanWord]:
    """Of those that a plan wants; the others have none."""
    asked = [op for op in operations if op.verb in DANGEROUS]
    restores = {str(op.params["restore"]): op.pk for op in asked if "restore" in op.params}
    keys = {op.pk: str(_told(op)["act"]) for op in asked if "act" in _told(op)}
    rows = Effect.objects.filter(kind=EffectKind.RESTORE, object__in=list(restores))
    keys |= {restores[str(row.object)]: row.key for row in rows} if restores else {}
    keys |= _of_failovers([op for op in asked if op.pk not in keys])
    if not keys:
        return {}
    acts = Act.objects.filter(key__in=list(keys.values())).select_related("step__run")
    steps = {act.key: act.step for act in acts}
    packed: dict[UUID, str] = {}
    return {pk: _word(key, steps.get(key), packed) for pk, key in keys.items()}


def _of_failovers(operations: Sequence[Operation]) -> Mapping[UUID, str]:
    """The acts that the failovers of these were begun for, by database, verb and epoch. What is
    ordered later in the epoch that a plan led to is no act of it."""
    asked = {
        op.pk: (op.replica.database_id, op.verb, op.database_epoch)
        for op in operations
        if op.replica and op.verb in {Verb.FENCE, Verb.PROMOTE}
    }
    if not asked:
        return {}
    rows = Failover.objects.exclude(act="").exclude(act__startswith=WORD).exclude(authority={})
    rows = rows.filter(database__in={one[0] for one in asked.values()})
    acts = {(row.database_id, *each): row.act for row in rows for each in _orders(row)}
    return {pk: acts[one] for pk, one in asked.items() if one in acts}


def _orders(row: Failover) -> Iterator[tuple[str, int]]:
    """Its fence, while it goes on, and its promotion."""
    if row.phase not in ENDED:
        yield Verb.FENCE, row.old_epoch
    if row.new_epoch is not None:
        yield Verb.PROMOTE, row.new_epoch


def _told(op: Operation) -> Mapping[str, object]:
    told = op.params.get("plan")
    return told if isinstance(told, dict) else {}


def _word(key: str, step: RunStep | None, packed: dict[UUID, str]) -> PlanWord:
    """The same step's approvals are packed once."""
    if step is None:
        run, _, rest = key.partition("/")
        return PlanWord(run=run, step=rest.partition("/")[0], mandate="")
    if step.pk not in packed:
        try:
            packed[step.pk] = pack_mandate(mandate_of(step.run, step))
        except TocsinError:
            packed[step.pk] = ""
    return PlanWord(run=str(step.run_id), step=step.name, mandate=packed[step.pk])
