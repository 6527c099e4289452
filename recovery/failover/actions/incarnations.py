"""Rows that may be older than the world (B11): recognised by the leader, settled by a person.

Invariant: settling is one transaction. After it every counter is above what any agent has told,
no order, lease, word or failover from before it has an effect, and who leads each database is
whom its agents name; before it nothing has changed but the incarnation's own row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, Max

from recovery.alarms.actions import end_alarms, raise_alarm
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.core import incarnations, transitions
from recovery.core.errors import Conflict, Refused
from recovery.core.models import Incarnation, Leader, LeaderBeat
from recovery.failover.actions.epochs import raise_epoch, set_role
from recovery.failover.actions.failovers import advance_failover
from recovery.failover.actions.leases import withdraw_lease
from recovery.failover.doubt.reconcile import Reconciled, reconcile
from recovery.failover.doubt.seen import ahead_of_rows, databases_in_doubt, missing_of
from recovery.failover.models import Failover, Vouch
from recovery.failover.phases import UNFINISHED, Phase, VouchState
from recovery.inventory.facts import DatabaseState, Role
from recovery.inventory.models import Database, HostMemory, Replica
from recovery.operations.actions import record_outcome, withdraw_operations
from recovery.operations.facts import UNFINISHED as UNDER_WAY
from recovery.operations.facts import OperationState
from recovery.operations.models import Operation

ALARM = "rows-in-doubt"
OLD = "Decided in an earlier incarnation of these rows."


def recognise_incarnation(*, actor: Actor, now: datetime) -> Incarnation:
    """The incarnation of the rows as they are now; a new one, in quarantine, where they are not
    what they were or agents know more than they do: then people are rung."""
    with transaction.atomic():
        row = incarnations.recognise(ahead=ahead_of_rows(), actor=actor, now=now)
        if row.state != "settled":
            raise_alarm(
                key=ALARM,
                severity=Severity.PAGE,
                title="Tocsin's own rows are in doubt: it decides nothing",
                body=f"{row.cause} Agents go on by themselves. Settle it on the page Held.",
                incident=None,
                actor=actor,
                reason=row.cause,
                now=now,
            )
    return row


def settle_incarnation(
    *, number: int, without: Sequence[str], actor: Actor, reason: str, now: datetime
) -> Incarnation:
    """A person's word that these rows, with what was heard of the agents, are to be gone on with.

    `number`: the incarnation that was shown; `without`: hosts that were not heard and that the
    person names. Raises `Refused` with what stands against it, and nothing is changed.
    """
    if not reason.strip():
        raise Refused("Settling needs a reason.", field="reason")
    with transaction.atomic():
        row = _in_doubt(number)
        reconciled = {pk: reconcile(seen) for pk, seen in databases_in_doubt(row.began_at).items()}
        _check(reconciled.values(), set(missing_of(row.began_at)) - set(without))
        _forget_orders(actor=actor, now=now)
        for pk, found in reconciled.items():
            _settle_database(Database.objects.select_for_update().get(pk=pk), found, actor, now)
        floor = _raise_leader()
        end_alarms(keys=[ALARM], actor=actor, reason=reason, now=now)
        return transitions.move(
            row,
            "settled",
            changes={"settled_at": now, "settled_by": actor.id, "desired_floor": floor},
            actor=actor,
            reason=reason,
            now=now,
            evidence={"differs": [w for found in reconciled.values() for w in found.differs]},
        )


def _in_doubt(number: int) -> Incarnation:
    row = Incarnation.objects.select_for_update().first()
    if row is None or row.state == "settled":
        raise Conflict("Nothing is to be settled: these rows are the newest.")
    if row.number != number:
        raise Conflict(
            f"{row} has begun since you looked.", kept="Nothing was settled.", todo="Look again."
        )
    stands = incarnations.identity()
    if (row.system, row.timeline) != (stands.system, stands.timeline):
        raise Conflict("The rows were restored once more just now.", todo="Look again.")
    return row


def _check(found: Iterable[Reconciled], unheard: set[str]) -> None:
    if refusals := [one.refusal for one in found if one.refusal]:
        raise Refused(" ".join(refusals), kept="Nothing was settled.")
    if unheard:
        raise Refused(
            f"{', '.join(sorted(unheard))}: not heard since the rows are in doubt.",
            field="without",
            kept="Nothing was settled.",
            todo="Wait for them, or name them: who leads on one of them is not known then.",
        )


def _forget_orders(*, actor: Actor, now: datetime) -> None:
    """Orders to servers, words and failovers of an earlier life; starts and stops of containers are
    judged by the lists that follow, as ever."""
    acts = Operation.objects.filter(replica__isnull=False, state__in=sorted(UNDER_WAY))
    keys = list(acts.values_list("pk", flat=True))
    withdraw_operations(operations=keys, actor=actor, reason=OLD, now=now)
    for key in keys:
        record_outcome(operation=key, state=OperationState.FAILED, detail=OLD, actor=actor, now=now)
    words = Vouch.objects.filter(state__in=[VouchState.ASKED, VouchState.GIVEN])
    transitions.move_many(
        Vouch,
        list(words.values_list("pk", flat=True)),
        VouchState.WITHDRAWN,
        actor=actor,
        reason=OLD,
        now=now,
    )


def _settle_database(row: Database, found: Reconciled, actor: Actor, now: datetime) -> None:
    why = f"{'; '.join(found.differs) or 'the agents agree'} (rows in doubt were settled)."
    withdraw_lease(database=row, actor=actor, reason=why, now=now)
    leader = _leader(row, found)
    running = Failover.objects.filter(database=row, phase__in=UNFINISHED).first()
    leader = leader or (running.source if running is not None else None)
    if running is not None:
        advance_failover(failover=running, to=Phase.ABANDONED, actor=actor, reason=why, now=now)
    if leader is not None:
        _let_lead(row, leader, actor, why, now)
    raise_epoch(
        database=row,
        replica=leader,
        state=_state(DatabaseState(row.state), is_seen=found.is_seen),
        changes={"routed_epoch": found.epoch, "routed_at": now},
        number=found.epoch,
        actor=actor,
        reason=why,
        now=now,
    )


def _state(state: DatabaseState, *, is_seen: bool) -> DatabaseState:
    """It serves where somebody is seen to lead it; what is not seen is the failover's to judge."""
    if state is DatabaseState.MAKING:
        return state
    if is_seen:
        return DatabaseState.SERVING
    return DatabaseState.WAITING if state is DatabaseState.FAILING_OVER else state


