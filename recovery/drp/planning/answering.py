"""Which questions of a plan nobody is left to answer, before anybody starts it. Pure.

Invariant: answers are weighed here by the rules that weigh them later, so of a question that is not
named here enough people may say yes, and of one that is they may not, however they are asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from recovery.drp.approvals.facts import Question
from recovery.drp.approvals.rules import refuse, weigh, would_say
from recovery.drp.decide import need_of
from recovery.drp.plan import Need, Plan, PlannedStep
from recovery.drp.runbooks.lint import more_people

NAMED = 3


@dataclass(frozen=True, slots=True)
class Right:
    """With what `person` answers: their own, or what `principal` lends them. `roles`: as far as the
    pinned keys have them too; `signs`: a key of this person is pinned."""

    person: str
    principal: str
    roles: frozenset[str]
    signs: bool

    @property
    def is_own(self) -> bool:
        return self.person == self.principal


@dataclass(frozen=True, slots=True)
class Unanswered:
    """`able`: who could answer, fewer than it takes; `said`: so in words; `todo`: what helps;
    `lends`: whose right would count in another's hand."""

    step: str
    able: tuple[str, ...]
    said: str
    todo: str
    lends: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.said} {self.todo}"


def question_about(plan: Plan, step: PlannedStep) -> Question:
    """What people will be asked about this step: under the policy of the plan, and of the step's
    kind. Of no run yet."""
    need = need_of(step, plan.mode) or Need("approver", 1)
    return Question(
        ask="",
        digest="",
        run="",
        step=step.id,
        requester=plan.requester,
        editor=plan.last_editor,
        role=need.role,
        count=need.count,
        of=frozenset(need.of),
        by_passkey=step.wants_passkey,
        incarnation=0,
    )


def unanswered(
    plan: Plan, rights: Sequence[Right], askers: Collection[str] = ()
) -> tuple[Unanswered, ...]:
    """`askers`: who may ask for a run."""
    asked = [step for step in plan.steps if need_of(step, plan.mode) is not None]
    pairs = [(step, question_about(plan, step)) for step in asked]
    return tuple(
        _unanswered(step, question, rights, askers)
        for step, question in pairs
        if not _is_enough(question, rights)
    )


def _is_enough(question: Question, rights: Sequence[Right]) -> bool:
    every = [
        replace(
            would_say(one.person, one.principal, one.roles, question),
            id=f"{one.person} for {one.principal}",
        )
        for one in rights
        if one.signs or not question.by_passkey
    ]
    return weigh(question, every).is_enough


def _able(question: Question, rights: Sequence[Right]) -> tuple[str, ...]:
    """Each once, in their order."""
    found = (
        one.person
        for one in rights
        if (one.signs or not question.by_passkey)
        and not refuse(would_say(one.person, one.principal, one.roles, question), question)
    )
    return tuple(dict.fromkeys(found))


def _unanswered(
    step: PlannedStep, question: Question, rights: Sequence[Right], askers: Collection[str]
) -> Unanswered:
    able = _able(question, rights)
    people = "one person" if question.count == 1 else f"{question.count} people"
    named = f" out of {', '.join(sorted(question.of))}" if question.of else ""
    how = ", by passkey" if question.by_passkey else ""
    left = f"only {' and '.join(able)} {'is' if len(able) == 1 else 'are'}" if able else "nobody is"
    barred = "".join(_barred(question, rights))
    unsigned = frozenset(_unsigned(question, rights))
    return Unanswered(
        step=step.id,
        able=able,
        said=f"“{step.title}” takes {people} of role {question.role}{named}{how}: {left} left."
        + barred,
        todo=_todo(question, rights, askers, unsigned),
        lends=tuple(sorted(unsigned)),
    )


def _barred(question: Question, rights: Sequence[Right]) -> Iterator[str]:
    """Who has the role and is kept out by a rule, with the rule."""
    free = _able(replace(question, requester="", editor=""), rights)
    if question.requester in free:
        yield f" {question.requester} asks for the run, and approves no step of it."
    if question.editor in free and question.editor != question.requester:
        yield f" {question.editor} wrote the runbook, and approves no step of it."


def _todo(
    question: Question,
    rights: Sequence[Right],
    askers: Collection[str],
    unsigned: frozenset[str],
) -> str:
    """Another asks for it, where that is enough; else it takes more people."""
    others = [
        name
        for name in askers
        if name != question.requester and _is_enough(replace(question, requester=name), rights)
    ]
    if others:
        names = " or ".join(others[:NAMED])
        return f"Let {names} ask for it instead: then {question.requester} may approve."
    return more_people(question.of, unsigned)


def _unsigned(question: Question, rights: Sequence[Right]) -> Iterator[str]:
    """Whose own yes lacks nothing but a pinned key."""
    if not question.by_passkey:
        return
    for one in rights:
        said = would_say(one.person, one.principal, one.roles, question)
        if one.is_own and not one.signs and not refuse(said, question):
            yield one.person
