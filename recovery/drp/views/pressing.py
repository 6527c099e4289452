"""Whose it is to press something in a run, before any form is offered.

Invariant: who is offered a form may press it as far as it is about who they are, and their run and
step were ones of which that could be asked when they opened the page; what refuses it since
(another person who was first) is said once it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from recovery.drp.facts import RunState
from recovery.drp.press import ROLE, Press, refuse_abort, refuse_ever, refuse_now, refuse_who
from recovery.drp.queries.people import People, people_of
from recovery.drp.sights import RunSight
from recovery.drp.views.waiting import by_rank


@dataclass(frozen=True, slots=True)
class Barred:
    """Why no form is offered; `able`: who may press it, by name. `is_theirs`: it is about this
    person, and not so for everybody."""

    why: str
    able: tuple[str, ...] = ()
    is_theirs: bool = True


def barred(run: RunSight, press: Press, step: str, person: str) -> Barred | None:
    """None where this person may."""
    if why := refuse_ever(press, run, step):
        return Barred(why, is_theirs=False)
    people = people_of()
    why = refuse_who(press, run, people.presser(person), step)
    return Barred(why, able(run, press, step, people)) if why else None


def barred_now(run: RunSight, press: Press, step: str, key: str, person: str) -> Barred | None:
    """Before anybody fills a form in: None where run and step are ones of which this can be
    asked."""
    why = refuse_now(press, run, step, key, person)
    return Barred(why, is_theirs=False) if why else None


def barred_abort(state: RunState) -> Barred | None:
    """The same of an abort, by the run's state alone: it may be that nothing else can be read."""
    why = refuse_abort(state, frozenset({ROLE[Press.ABORT]}), "It was said.")
    return Barred(why, is_theirs=False) if why else None


def able(run: RunSight, press: Press, step: str, people: People) -> tuple[str, ...]:
    """Everybody whose it is, who is there for it before those who may do everything."""
    return tuple(
        name for name in by_rank(people) if not refuse_who(press, run, people.presser(name), step)
    )
