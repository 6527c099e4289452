"""One look at every database, several times a second: load, decide, act.

Invariant: it asks for the next step of each database and takes that one alone, in a transaction
that commits only under the leader's epoch; a crash anywhere resumes by asking again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from recovery.audit.facts import Actor
from recovery.core import control
from recovery.core.errors import Conflict, Refused
from recovery.failover.actions import failovers, standing
from recovery.failover.actions.plans import WAITING
from recovery.failover.decide import next_step
from recovery.failover.facts import Act, Answer, Around, Ask, Facts, Step, Wait
from recovery.failover.models import Failover
from recovery.failover.phases import Phase
from recovery.failover.policy import Policy
from recovery.failover.rounds import ringing
from recovery.failover.rounds.acting import act_on
from recovery.failover.rounds.loading import Loader
from recovery.failover.rounds.memory import Memory
from recovery.failover.rounds.offered import tell_offer
from recovery.failover.rounds.ringing import Condition
from recovery.failover.rounds.rows import Rows, read_rows
from recovery.failover.rounds.turns import turns_of
from recovery.failover.rounds.upkeep import keep_lease, keep_restoring
from recovery.inventory.facts import DatabaseState
from recovery.inventory.models import Database

log = structlog.get_logger()
MOST_STEPS = 8
"""Of one database in one round: from *analyse* to *promote* there are fewer."""
PROBED = timedelta(seconds=10)
"""A probe that is silent for longer is not at work."""
ADOPTED = timedelta(seconds=60)
"""What takes longer to put in place than restored data do rings as any other that waits."""
UNFORESEEN = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""A fault of ours, or words of an agent that nobody thought of. It costs that database its rounds
and rings a person; every other one is judged as before."""
TOLD_AGAIN = timedelta(seconds=5)
"""Offers to people whose figures move are written so often, and no more."""
FIGURES = re.compile(r"[\d.]+")


@dataclass(slots=True)
class Watch:
    """The leading controller's memory of databases; a new leader begins a new one (B3)."""

    memory: Memory = field(default_factory=Memory)
    policy: Policy = field(default_factory=Policy)


@dataclass(slots=True)
class Round:
    """One round: `answers` by database as of its newest look; `acted` on these."""

    rows: Rows
    facts: dict[UUID, Facts] = field(default_factory=dict)
    answers: dict[UUID, Answer] = field(default_factory=dict)
    acted: set[UUID] = field(default_factory=set)


def watch_databases(
    watch: Watch,
    around: Around,
    *,
    failing: frozenset[str] = frozenset(),
    actor: Actor,
    now: datetime,
    monotonic: float,
) -> Collection[UUID]:
    """Judge every database once, and take the steps that follow; those that were changed."""
    turn = Turn(watch, around, failing, actor, now, monotonic)
    done = Round(read_rows(now))
    turn.judge(done, done.rows.databases)
    for _ in range(MOST_STEPS):
        stepping = {key for key, answer in done.answers.items() if isinstance(answer, Step)}
        moved = {key for key in stepping if turn.act(done, key)}
        done.acted |= moved
        if not moved:
            break
        _merge(done.rows, read_rows(now, moved))
        turn.judge(done, moved)
    turn.keep_up(done)
    turn.say(done)
    return done.acted