def _leader(row: Database, found: Reconciled) -> Replica | None:
    if not found.primary:
        return None
    return Replica.objects.get(pk=found.primary, database=row)


def _let_lead(row: Database, leader: Replica, actor: Actor, why: str, now: datetime) -> None:
    """The others first: a database has one primary at most (a constraint says so)."""
    others = Replica.objects.filter(database=row, role=Role.PRIMARY).exclude(pk=leader.pk)
    for other in others:
        set_role(replica=other, role=Role.STANDBY, actor=actor, reason=why, now=now)
    set_role(replica=leader, role=Role.PRIMARY, actor=actor, reason=why, now=now)


def _raise_leader() -> int:
    """Above what any agent has met; who leads now steps down and begins its grace again. The
    number above which lists for agents begin."""
    known = HostMemory.objects.aggregate(epoch=Max("leader_epoch"), version=Max("desired_version"))
    Leader.objects.get_or_create(id=1)
    LeaderBeat.objects.get_or_create(id=1)
    row = Leader.objects.select_for_update().get(id=1)
    epoch = max(row.epoch, known["epoch"] or 0) + 1
    Leader.objects.filter(id=1).update(epoch=epoch, holder="")
    LeaderBeat.objects.filter(id=1).update(epoch=epoch, beat=F("beat") + 1)
    return max(incarnations.desired_floor(), known["version"] or 0)
