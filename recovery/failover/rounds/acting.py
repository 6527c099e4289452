"""From a step to its actions: one transaction under the leader's epoch, told in the story."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from recovery.audit.facts import Actor
from recovery.failover.actions import failovers, standing
from recovery.failover.actions.epochs import set_role
from recovery.failover.actions.orders import NOTHING, Giving, order, plan_of
from recovery.failover.facts import Act, Facts, Step
from recovery.failover.models import Failover
from recovery.failover.phases import FailoverKind, Phase
from recovery.failover.rounds import telling
from recovery.failover.rounds.rows import Rows
from recovery.inventory.facts import Plan, Role
from recovery.inventory.models import Database, Replica
from recovery.operations.facts import Verb

ORDERS = {
    Act.ASK: Verb.ASK,
    Act.FENCE: Verb.FENCE,
    Act.RESTART: Verb.RESTART,
}


@dataclass(frozen=True, slots=True)
class Hand:
    """What every act of one step has in common."""

    database: Database
    failover: Failover | None
    replicas: Mapping[str, Replica]
    facts: Facts
    step: Step
    actor: Actor
    now: datetime
    monotonic: float

    @property
    def unfinished(self) -> Failover:
        assert self.failover is not None, f"{self.step.act} belongs to a failover"
        return self.failover

    @property
    def urgency(self) -> int:
        return self.database.priority + (100 if self.database.plan == Plan.BUSINESS else 0)

    @property
    def to(self) -> Phase:
        assert self.step.to is not None, f"{self.step.act} leads to a phase"
        return self.step.to


def act_on(
    rows: Rows,
    facts: Facts,
    step: Step,
    *,
    actor: Actor,
    now: datetime,
    monotonic: float,
) -> None:
    """Do what the step says. In the caller's transaction; raises `Conflict` when the rows are no
    longer as they were judged."""
    key = UUID(facts.database.database)
    hand = Hand(
        database=rows.databases[key],
        failover=rows.failovers.get(key),
        replicas={str(row.pk): row for row in rows.replicas[key]},
        facts=facts,
        step=step,
        actor=actor,
        now=now,
        monotonic=monotonic,
    )
    _HANDS[step.act](hand)


def _begin(hand: Hand) -> None:
    facts, step = hand.facts, hand.step
    assert step.kind is not None, "a failover is of a kind"
    watch = facts.lease
    silence = watch.silence(hand.monotonic) if watch and step.kind is FailoverKind.FAILOVER else 0.0
    happened_at = hand.now - timedelta(seconds=silence)
    source = hand.replicas[facts.database.primary]
    incident = telling.story_for(
        hand.database, source, step.reason, happened_at=happened_at, actor=hand.actor, now=hand.now
    )
    row = failovers.begin_failover(
        database=hand.database,
        kind=step.kind,
        source=source,
        incident=incident,
        happened_at=happened_at,
        actor=hand.actor,
        reason=step.reason,
        now=hand.now,
    )
    _say(hand, row, "begun", f"{row} begins: {hand.database}")


def _order(hand: Hand) -> None:
    """At the epoch that the database has now: its agent has seen no higher one. To end the giving
    of promises to a primary that nobody revoked yet takes the one above."""
    failover, takes = hand.failover, hand.step.take_over
    is_early = failover is not None and failover.phase == Phase.ANALYSE
    ahead = 1 if takes and is_early else 0
    name = failover.act if failover is not None and is_early else ""
    order(
        verb=ORDERS[hand.step.act],
        replica=hand.replicas[hand.step.replica],
        epoch=hand.database.epoch + ahead,
        urgency=hand.urgency,
        giving=Giving(is_taken=True, takes=name) if takes else NOTHING,
        plan=plan_of(failover),
        actor=hand.actor,
        reason=hand.step.reason,
        now=hand.now,
    )


def _revoke(hand: Hand) -> None:
    watch = hand.facts.lease
    row = watch.row if watch else None
    failovers.revoke_primary(
        failover=hand.unfinished,
        proof=hand.step.proof,
        seen=(row.epoch, row.incarnation, row.sequence) if row else None,
        actor=hand.actor,
        reason=hand.step.reason,
        now=hand.now,
    )
    said = f"{hand.unfinished.source} may not be written to any more"
    _tell(hand, "revoked", said)


def _prove(hand: Hand) -> None:
    assert hand.step.proof is not None, "a proof is stored"
    failovers.prove_fenced(
        failover=hand.unfinished,
        proof=hand.step.proof,
        actor=hand.actor,
        reason=hand.step.reason,
        now=hand.now,
    )
    _tell(hand, "fenced", f"{hand.unfinished.source} is proven to be closed")


def _disprove(hand: Hand) -> None:
    failovers.disprove(
        failover=hand.unfinished, actor=hand.actor, reason=hand.step.reason, now=hand.now
    )
    _tell(hand, "not proven", f"What proved that {hand.unfinished.source} is closed does not hold")


def _choose(hand: Hand) -> None:
    assert hand.step.election is not None, "a choice has its reasons"
    target = hand.replicas[hand.step.replica]
    failovers.choose_target(
        failover=hand.unfinished,
        election=hand.step.election,
        target=target,
        degraded=hand.step.degraded,
        actor=hand.actor,
        reason=hand.step.reason,
        now=hand.now,
    )
    _tell(hand, "elected", f"{target} on {target.host.name} is to take over")


def _promote(hand: Hand) -> None:
    failovers.order_promotion(
        failover=hand.unfinished,
        urgency=hand.urgency,
        actor=hand.actor,
        reason=hand.step.reason,
        now=hand.now,
    )


def _choose_again(hand: Hand) -> None:
    failovers.choose_again(
        failover=hand.unfinished, actor=hand.actor, reason=hand.step.reason, now=hand.now
    )
    _tell(hand, "not promoted", f"{hand.unfinished.target} did not take over")


def _repoint(hand: Hand) -> None:
    failovers.repoint_database(
        failover=hand.unfinished, actor=hand.actor, reason=hand.step.reason, now=hand.now
    )
    _tell(hand, "promoted", f"{hand.unfinished.target} is the primary of {hand.database}")


def _redirect(hand: Hand) -> None:
    failovers.redirect_users(
        failover=hand.unfinished, actor=hand.actor, reason=hand.step.reason, now=hand.now
    )


def _advance(hand: Hand) -> None:
    row = failovers.advance_failover(
        failover=hand.unfinished,
        to=hand.to,
        actor=hand.actor,
        reason=hand.step.reason,
        now=hand.now,
    )
    if said := telling.LINES.get(hand.to):
        _say(hand, row, str(hand.to), said(row))


def _rejoin(hand: Hand) -> None:
    """The picture and the order in one transaction: from now on it is a standby that rejoins."""
    replica = hand.replicas[hand.step.replica]
    set_role(
        replica=replica,
        role=Role.STANDBY,
        actor=hand.actor,
        reason=hand.step.reason,
        now=hand.now,
    )
    order(
        verb=Verb.REJOIN,
        replica=replica,
        epoch=hand.database.epoch,
        urgency=hand.urgency,
        actor=hand.actor,
        reason=hand.step.reason,
        now=hand.now,
    )
    said = f"{replica} is back and rejoins"
    if hand.failover is not None:
        _tell(hand, "rejoining", said)
        return
    telling.tell_of(
        hand.database, "rejoining", said, why=hand.step.reason, actor=hand.actor, now=hand.now
    )


def _give_back(hand: Hand) -> None:
    failovers.give_back(
        failover=hand.unfinished, actor=hand.actor, reason=hand.step.reason, now=hand.now
    )
    _tell(hand, "given back", f"{hand.unfinished.source} leads {hand.database} again")


def _standing(action: Callable[..., Database], kind: str, says: str) -> Callable[[Hand], None]:
    def do(hand: Hand) -> None:
        action(database=hand.database, actor=hand.actor, reason=hand.step.reason, now=hand.now)
        telling.tell_of(
            hand.database,
            kind,
            f"{hand.database} {says}",
            why=hand.step.reason,
            actor=hand.actor,
            now=hand.now,
        )

    return do


def _tell(hand: Hand, kind: str, said: str) -> None:
    _say(hand, hand.unfinished, kind, said)


def _say(hand: Hand, row: Failover, kind: str, said: str) -> None:
    telling.tell(row, kind, said, why=hand.step.reason, actor=hand.actor, now=hand.now)


_HANDS: Mapping[Act, Callable[[Hand], None]] = {
    Act.BEGIN: _begin,
    Act.ASK: _order,
    Act.FENCE: _order,
    Act.RESTART: _order,
    Act.REVOKE: _revoke,
    Act.PROVE: _prove,
    Act.DISPROVE: _disprove,
    Act.CHOOSE: _choose,
    Act.PROMOTE: _promote,
    Act.CHOOSE_AGAIN: _choose_again,
    Act.REPOINT: _repoint,
    Act.REDIRECT: _redirect,
    Act.ADVANCE: _advance,
    Act.ABANDON: _advance,
    Act.FINISH: _advance,
    Act.REJOIN: _rejoin,
    Act.GIVE_BACK: _give_back,
    Act.DEGRADE: _standing(standing.degrade_database, "degraded", "goes on without a standby"),
    Act.RESTORE: _standing(standing.restore_database, "restored", "has its standby again"),
    Act.RESUME: _standing(standing.resume_database, "serves", "accepts writes"),
    Act.AWAIT_HOST: _standing(standing.await_host, "waits", "waits for its host"),
}
