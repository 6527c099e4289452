"""Whose word counts: who asked or wrote says yes to nothing, and a step's owner says that it is
done."""

from __future__ import annotations

import msgspec
import pytest

from recovery.drp.approvals.facts import Question
from recovery.drp.approvals.rules import refuse_answer
from recovery.drp.decide import need_of
from recovery.drp.facts import DANGEROUS, Kind, Mode
from recovery.drp.plan import Need
from recovery.drp.press import Press, Presser, refuse_presser
from recovery.drp.sights import RunSight
from tests.decisions.drp.steps import ACTING, plan, step
from tests.support.drp_book import Book

ROLES = ("responder", "approver", "admin")
EVERY = frozenset({"viewer", *ROLES})


@pytest.mark.parametrize("kind", ACTING)
@pytest.mark.parametrize("role", ROLES)
def test_who_asked_or_wrote_approves_no_kind_of_step_for_nobody(kind: Kind, role: str) -> None:
    planned = step(kind, approval=Need(role, 1))
    need = need_of(planned, Mode.DISASTER)
    assert need is not None
    question = Question(
        ask="q", digest="d", run="r", step="one", requester="amelie", editor="emil", role=need.role,
        count=need.count, of=frozenset(), by_passkey=planned.wants_passkey, incarnation=0,
    )  # fmt: skip
    for person, principal in (("amelie", "amelie"), ("emil", "emil"), ("emil", "bruno")):
        assert "somebody else has to approve" in refuse_answer(person, principal, EVERY, question)
        assert "somebody else has to approve" in refuse_answer("bruno", person, EVERY, question)
    assert refuse_answer("bruno", "bruno", EVERY, question) == ""


def one_step(kind: Kind, owner: str = "responder") -> RunSight:
    there = plan(step(kind, owner=owner))
    return Book(msgspec.structs.replace(there, requester="amelie", last_editor="emil")).sight()


@pytest.mark.parametrize("kind", sorted(DANGEROUS))
def test_who_asked_or_wrote_does_not_say_that_what_takes_a_passkey_was_done(kind: Kind) -> None:
    run = one_step(kind)
    for name, word in (("amelie", "asked for"), ("emil", "wrote")):
        why = refuse_presser(Press.TELL, run, Presser(name, EVERY), "one")
        assert why == f"{name} {word} it: somebody else says whether it was done."
    assert refuse_presser(Press.TELL, run, Presser("bruno", EVERY), "one") == ""
    assert refuse_presser(Press.TELL, one_step(Kind.WEBHOOK), Presser("amelie", EVERY), "one") == ""


@pytest.mark.parametrize("owner", ROLES)
def test_what_is_done_by_hand_is_reported_by_the_role_that_owns_it(owner: str) -> None:
    run = one_step(Kind.MANUAL, owner=owner)
    mine = EVERY - set(ROLES[ROLES.index(owner) :])
    why = refuse_presser(Press.REPORT, run, Presser("vera", mine), "one")
    assert f"Step one is done, and written down, by the role {owner}" in why
    assert refuse_presser(Press.REPORT, run, Presser("bruno", mine | {owner}), "one") == ""
    assert refuse_presser(Press.REPORT, run, Presser("vera", mine, frozenset({owner})), "one") == ""
    assert refuse_presser(Press.RETRY, run, Presser("vera", mine), "one") == "", "as before"
