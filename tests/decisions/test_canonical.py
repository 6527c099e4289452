"""One spelling for one value; what was digested with an older version still is what it was."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from recovery.audit.leaves import leaf_data, members
from recovery.brief import canon
from recovery.core.canonical import NotCanonical, Slow, canonical, canonical_quickly
from recovery.drp.plan import digest
from tests.decisions.drp.steps import plan, step
from tests.decisions.tlog.worlds import row


def test_digests_of_plans_are_what_they_were() -> None:
    signed = msgspec.structs.replace(plan(step()), requester="amelie", last_editor="emil")
    assert digest(signed) == "7b3f385aa75cd63973ca01f6f00d999bd5bd2bd06253d2295cd1044f11aff877"
    fourth = msgspec.structs.replace(signed, v=4)
    assert digest(fourth) == "579cee91ddc094d8bfb334cdc01ef2df3ebf36968914ab589f484cc492eb73dc"
    third = msgspec.structs.replace(signed, v=3)
    assert digest(third) == "dd4032ee62ab55dee022b98445edd08b991c175e6f471f4eeb3e24893120ef13"
    second = msgspec.structs.replace(signed, v=2)
    assert digest(second) == "d5ed705bfdfe9395525d6acd70fdca23f36c617b96fec69e97ef099053708518"
    older = msgspec.structs.replace(plan(step()), v=1)
    assert digest(older) == "407350520f57f3c68bf6d0cd91111d529fee9ed2e6d11d73d6946192e266eb68"


def test_the_digest_of_a_brief_is_what_it_was() -> None:
    keys: dict[str, Any] = {"\ud7ff": 1, "\ue000": 2, "\U00010000": 3}
    numbers: list[Any] = [0, -1, 2**53 - 1, True, None]
    there = {"format": canon.FORMAT, "name": "é€\U0001d11e", "n": numbers, **keys}
    found = canon.digest(canon.canonical(there))
    assert found == "b9b61bfd396ce3d8d522614c910d61844795d175438251fd2402e1439b0fade8"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            '{"after": {"n": 0.1, "m": 1.50, "k": 12345678901234567890, "é": "\\u20ac"},'
            ' "actor": {"id": "é"}}',
            "c766c747d6ec4bb271120a8532f95c69569925abcec2ea89c3ad33359645ee3c",
        ),
        (
            '{"a":' * 101 + "1" + "}" * 101,
            "7273913cd12f3702c4f1f5db6126a8363e3002bf7972e3beb855b4b8d96be24d",
        ),
    ],
)
def test_leaves_are_what_they_were(body: str, expected: str) -> None:
    found = hashlib.sha256(leaf_data(7, replace(row(7), body=body))).hexdigest()
    assert found == expected


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (2**53, "2^53 or more"),
        ({"n": -(2**53)}, "2^53 or more"),
        (float("nan"), "no number"),
        ([float("inf")], "no number"),
        ("\ud800", "non-UTF-8"),
        ({"\udfff": 1}, "half a character"),
        ({1: 2}, "keys must be strings"),
        (object(), "unsupported type"),
        (nested(100_000), "no reader follows"),
    ],
)
def test_what_has_no_one_spelling_is_refused_with_its_reason(value: object, said: str) -> None:
    with pytest.raises(NotCanonical, match="everybody reads the same") as caught:
        canonical(value)
    assert said in str(caught.value)


def test_order_of_keys_is_that_of_utf_16() -> None:
    assert canonical({"\U00010000": 1, "\ue000": 2}) == '{"\U00010000":1,"\ue000":2}'.encode()
    assert canonical_quickly({"\ue000": 2, "\U00010000": 1}) == canonical(
        {"\U00010000": 1, "\ue000": 2}
    )
    with pytest.raises(Slow):
        canonical_quickly({"n": object()})


def test_the_members_of_an_object_are_told_apart_without_reading_them() -> None:
    assert members('{"a": {"b": [1, ":,}"]}, "c": "x, \\"y\\": {", "": 3, "d": []}') == {
        "a": '{"b": [1, ":,}"]}',
        "c": '"x, \\"y\\": {"',
        "": "3",
        "d": "[]",
    }
    assert members("{}") == members("[]") == members("[1, 2]") == members("7") == {}