@dataclass(frozen=True, slots=True)
class Turn:
    """What one round has in common."""

    watch: Watch
    around: Around
    failing: frozenset[str]
    actor: Actor
    now: datetime
    monotonic: float

    def judge(self, done: Round, keys: Iterable[UUID]) -> None:
        """The next step of each of these."""
        turns = turns_of(done.rows, self.watch.policy, self.now)
        for key in list(keys):
            try:
                self._judge_one(done, key, turns.get(key, ""))
            except UNFORESEEN as error:
                done.facts.pop(key, None)
                name = done.rows.databases[key].name
                log.exception("cannot be judged", database=name)
                said = f"It cannot be judged ({type(error).__name__}: {error}). The log of the"
                done.answers[key] = Wait(f"{said} leading controller says where.", alarm="unjudged")

    def _judge_one(self, done: Round, key: UUID, turn: str) -> None:
        loader = Loader(
            rows=done.rows,
            memory=self.watch.memory,
            policy=self.watch.policy,
            now=self.now,
            monotonic=self.monotonic,
            around=replace(self.around, turn=turn),
            failing=self.failing,
        )
        facts = loader.facts(key)
        answer = next_step(facts, self.watch.policy, self.monotonic)
        done.facts[key] = facts
        done.answers[key] = self._unprobed(done.rows, facts, key) or answer

    def _unprobed(self, rows: Rows, facts: Facts, key: UUID) -> Step | None:
        """Where nobody writes as a user does, the agent's own word has to do, and says so."""
        failover, primary = facts.failover, facts.primary
        if failover is None or failover.phase is not Phase.VERIFY or primary is None:
            return None
        probe = rows.probes.get(key)
        if probe is not None and self.now - probe.at < PROBED:
            return None
        if primary.age > self.watch.policy.heard_within or not primary.is_writable:
            return None
        said = f"Nobody probes it through the edge; {primary.name}'s agent says it accepts writes."
        return Step(Act.ADVANCE, said, Phase.REBUILD)

    def act(self, done: Round, key: UUID) -> bool:
        """Take the step; False when the rows were no longer as judged: the next round looks."""
        step = done.answers.pop(key)
        assert isinstance(step, Step), "only steps are taken"
        name = done.rows.databases[key].name
        try:
            with control.deciding(self.actor.epoch):
                act_on(
                    done.rows,
                    done.facts[key],
                    step,
                    actor=self.actor,
                    now=self.now,
                    monotonic=self.monotonic,
                )
        except (Conflict, Refused) as error:
            log.info("not this round", database=name, step=str(step.act), reason=str(error))
            return False
        log.info("step", database=name, step=str(step.act), reason=step.reason)
        return True

    def keep_up(self, done: Round) -> None:
        """Leases come and go with whether somebody could take over."""
        for key, facts in done.facts.items():
            if key in done.acted:
                continue
            row = done.rows.databases[key]
            for keep in (keep_lease, keep_restoring):
                if (change := keep(done.rows, row, facts, self.watch.policy)) is not None:
                    with control.deciding(self.actor.epoch):
                        change(self.actor, self.now)

    def say(self, done: Round) -> None:
        """What waits says why, on its row and by an alarm."""
        wanted: dict[str, Condition] = {}
        for key, answer in done.answers.items():
            condition = _condition(done.rows, key, answer, self.now)
            if condition is not None and condition.name:
                wanted[condition.key] = condition
            if isinstance(answer, Ask):
                self._explain(done.rows, key, answer)
            if key in done.facts and _waits_alone(done.rows, key, answer):
                self._say_anew(done.rows.databases[key], done.facts[key], answer.reason)
        standing_now = ringing.unended_keys()
        new = wanted.keys() - standing_now
        seen = {str(key) for key in done.answers}
        over = {k for k in standing_now - wanted.keys() if k.split(":")[1] in seen}
        if new or over:
            with control.deciding(self.actor.epoch):
                for name in sorted(new):
                    ringing.ring(wanted[name], actor=self.actor, now=self.now)
                ringing.end(over, actor=self.actor, now=self.now)

    def _explain(self, rows: Rows, key: UUID, answer: Ask) -> None:
        row, failover = rows.databases[key], rows.failovers.get(key)
        if failover is not None:
            offers = _offers(failover, answer, self.now)
            is_told = _are_told(failover, offers, self.now)
            if is_told and _same_words(failover.waiting_for, answer.reason):
                return
            with control.deciding(self.actor.epoch):
                failovers.note_waiting(
                    failover=failover,
                    reason=answer.reason,
                    offers=offers,
                    actor=self.actor,
                    now=self.now,
                )
        elif row.state == DatabaseState.SERVING:
            with control.deciding(self.actor.epoch):
                standing.await_host(
                    database=row, actor=self.actor, reason=answer.reason, now=self.now
                )

    def _say_anew(self, row: Database, facts: Facts, reason: str) -> None:
        """What served here waits for another reason once its host is back: who is heard is not
        lost."""
        primary = facts.primary
        is_heard = primary is not None and primary.age <= self.watch.policy.heard_within
        is_back = is_heard and row.routed_epoch == row.epoch and not self.around.blind
        if not is_back or _same_words(row.state_reason, reason):
            return
        with control.deciding(self.actor.epoch):
            standing.wait_otherwise(database=row, actor=self.actor, reason=reason, now=self.now)


def _offers(failover: Failover, answer: Ask, now: datetime) -> list[Mapping[str, object]] | None:
    """What people may weigh, as long as nobody was ordered to lead; None: nothing is said of it."""
    if failover.phase not in WAITING:
        return None
    found = answer.election.offers if answer.election else ()
    return [tell_offer(one, failover, now) for one in found]


def _are_told(failover: Failover, offers: list[Mapping[str, object]] | None, now: datetime) -> bool:
    """What moves with each look (a copy that still follows) is told every few seconds."""
    told = [one.get("digest") for one in failover.candidates]
    if offers is None or told == [one["digest"] for one in offers]:
        return True
    times = [str(one["at"]) for one in failover.candidates if one.get("at")]
    return bool(times and offers) and now - datetime.fromisoformat(max(times)) < TOLD_AGAIN


def _merge(rows: Rows, newer: Rows) -> None:
    """Take what was read again of some databases into the round's picture."""
    for key in newer.databases:
        for old, new in _tables(rows, newer):
            if key in new:
                old[key] = new[key]
            else:
                old.pop(key, None)
    rows.sights |= newer.sights
    rows.fenced = newer.fenced


def _tables(rows: Rows, newer: Rows) -> list[tuple[dict[UUID, object], Mapping[UUID, object]]]:
    names = (
        "databases",
        "replicas",
        "leases",
        "failovers",
        "orders",
        "vouches",
        "restarts",
        "probes",
    )
    return [(getattr(rows, name), getattr(newer, name)) for name in names]


def _condition(rows: Rows, key: UUID, answer: Answer, now: datetime) -> Condition | None:
    row = rows.databases[key]
    if row.adopting is not None and now - row.state_at < ADOPTED:
        return None
    if _waits_alone(rows, key, answer):
        return Condition(row, "waiting", answer.reason)
    if isinstance(answer, Step):
        return None
    return Condition(row, answer.alarm, answer.reason)


def _waits_alone(rows: Rows, key: UUID, answer: Answer) -> bool:
    """It is down and no failover is about it. That a pause or a freeze holds it as well is why, and
    no other condition: a new leader finds it before it hears the host, and would ring anew."""
    is_held = isinstance(answer, Ask) and answer.alarm == "held"
    is_waiting = rows.databases[key].state == DatabaseState.WAITING and key not in rows.failovers
    return is_waiting and (is_held or isinstance(answer, Wait))


def _same_words(one: str, other: str) -> bool:
    """The same sentence but for its figures: seconds that run are no news."""
    return FIGURES.sub("", one) == FIGURES.sub("", other)
