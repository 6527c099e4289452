"""Who could answer what a plan will ask, as of now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recovery.core.consent import Pin, roles_of
from recovery.drp.approvals.proofs import pins
from recovery.drp.plan import Plan
from recovery.drp.planning.answering import Right, Unanswered, unanswered
from recovery.drp.press import ROLE, Press
from recovery.drp.queries.people import People, people_of


def unanswered_of(plan: Plan) -> tuple[Unanswered, ...]:
    """Questions of this plan that would wait for people who are not there."""
    people = people_of()
    may_ask = [name for name in sorted(people.roles) if ROLE[Press.START] in people.roles[name]]
    may_ask.sort(key=lambda name: len(people.roles[name]))  # who answers nothing is asked first
    return unanswered(plan, tuple(_rights(people, pins())), may_ask)


def _rights(people: People, pinned: Sequence[Pin]) -> Iterator[Right]:
    for person in sorted(people.roles):
        signs = roles_of(person, pinned) is not None
        givers = sorted(giver for giver, taker in people.lent if taker == person)
        for principal in (person, *givers):
            yield Right(person, principal, people.counted(person, principal, pinned), signs)
