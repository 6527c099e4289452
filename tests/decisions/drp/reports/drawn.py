"""Random runs as the facts of their reports: any row may be missing, any clock be wrong.

From a seed alone: a run in milliseconds, so that thousands cost seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeVar

from recovery.drp.facts import Factor, Kind, Mode, RunState, Stage, StepState
from recovery.drp.reports.facts import (
    ActFact,
    AskFact,
    CheckpointFact,
    EventFact,
    Facts,
    FindingFact,
    GapFact,
    GlassFact,
    LogFact,
    LossFact,
    Moment,
    PlanFact,
    PromiseFact,
    RunFact,
    StepFact,
    TargetFact,
    YesFact,
)
from recovery.drp.runbooks.covers import Covers

T = TypeVar("T")
T0 = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
DIGEST = "ab" * 32
PEOPLE = ("amelie", "bruno", "chloe", "")
WORDS = ("It burns.", "", "amélie’s – “word” ✓ 中", "<b>&</b>", "A long line. " * 12)
ACT_STATES = ("intended", "done", "failed", "unknown")
ASK_STATES = ("open", "used", "denied", "void", "expired")


class Dice:
    """Everything that a run may be."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.one = self.random.choice

    def at(self) -> datetime:
        seconds = self.random.randint(-600, 7200)
        return T0 + timedelta(seconds=seconds, microseconds=seconds * 7)

    def maybe(self) -> datetime | None:
        return self.at() if self.random.random() < 0.7 else None

    def yes(self) -> bool:
        return self.random.random() < 0.5

    def who(self) -> str:
        return self.one(PEOPLE)

    def said(self) -> str:
        return self.one(WORDS)

    def few(self, make: Callable[[], T], most: int = 3) -> tuple[T, ...]:
        return tuple(make() for _ in range(self.random.randint(0, most)))

    def moment(self, states: Sequence[str]) -> Moment:
        return Moment(self.at(), self.one(states), self.who(), self.said(), self.yes())

    def act(self) -> ActFact:
        return ActFact(
            key=f"{self.random.getrandbits(64):x}",
            target=self.one(("database:1", "database:2", "tocsin:")),
            name="orders",
            number=self.random.randint(1, 3),
            round=self.random.randint(1, 2),
            state=self.one(ACT_STATES),
            intended_at=self.at(),
            ended_at=self.maybe(),
            said=self.said(),
            by_word=self.who(),
        )

    def ask(self) -> AskFact:
        return AskFact(1, self.at(), self.one(ASK_STATES), self.said(), self.maybe())

    def word(self) -> YesFact:
        factor = self.one(tuple(Factor))
        people = self.who(), self.who()
        return YesFact(1, *people, self.yes(), self.said(), factor, DIGEST, self.at(), self.maybe())

    def glass(self) -> GlassFact:
        return GlassFact(self.who(), ("too_few_people",), self.said(), self.at())

    def step(self, position: int) -> StepFact:
        return StepFact(
            name=f"step-{position}",
            position=position,
            title=f"Step {position}",
            kind=self.one(tuple(Kind)),
            stage=self.one(tuple(Stage)),
            owner="responder",
            state=self.one(tuple(StepState)),
            said=self.said(),
            targets=self.random.randint(0, 9),
            history=self.few(lambda: self.moment(tuple(StepState)), 6),
            acts=self.few(self.act),
            asks=self.few(self.ask),
            words=self.few(self.word),
            broken=self.few(self.glass, 1),
        )

    def steps(self) -> tuple[StepFact, ...]:
        order = list(range(1, self.random.randint(0, 7) + 1))
        self.random.shuffle(order)
        return tuple(self.step(position) for position in order)

    def gap(self) -> GapFact:
        began = self.at()
        ended = began + timedelta(seconds=self.random.randint(1, 9000))
        return GapFact(began, ended, self.one((0, 0, 1, 7)), is_end_seen=self.yes())

    def loss(self) -> LossFact | None:
        bound = self.one((None, 0.0, self.random.uniform(0, 9000)))
        return LossFact(self.said(), bound) if self.yes() else None

    def target(self, number: int) -> TargetFact:
        kind = self.one(("database", "application"))
        return TargetFact(
            key=f"{kind}:{number}",
            type=kind,
            name=f"service-{number}",
            covers=self.one((None, *Covers)),
            is_measured=self.yes(),
            gaps=self.few(self.gap, 2),
            out_since=self.maybe() if self.yes() else None,
            loss=self.loss(),
            restored=self.yes(),
            recovered_to=self.maybe(),
            restored_at=self.maybe(),
            left_out=self.said(),
            failed=self.said(),
        )

    def promise(self) -> PromiseFact:
        name = self.one(("Business databases", "Starter databases", "The rest"))
        rto, rpo = self.random.randint(1, 9000), self.random.randint(1, 9000)
        return PromiseFact(name, rto, rpo, 90_000, self.one((None, *Covers)))

    def plan(self) -> PlanFact:
        return PlanFact(
            id="datacenter-lost",
            version=1,
            title="A datacenter is lost",
            scenario="datacenter_lost",
            digest=DIGEST,
            written_by=self.who(),
            activated_by=self.who(),
            activated_at=self.maybe(),
            owner=self.said(),
            deputies=("Deputy",),
            scope=self.said(),
            order=self.said(),
            activation=(),
            deactivation=(),
            success_criteria=("It serves.",),
            relaxations=(),
            fail_back=self.said(),
            services=self.few(self.promise, 4),
        )

    def run(self) -> RunFact:
        return RunFact(
            number=7,
            name="DRP-0007",
            mode=self.one(tuple(Mode)),
            state=self.one((RunState.DONE, RunState.ABORTED)),
            digest=DIGEST,
            lost="PAR1",
            into="OSU2",
            situation=self.said(),
            requested_by=self.who(),
            requested_at=self.at(),
            request_reason=self.said(),
            started_by=self.who(),
            started_at=self.maybe(),
            ended_at=self.maybe(),
            end_reason=self.said(),
            override=self.one(("", "amelie: It burns.")),
            history=self.few(lambda: self.moment(tuple(RunState)), 6),
        )

    def event(self) -> EventFact:
        where = "datacenter:PAR1"
        return EventFact(
            "incident", "INC-0001", where, "open", self.at(), self.maybe(), self.said()
        )

    def finding(self) -> FindingFact:
        number = self.random.randint(1, 9)
        who, day = self.who(), "2026-12-24"
        closed = (self.who(), self.maybe(), self.said())
        return FindingFact(number, self.said(), who, day, who, self.at(), *closed)

    def mark(self) -> CheckpointFact | None:
        size = self.random.randint(1, 99)
        return CheckpointFact(size, self.at(), "note\n") if self.yes() else None


def any_facts(seed: int) -> Facts:
    """The run of this seed."""
    dice = Dice(seed)
    services = range(dice.random.randint(0, 5))
    return Facts(
        made_at=dice.at(),
        version=dice.random.randint(1, 3),
        run=dice.run(),
        plan=dice.plan(),
        steps=dice.steps(),
        targets=tuple(dice.target(at) for at in services),
        events=dice.few(dice.event, 2),
        findings=dice.few(dice.finding, 2),
        log=LogFact(dice.random.randint(0, 99), dice.mark(), dice.mark()),
        lost_at=dice.maybe(),
    )
