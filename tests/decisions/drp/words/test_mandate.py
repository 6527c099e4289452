"""What an agent believes of a step's approvals, with the plan's bytes and its own file of keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from recovery.core.consent import GlassWord, Pin, Word
from recovery.core.mandate import Glass, Mandate, Yes, refuse_mandate
from recovery.drp.approvals.facts import Rule
from recovery.drp.facts import Kind, Mode
from recovery.drp.plan import Need, Plan, canonical, digest
from tests.decisions.drp.steps import plan, step
from tests.support.passkeys import PARTY, Passkey

RUN, NONCE = "11111111-2222-3333-4444-555555555555", "cd" * 32
KEYS = {who: Passkey(who) for who in ("amelie", "bruno", "chloe", "dora", "emil")}


def made(count: int = 2, of: tuple[str, ...] = (), **changes: Any) -> Plan:
    """amelie asked for it, emil wrote it."""
    fence = step(Kind.FENCE_DATACENTER, "fence", approval=Need("approver", count, of))
    there = plan(fence, step(id="other"))
    return msgspec.structs.replace(
        there, **({"requester": "amelie", "last_editor": "emil"} | changes)
    )


def yes(there: Plan, who: str, signer: str = "", nonce: str = NONCE, **changes: str) -> Yes:
    said = {"digest": digest(there), "run": RUN, "step": "fence", "approver": who}
    word = Word(**(said | {"nonce": nonce} | changes))
    return Yes(who, nonce, KEYS[signer or who].sign(word))


def glass(there: Plan, who: str, *rules: Rule, signer: str = "", nonce: str = NONCE) -> Glass:
    word = GlassWord(digest(there), RUN, "fence", who, nonce, rules, "Alone.")
    return Glass(who, nonce, rules, "Alone.", KEYS[signer or who].sign(word))


def refused(
    there: Plan,
    yeses: Sequence[Yes],
    broken: Glass | None = None,
    pins: Sequence[Pin] = (),
    step: str = "fence",
) -> str:
    mandate = Mandate(canonical(there).decode(), RUN, step, tuple(yeses), broken)
    return refuse_mandate(mandate, pins or [key.pin for key in KEYS.values()], PARTY)


def test_enough_people_who_neither_asked_nor_wrote_are_enough() -> None:
    there = made()
    assert refused(there, [yes(there, "bruno"), yes(there, "chloe")]) == ""
    assert "1 of 2" in refused(there, [yes(there, "bruno")])
    assert "1 of 2" in refused(there, [yes(there, "bruno"), yes(there, "bruno")])
    assert "0 of 2" in refused(there, [])


@pytest.mark.parametrize(("who", "said"), [("amelie", "Who asked"), ("emil", "Who wrote")])
def test_who_asked_or_wrote_is_refused_without_any_rows(who: str, said: str) -> None:
    there = made()
    assert said in refused(there, [yes(there, "bruno"), yes(there, who)])


def test_a_plan_that_does_not_say_whose_it_is_is_not_carried_out() -> None:
    for changes in ({"requester": ""}, {"last_editor": ""}, {"v": 1}):
        there = made(1, **changes)
        assert "does not say who asked" in refused(there, [yes(there, "bruno")])


def test_each_other_plan_run_step_person_or_question_is_refused() -> None:
    there = made(1)
    assert refused(there, [yes(there, "bruno")]) == ""
    others = ({"digest": "ab" * 32}, {"run": RUN[:-1] + "6"}, {"step": "other"})
    for other in others:
        said = refused(there, [yes(there, "bruno", **other)])
        assert "another plan, run, step or person" in said
    moved = msgspec.structs.replace(yes(there, "bruno"), nonce="ce" * 32)
    assert "another plan, run, step or person" in refused(there, [moved])
    assert "chloe’s, and not bruno’s" in refused(there, [yes(there, "bruno", "chloe")])
    two = made()
    mixed = [yes(two, "bruno"), yes(two, "chloe", nonce="ce" * 32)]
    assert "one question" in refused(two, mixed)
    assert "no step x" in refused(there, [yes(there, "bruno")], step="x")
    later = made(1, requester="bruno")
    assert refused(later, [yes(there, "bruno")])


def test_who_is_counted_is_what_the_pinned_file_says() -> None:
    there = made(1)
    said = [yes(there, "bruno")]
    for roles in ((), ("responder",), ("admin",)):
        pins = [msgspec.structs.replace(KEYS["bruno"].pin, roles=roles)]
        assert "No pinned key is an approver’s" in refused(there, said, pins=pins)
    named = made(1, ("chloe",))
    assert "who are named" in refused(named, [yes(named, "bruno")])
    assert refused(named, [yes(named, "chloe")]) == ""


def test_a_step_that_names_nobody_takes_one_and_a_simulation_none() -> None:
    there = made()
    other = Word(digest(there), RUN, "other", "bruno", NONCE)
    signed = Yes("bruno", NONCE, KEYS["bruno"].sign(other))
    assert "0 of 1" in refused(there, [], step="other")
    assert refused(there, [signed], step="other") == ""
    played = made(1, mode=Mode.SIMULATION)
    assert "not carried out" in refused(played, [yes(played, "bruno")])


def test_broken_glass_serves_whoever_signed_it_and_nobody_else() -> None:
    there = made()
    alone = glass(there, "amelie", Rule.REQUESTER_APPROVES, Rule.TOO_FEW_PEOPLE)
    assert refused(there, [yes(there, "amelie")], alone) == ""
    assert "1 of 2" in refused(there, [yes(there, "bruno")], alone)
    assert "Who wrote" in refused(there, [yes(there, "emil")], alone)
    one = glass(there, "emil", Rule.EDITOR_APPROVES)
    assert refused(there, [yes(there, "emil"), yes(there, "bruno")], one) == ""
    assert "1 of 2" in refused(there, [yes(there, "emil")], one)


def test_glass_that_is_not_signed_as_it_stands_is_none() -> None:
    there = made(1)
    said = [yes(there, "emil")]
    good = glass(there, "emil", Rule.EDITOR_APPROVES)
    assert refused(there, said, good) == ""
    for bad in (
        glass(there, "emil", Rule.EDITOR_APPROVES, signer="dora"),
        glass(there, "emil", Rule.EDITOR_APPROVES, nonce="ce" * 32),
        msgspec.structs.replace(good, reason="Another."),
        msgspec.structs.replace(good, rules=("editor_approves", "too_few_people")),
        msgspec.structs.replace(good, assertion=said[0].assertion),
    ):
        assert "broke no glass" in refused(there, said, bad)
    pins = [msgspec.structs.replace(key.pin, roles=("approver",)) for key in KEYS.values()]
    assert "an admin’s" in refused(there, said, good, pins)
    as_yes = Yes("emil", NONCE, good.assertion)
    assert refused(made(1, last_editor="dora"), [as_yes])


def test_nonsense_is_no_plan() -> None:
    for text in ("", "{}", "[" * 100_000, json.dumps({"mode": "disaster", "steps": 1})):
        mandate = Mandate(text, RUN, "fence", ())
        assert "cannot be read" in refuse_mandate(mandate, [KEYS["bruno"].pin], PARTY)
