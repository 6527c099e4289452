"""Whom a run waits for, by name: one next action a role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from recovery.access.actions import ROLES
from recovery.backups.words import joined
from recovery.brief.queries import Fleet, fleet_at
from recovery.core.errors import TocsinError
from recovery.drp.approvals.facts import LIFE_SECONDS, AskState, Question
from recovery.drp.approvals.proofs import pins
from recovery.drp.approvals.rules import refuse_answer, weigh
from recovery.drp.drills.owed import owed
from recovery.drp.drills.queries import left_of
from recovery.drp.facts import UNSKIPPABLE, ActState, Kind, Mode, StepState
from recovery.drp.models import Ask, Run
from recovery.drp.press import ROLE, Press, refuse_now
from recovery.drp.queries.approvals import pulse_of, said_to
from recovery.drp.queries.people import People, database_now, people_of
from recovery.drp.queries.runs import plan_of, question_of
from recovery.drp.queries.seeing import refuse_unseen
from recovery.drp.sights import AskSight, RunSight, StepSight, Waiting
from recovery.drp.waits import ENOUGH, NO, waits

LIFE = timedelta(seconds=LIFE_SECONDS)
HOSTS = "/recovery/runs/#p-drill-hosts"
"""Where drill hosts are listed, and retired."""


@dataclass(frozen=True, slots=True)
class NextView:
    """What somebody of this role does next. `people`: who may, by name; `href`: where; `says`:
    verb and target; `reason`: what of; `said`: who has said yes already, of `wanted` people. No
    `who`: nobody is waited for, the answer has all that it needs."""

    who: str
    people: tuple[str, ...]
    says: str
    reason: str
    href: str
    said: tuple[str, ...] = ()
    wanted: int = 0

    @property
    def waits(self) -> str:
        """What each who has said yes is told."""
        others = " or ".join(self.people) or f"somebody of role {self.who}, of whom there is nobody"
        return f"({len(self.said)} of {self.wanted}); waits for {others}."


@dataclass(frozen=True, slots=True)
class AskLine:
    """An open question. `people`: who may answer it and has not; `unseen`: why nobody's yes would
    count now."""

    id: str
    run: int
    run_name: str
    mode: str
    lost: str
    into: str
    title: str
    asked_at: datetime
    expires_at: datetime
    requested_by: str
    role: str
    people: tuple[str, ...]
    unseen: str = ""


def next_views(row: Run, sight: RunSight) -> tuple[NextView, ...]:
    """The most pressing of each role."""
    people, found = people_of(), {}
    for one in waits(sight):
        if one.who not in found and (one.who or one.reason in {ENOUGH, NO}):
            found[one.who] = _next(row, sight, one, people)
    return tuple(found.values())


def owing_views(row: Run) -> tuple[NextView, ...]:
    """Of a drill that is over: who proves, or does, what is left of its clean-up."""
    found = owed(left_of(row.pk)) if row.mode == Mode.DRILL else ()
    roles = people_of().roles if found else {}
    return tuple(
        NextView(
            one.who,
            tuple(name for name in by_rank(People(roles)) if one.who in roles[name]),
            one.says,
            one.reason,
            HOSTS if one.who else "",
        )
        for one in found
    )


def _next(row: Run, sight: RunSight, one: Waiting, people: People) -> NextView:
    at = f"/recovery/runs/{row.number}/"
    step = sight.steps.get(one.step)
    able = tuple(name for name in by_rank(people) if one.who in people.roles[name])
    if step is None:
        return NextView(one.who, able, _goes_on(sight), "", "")
    title = step.planned.title
    if step.state is StepState.ASKING and step.ask is not None:
        return _asked(row, step, step.ask, one, people)
    there = f"{at}#step-{one.step}"
    if any(act.state is ActState.UNKNOWN for act in step.acts):
        gone = {act.target for act in step.acts if act.state is ActState.UNKNOWN}
        names = [t.name for wave in step.planned.waves for t in wave if t.key in gone]
        said = f"Nobody knows it of {joined(tuple(names))}: look at the target itself."
        return NextView(one.who, able, f"say how “{title}” ended", said, there)
    if step.state is StepState.FAILED:
        verb = "retry or skip" if _may_skip(step, one.who) else "retry"
        return NextView(one.who, able, f"{verb} “{title}”", one.reason, there)
    if step.planned.kind is Kind.MANUAL:
        return NextView(one.who, able, f"do “{title}” and write it down", one.reason, there)
    return NextView(one.who, able, f"look at “{title}”", one.reason, there)


def _goes_on(sight: RunSight) -> str:
    """What is done with the run as such; nobody is led to a press that would be refused."""
    if sight.state == "prepared":
        return "start it"
    return "abort it" if refuse_now(Press.RESUME, sight, "", "") else "resume or abort it"


def _asked(row: Run, step: StepSight, asked: AskSight, one: Waiting, people: People) -> NextView:
    """Whoever may answer it; nobody, once it has what it needs."""
    ask = Ask.objects.select_related("step__run").get(pk=asked.id)
    need, title, yes = step.planned.approval, step.planned.title, yes_of(ask)
    wanted = need.count if need else 1
    if not one.who:
        return NextView("", (), f"“{title}”", one.reason, "", yes, wanted)
    may = tuple(answerers(row, ask, people))
    there = f"/recovery/approve/{ask.pk}/"
    return NextView(one.who, may, f"approve “{title}”", one.reason, there, yes, wanted)


def _may_skip(step: StepSight, role: str) -> bool:
    """Whether it is skipped at all, and by this role."""
    is_high = role in ROLES and ROLES.index(role) >= ROLES.index(ROLE[Press.SKIP])
    return is_high and step.planned.kind not in UNSKIPPABLE


def by_rank(people: People) -> list[str]:
    """Who is there for this very role before those who may do everything."""
    return sorted(people.roles, key=lambda name: (len(people.roles[name]), name))


def yes_of(ask: Ask) -> tuple[str, ...]:
    """Who has said yes to it, the first first."""
    rows = ask.approvals.filter(is_yes=True).order_by("given_at", "pk")
    return tuple(rows.values_list("approver", flat=True))


def answerers(run: Run, ask: Ask, people: People) -> Iterator[str]:
    """Who may say something to it and has not."""
    question = question_of(run, plan_of(run), ask.step, ask)
    said = set(ask.approvals.values_list("approver", flat=True))
    for name in by_rank(people):
        if name not in said and principals(name, question, people):
            yield name


def may_answer(run: Run, ask: Ask, person: str) -> bool:
    """Whether this very person may say something to it, and has not."""
    return person in answerers(run, ask, people_of())


def principals(person: str, question: Question, people: People) -> tuple[str, ...]:
    """Whose rights this person may answer with: their own first, then those that are lent."""
    lent = sorted(giver for giver, taker in people.lent if taker == person)
    pinned = pins()
    return tuple(
        one
        for one in (person, *lent)
        if not refuse_answer(person, one, people.counted(person, one, pinned), question)
    )


def open_asks(unwatched: str = "") -> tuple[AskLine, ...]:
    """Of every run, the oldest first. `unwatched`: why no controller looks, if none does."""
    rows = Ask.objects.filter(state=AskState.OPEN, step__run__state="running")
    asks = list(rows.select_related("step__run__runbook").order_by("asked_at"))
    if not asks:
        return ()
    found, people, fleet = [], people_of(), fleet_at(database_now(), unwatched=unwatched)
    for ask in asks:
        with suppress(TocsinError):  # what cannot be read rings; the page that lists goes on
            if not _is_answered(ask, people):
                found.append(_line(ask, people, fleet))
    return tuple(found)


def _is_answered(ask: Ask, people: People) -> bool:
    """Enough was said to it; the leader begins its step within a round."""
    run = ask.step.run
    question = question_of(run, plan_of(run), ask.step, ask)
    said = said_to(question, ask, people, now=database_now(), pulse=pulse_of(run))
    return weigh(question, said).is_enough


def _line(ask: Ask, people: People, fleet: Fleet) -> AskLine:
    run = ask.step.run
    plan = plan_of(run)
    planned = plan.step(ask.step.name)
    return AskLine(
        id=str(ask.pk),
        run=run.number,
        run_name=str(run),
        mode=run.mode,
        lost=run.lost,
        into=run.into,
        title=planned.title,
        asked_at=ask.asked_at,
        expires_at=ask.asked_at + LIFE,
        requested_by=run.requested_by,
        role=planned.approval.role if planned.approval else "approver",
        people=tuple(answerers(run, ask, people)),
        unseen=refuse_unseen(plan, fleet),
    )
