"""Which questions nobody is left to answer, before anybody starts the plan."""

from __future__ import annotations

import msgspec
import pytest

from recovery.drp.facts import Kind, Mode
from recovery.drp.plan import Need, Plan
from recovery.drp.planning.answering import Right, Unanswered, unanswered
from tests.decisions.drp.steps import plan, step

RESPONDER = frozenset({"viewer", "responder"})
APPROVER = RESPONDER | {"approver"}
SOLE = {"amelie": RESPONDER, "bruno": APPROVER}


def rights(people: dict[str, frozenset[str]], *, unsigned: str = "") -> list[Right]:
    return [Right(name, name, roles, name != unsigned) for name, roles in people.items()]


def asked(
    by: str,
    count: int = 1,
    kind: Kind = Kind.FENCE_DATACENTER,
    of: tuple[str, ...] = (),
    mode: Mode = Mode.DISASTER,
) -> Plan:
    """A plan of one question; emil wrote it, and is not there any more."""
    made = plan(step(kind, approval=Need("approver", count, of)), mode=mode)
    return msgspec.structs.replace(made, requester=by, last_editor="emil")


def found(made: Plan, people: list[Right], askers: tuple[str, ...] = ()) -> Unanswered | None:
    every = unanswered(made, people, askers)
    assert len(every) < 2
    return every[0] if every else None


def test_a_sole_approver_who_asks_for_it_leaves_nobody_to_say_yes() -> None:
    one = found(asked("bruno"), rights(SOLE), ("amelie", "bruno"))
    assert one is not None
    assert one.able == ()
    assert one.said == (
        "“Step one” takes one person of role approver, by passkey: nobody is left."
        " bruno asks for the run, and approves no step of it."
    )
    assert one.todo == "Let amelie ask for it instead: then bruno may approve."
    assert found(asked("amelie"), rights(SOLE)) is None, "somebody else asks"


def test_what_they_lend_helps_as_little_as_their_own_yes() -> None:
    lent = [*rights(SOLE), Right("amelie", "bruno", APPROVER, True)]
    assert found(asked("bruno"), lent) is not None
    assert found(asked("chloe"), lent) is None, "of a run that another person asks for it counts"


def test_who_wrote_it_is_out_too_and_then_it_takes_more_people() -> None:
    people = SOLE | {"emil": APPROVER}
    one = found(asked("bruno"), rights(people), ("bruno",))
    assert one is not None
    assert "emil wrote the runbook, and approves no step of it." in one.said
    assert one.todo == "Give more people the role, and let them register a passkey."


def test_of_two_who_are_wanted_the_one_who_is_left_is_named() -> None:
    one = found(asked("bruno", 2), rights(SOLE | {"chloe": APPROVER}), ("amelie",))
    assert one is not None
    assert one.able == ("chloe",)
    assert "takes 2 people of role approver, by passkey: only chloe is left." in one.said
    assert one.todo == "Let amelie ask for it instead: then bruno may approve."


def test_who_lacks_a_passkey_alone_is_told_to_show_one_or_to_lend() -> None:
    people = rights(SOLE | {"chloe": APPROVER}, unsigned="chloe")
    one = found(asked("bruno"), people)
    assert one is not None
    assert one.lends == ("chloe",)
    assert one.todo.startswith("chloe has the role and no pinned passkey: show one")
    lent = Right("amelie", "chloe", APPROVER, True)
    assert found(asked("bruno"), [*people, lent]) is None, "lent to somebody who has one"
    assert found(asked("bruno", kind=Kind.NOTIFY), people) is None, "that takes a code"


def test_only_those_who_are_named_for_it_count() -> None:
    people = rights(SOLE | {"chloe": APPROVER})
    one = found(asked("amelie", of=("finn",)), people)
    assert one is not None
    assert "of role approver out of finn, by passkey: nobody is left." in one.said


@pytest.mark.parametrize(("mode", "asks"), [(Mode.SIMULATION, False), (Mode.DRILL, True)])
def test_a_simulation_asks_nobody_and_a_drill_does(mode: Mode, asks: bool) -> None:
    assert (found(asked("bruno", mode=mode), rights(SOLE)) is not None) == asks
