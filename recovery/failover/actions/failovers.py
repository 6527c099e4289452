"""A failover's rows, step by step. Each function is one transaction's worth, in the caller's.

Invariant: the rows say first what is to happen; an agent acts on an order that they hold, or on
the picture that they give, so that a crash between any two of these is resumed by looking again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from django.db import IntegrityError, connection, transaction

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict
from recovery.failover.actions.epochs import name_leader, raise_epoch, set_role
from recovery.failover.actions.leases import revoke_lease
from recovery.failover.actions.orders import give_promises_again, order, plan_of
from recovery.failover.chosen import WORD
from recovery.failover.facts import Election, Proof, ProofKind
from recovery.failover.models import Failover, Vouch
from recovery.failover.phases import FailoverKind, Phase, VouchState
from recovery.incidents.models import Incident
from recovery.inventory.facts import DatabaseState, Role
from recovery.inventory.models import Database, Replica
from recovery.operations.facts import Verb

BLOCKED_FOR = timedelta(hours=1)
"""I-DB-8."""
REACHED = {
    Phase.FENCE: "analysed_at",
    Phase.ELECT: "fenced_at",
    Phase.PROMOTE: "elected_at",
    Phase.REPOINT: "promoted_at",
    Phase.REDIRECT: "repointed_at",
    Phase.VERIFY: "redirected_at",
    Phase.REBUILD: "verified_at",
    Phase.DONE: "ended_at",
    Phase.ABANDONED: "ended_at",
}
"""The instant that is written on entering a phase: the one before it is over."""


def begin_failover(
    *,
    database: Database,
    kind: FailoverKind,
    source: Replica,
    wanted: Replica | None = None,
    incident: Incident | None,
    happened_at: datetime,
    act: str = "",
    authority: Mapping[str, object] | None = None,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Failover:
    """Its row, in *analyse*: nothing else has changed yet. There is never a second one. `act` and
    `authority`: of the recovery plan that wants it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('failover_number')")
        (number,) = cursor.fetchone() or (0,)
    row = Failover(
        number=number,
        database=database,
        kind=str(kind),
        cause=reason,
        old_epoch=database.epoch,
        source=source,
        wanted=wanted,
        host_id=source.host_id,
        incident=incident,
        happened_at=happened_at,
        began_at=now,
        act=act,
        authority=dict(authority or {}),
    )
    try:
        with transaction.atomic():
            held = Database.objects.select_for_update().get(pk=database.pk)
            if held.adopting is not None:
                raise Conflict(f"A restore takes the place of {held}'s data.", todo="Look again.")
            if held.epoch != database.epoch:
                raise Conflict(f"{held} is in epoch {held.epoch} by now.", todo="Look again.")
            return transitions.create([row], actor=actor, reason=reason, now=now)[0]
    except IntegrityError as error:
        raise Conflict(
            f"Another failover of {database} has just begun.",
            kept="Nothing of this one was written.",
            todo=f"Look at {database} again before acting.",
        ) from error


def _check_wanted(failover: Failover) -> None:
    """In the deciding transaction: a person's no that came after the look is heard (its row is
    locked, so that one that comes later finds the phase after), and so is a plan's that took it
    over, or let it go."""
    row = Failover.objects.select_for_update().get(pk=failover.pk)
    if row.called_off != failover.called_off:
        raise Conflict(f"{row} was called off meanwhile.", todo="Look again.")
    if (row.act, row.authority) != (failover.act, failover.authority):
        raise Conflict(f"{row} is on another word by now.", todo="Look again.")


