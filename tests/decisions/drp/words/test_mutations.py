"""10,000 mutations of an approved plan: each changes the digest, and no step of any starts."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import rfc8785

from recovery.core.consent import Assertion, Word, refuse
from recovery.core.errors import Refused
from recovery.core.mandate import Mandate, Yes, refuse_mandate
from recovery.drp.approvals.facts import Question, Said
from recovery.drp.approvals.rules import weigh
from recovery.drp.facts import Factor
from recovery.drp.plan import Plan, canonical, digest, digest_of, read_plan
from tests.decisions.drp.worlds import plan
from tests.support.passkeys import PARTY, Passkey

MUTATIONS = 10_000
RUN = "11111111-2222-3333-4444-555555555555"


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every value in it, the inner ones too."""
    if path:
        yield path
    inner: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in inner:
        yield from paths(each, (*path, key))


def mutate(value: Any, chance: random.Random) -> Any:
    """Another value of the same kind, or of another."""
    match value:
        case bool() | None:
            return chance.choice(["x", 0, [value]])
        case int():
            return value + chance.choice([-1, 1, 1000])
        case str():
            at = chance.randrange(len(value) + 1)
            return chance.choice([value[:at] + "x" + value[at:], value + " ", value[1:] + "y"])
        case list():
            return (
                [*value, *(copy.deepcopy(value[:1]) or ["x"])]
                if chance.random() < 0.5
                else value[1:] or [{}]
            )
        case dict():
            return {**value, "x": 1}
    raise AssertionError(value)


def mutated(there: Any, way: tuple[Any, ...], chance: random.Random) -> Any:
    """A copy that differs at the end of this way."""
    if not way:
        return mutate(there, chance)
    changed = copy.copy(there)
    if len(way) == 1 and chance.random() < 0.1:
        del changed[way[0]]
    else:
        changed[way[0]] = mutated(there[way[0]], way[1:], chance)
    return changed


def short() -> Plan:
    """A real plan of a few steps: 10,000 whole ones take a minute."""
    there = plan()
    steps = tuple(step for step in there.steps if step.id in {"freeze", "fence", "restore-starter"})
    people = {"requester": "amelie", "last_editor": "emil"}
    return msgspec.structs.replace(there, steps=steps, left_out=there.left_out[:1], **people)


def test_no_step_of_a_plan_that_was_changed_in_any_way_starts() -> None:
    approved = short()
    expected, key = digest(approved), Passkey("bruno")
    word = Word(expected, RUN, "fence", "bruno", "cd" * 32)
    signed = key.sign(word)
    assert refuse(signed, word, [key.pin], PARTY) == ""
    assert refuse_mandate(shown(canonical(approved), signed), [key.pin], PARTY) == ""
    assert weigh(question(expected), [said(expected)]).is_enough
    there = msgspec.json.decode(canonical(approved))
    everywhere, chance = list(paths(there)), random.Random(7)
    started, digests, touched = 0, set(), set()
    for _ in range(MUTATIONS):
        raw = rfc8785.dumps(mutated(there, chance.choice(everywhere), chance))
        now = digest_of(raw)
        digests.add(now)
        touched.add(now == expected)
        try:
            read_plan(raw, expected)
        except Refused:
            pass
        else:
            started += 1
        as_changed = Word(now, RUN, "fence", "bruno", "cd" * 32)
        started += weigh(question(now), [said(expected)]).is_enough
        started += refuse(signed, as_changed, [key.pin], PARTY) == ""
        started += refuse_mandate(shown(raw, signed), [key.pin], PARTY) == ""
    assert started == 0
    assert touched == {False}, "each changes the digest"
    assert len(digests) > MUTATIONS / 10, "they are many different ones"


def shown(raw: bytes, signed: Assertion) -> Mandate:
    """What an agent would be told, with this plan."""
    return Mandate(raw.decode(), RUN, "fence", (Yes("bruno", "cd" * 32, signed),))


def question(of: str) -> Question:
    return Question(
        "q", of, RUN, "fence", "amelie", "emil", "approver", 1, frozenset(), True, 1
    )  # fmt: skip


def said(of: str) -> Said:
    return Said(
        "a", "q", "bruno", "bruno", frozenset({"approver"}), True, Factor.PASSKEY,
        of, RUN, "fence", 1, 1.0, 1.0,
    )  # fmt: skip