def advance_failover(
    *,
    failover: Failover,
    to: Phase,
    changes: Mapping[str, object] | None = None,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Failover:
    """The next phase; the instant at which the last one was over."""
    fields: dict[str, object] = {"waiting_for": "", **(changes or {})}
    if failover.kind != FailoverKind.RESTART or to in (Phase.REBUILD, Phase.DONE, Phase.ABANDONED):
        fields[REACHED[to]] = now
    if to in (Phase.DONE, Phase.ABANDONED):
        fields["end_reason"] = reason
    if to is Phase.ABANDONED and failover.phase == Phase.ANALYSE:
        give_promises_again(by=failover.act, actor=actor, reason=reason, now=now)
    return transitions.move(failover, to, changes=fields, actor=actor, reason=reason, now=now)


def revoke_primary(
    *,
    failover: Failover,
    proof: Proof | None,
    seen: tuple[int, int, int] | None,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Failover:
    """Nobody may be written to from here on: lease revoked, epoch raised, old primary out (B1).

    `seen`: the lease's number that the decider judged; a lease's end is a proof only if the row
    still holds that very number. Raises `Conflict` otherwise, and nothing is written.
    """
    _check_wanted(failover)
    database = Database.objects.select_for_update().get(pk=failover.database_id)
    judged = seen if proof is not None and proof.kind is ProofKind.LEASE_ENDED else None
    revoke_lease(database=database, seen=judged, actor=actor, reason=reason, now=now)
    set_role(replica=failover.source, role=Role.OUT, actor=actor, reason=reason, now=now)
    raised = raise_epoch(
        database=database,
        replica=None,
        state=DatabaseState.FAILING_OVER,
        changes={},
        actor=actor,
        reason=reason,
        now=now,
    )
    changes: dict[str, object] = {"new_epoch": raised.epoch}
    if proof is not None:
        changes["proof"] = _kept(proof)
        _use_vouch(failover, proof, actor=actor, now=now)
    return advance_failover(
        failover=failover, to=Phase.FENCE, changes=changes, actor=actor, reason=reason, now=now
    )


def prove_fenced(
    *, failover: Failover, proof: Proof, actor: Actor, reason: str, now: datetime
) -> Failover:
    """The proof is in the row: exactly one, and it stays (I-DB-4)."""
    _use_vouch(failover, proof, actor=actor, now=now)
    changes = {"proof": _kept(proof)}
    return advance_failover(
        failover=failover, to=Phase.ELECT, changes=changes, actor=actor, reason=reason, now=now
    )


def disprove(*, failover: Failover, actor: Actor, reason: str, now: datetime) -> Failover:
    """What it rested on does not hold any more, and nobody was chosen: another proof is found."""
    _check_wanted(failover)
    changes = {"proof": None, "fenced_at": None, "waiting_for": ""}
    return transitions.move(
        failover, Phase.FENCE, changes=changes, actor=actor, reason=reason, now=now
    )


def _kept(proof: Proof) -> dict[str, object]:
    return {**asdict(proof), "kind": str(proof.kind)}


def _use_vouch(failover: Failover, proof: Proof, *, actor: Actor, now: datetime) -> None:
    """Two people's word serves once."""
    if proof.kind is not ProofKind.VOUCHED:
        return
    given = Vouch.objects.get(
        database=failover.database_id, purpose="promote", state=VouchState.GIVEN
    )
    transitions.move(
        given,
        VouchState.USED,
        changes={"used_at": now, "failover": failover},
        actor=actor,
        reason=f"{failover} rests on it.",
        now=now,
    )


def choose_target(
    *,
    failover: Failover,
    election: Election,
    target: Replica,
    degraded: bool,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Failover:
    """The decision with everything that it was made from. A second choice takes an epoch above
    the one that was ordered before, so that the first one's promotion comes too late."""
    _check_wanted(failover)
    database = Database.objects.select_for_update().get(pk=failover.database_id)
    changes: dict[str, object] = {
        "target": target,
        "attempts": 0,
        "candidates": [asdict(refusal) for refusal in election.refusals],
        "loss": asdict(election.quote) if election.quote else {},
    }
    alone = f"Nobody could take over from {target}, the new primary, when it was chosen."
    marks = {"degraded_at": now, "degraded_reason": alone} if degraded else {}
    if failover.tried:
        database = raise_epoch(
            database=database,
            replica=None,
            state=DatabaseState.FAILING_OVER,
            changes=marks,
            actor=actor,
            reason=reason,
            now=now,
        )
        changes["new_epoch"] = database.epoch
    elif marks:
        transitions.amend(database, marks, action="degraded", actor=actor, reason=reason, now=now)
    return advance_failover(
        failover=failover, to=Phase.PROMOTE, changes=changes, actor=actor, reason=reason, now=now
    )


def order_promotion(
    *, failover: Failover, urgency: int, actor: Actor, reason: str, now: datetime
) -> None:
    """Intent first: the row says that it is to lead, the order says when."""
    assert failover.target is not None, "somebody was chosen"
    _check_wanted(failover)
    set_role(replica=failover.target, role=Role.PRIMARY, actor=actor, reason=reason, now=now)
    transitions.amend(
        failover,
        {"attempts": failover.attempts + 1},
        action="promotion ordered",
        actor=actor,
        reason=reason,
        now=now,
    )
    order(
        verb=Verb.PROMOTE,
        replica=failover.target,
        epoch=failover.new_epoch or 0,
        urgency=urgency,
        plan=plan_of(failover),
        actor=actor,
        reason=reason,
        now=now,
    )


def choose_again(*, failover: Failover, actor: Actor, reason: str, now: datetime) -> Failover:
    """It was not promoted, by its own agent's word: another is looked for, or it is tried again.
    Nobody wrote to it alone, so what was recorded with the choice is not so."""
    assert failover.target is not None, "somebody was chosen"
    database = Database.objects.select_for_update().get(pk=failover.database_id)
    if database.degraded_at is not None:
        unmarked = {"degraded_at": None, "degraded_reason": "", "restoring_at": None}
        transitions.amend(
            database, unmarked, action="not degraded", actor=actor, reason=reason, now=now
        )
    set_role(replica=failover.target, role=Role.STANDBY, actor=actor, reason=reason, now=now)
    tried = [*failover.tried, [str(failover.target_id), reason]]
    changes: dict[str, object] = {"tried": tried, "target": None, "attempts": 0}
    if failover.act.startswith(WORD):
        changes |= {"act": "", "authority": {}}  # it was used; what comes next is asked anew
    return transitions.move(
        failover,
        Phase.ELECT,
        changes=changes,
        actor=actor,
        reason=reason,
        now=now,
    )


def repoint_database(*, failover: Failover, actor: Actor, reason: str, now: datetime) -> Database:
    """The promoted one is its primary; everybody else follows it or stays out."""
    assert failover.target is not None, "somebody was promoted"
    database = Database.objects.select_for_update().get(pk=failover.database_id)
    changes: dict[str, object] = {"primary": failover.target}
    if failover.kind == FailoverKind.FAILOVER:
        changes |= {
            "failed_over_at": now,
            "blocked_until": now + BLOCKED_FOR,
            "blocked_by": "",
            "unblocked_by": "",
        }
    row = transitions.amend(
        database, changes, action="repointed", actor=actor, reason=reason, now=now
    )
    name_leader(database=row, replica=failover.target, actor=actor, reason=reason, now=now)
    return row


def redirect_users(*, failover: Failover, actor: Actor, reason: str, now: datetime) -> Database:
    """The edge leads users to the primary of the present epoch: it serves."""
    database = Database.objects.select_for_update().get(pk=failover.database_id)
    changes = {
        "routed_epoch": database.epoch,
        "routed_at": now,
        "state_at": now,
        "state_reason": reason,
    }
    return transitions.move(
        database, DatabaseState.SERVING, changes=changes, actor=actor, reason=reason, now=now
    )


def give_back(*, failover: Failover, actor: Actor, reason: str, now: datetime) -> Failover:
    """The old primary leads again, at an epoch above everything that was ordered."""
    database = Database.objects.select_for_update().get(pk=failover.database_id)
    set_role(replica=failover.source, role=Role.PRIMARY, actor=actor, reason=reason, now=now)
    raise_epoch(
        database=database,
        replica=failover.source,
        state=DatabaseState.SERVING,
        changes={"routed_epoch": database.epoch + 1, "routed_at": now},
        actor=actor,
        reason=reason,
        now=now,
    )
    return advance_failover(
        failover=failover, to=Phase.ABANDONED, actor=actor, reason=reason, now=now
    )


def note_waiting(
    *,
    failover: Failover,
    reason: str,
    offers: Sequence[Mapping[str, object]] | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """What it waits for a person with, on its row; `offers`: what people may weigh, where it is
    about who leads next."""
    changes: dict[str, object] = {"waiting_for": reason}
    if offers is not None:
        changes["candidates"] = [dict(one) for one in offers]
    transitions.amend(failover, changes, action="waits", actor=actor, reason=reason, now=now)
