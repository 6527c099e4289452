"""What is hashed of a row: canonical, complete, and possible for every row."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from decimal import Decimal

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.audit.leaves import Stored, leaf_data
from recovery.core.canonical import canonical_plain, canonical_quickly
from tests.decisions.tlog.worlds import row

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


def test_rfc_8785s_own_example_is_written_byte_for_byte() -> None:
    text = (
        '{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],'
        '"string": "\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/",'
        '"literals": [null, true, false]}'
    )
    body = Stored(1, "7", "t", "host", "h", 1, text)
    assert (
        '"body":{"literals":[null,true,false],"numbers":[{"$number":"333333333.33333329"},1e+30,4.5,'
        '0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    ).encode() in leaf_data(0, body)


@settings(max_examples=60)
@given(VALUES)
def test_the_fast_way_writes_what_the_reference_writes(value: object) -> None:
    assert canonical_quickly(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@settings(max_examples=60)
@given(VALUES)
def test_the_fastest_way_writes_it_too(value: object) -> None:
    assert canonical_plain(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


def test_each_character_is_written_as_the_reference_writes_it() -> None:
    text = "".join(chr(code) for code in range(0x3000)) + "\u2028\ufffe\U0001d11e"
    assert canonical_plain(text) == rfc8785.dumps(text)


@pytest.mark.parametrize(
    "number",
    [
        "0.5", "-0.5", "1.0", "1.50", "1e3", "1E-7", "123456789012345", "1234567890123456",
        "9007199254740991", "9007199254740992", "-9007199254740993", "12345678901234567890",
        "1e400",
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ['{{"n": {0}}}', '{{"n": [7, {0}]}}', '{{"n":[{0},"x"]}}'])
def test_a_number_is_spelled_with_care_wherever_it_stands(number: str, where: str) -> None:
    body = where.format(number)
    found = json.loads(leaf_data(0, replace(row(0), body=body)), parse_float=Decimal)["body"]["n"]
    told = next(
        one for one in (found if isinstance(found, list) else [found]) if one not in (7, "x")
    )
    told = told["$number"] if isinstance(told, dict) else told
    assert Decimal(told) == Decimal(number)


@given(VALUES, st.integers(0, 2**40))
def test_a_line_reads_back_as_the_row_it_is_of(value: object, index: int) -> None:
    stored = replace(row(3), body=json.dumps({"after": value}))
    read = json.loads(leaf_data(index, stored))
    assert read["body"] == {"after": value}
    assert (read["index"], read["id"], read["xid"]) == (index, stored.id, stored.xid)


def test_numbers_that_a_float_cannot_hold_are_kept_as_their_digits() -> None:
    def line(number: str) -> bytes:
        return leaf_data(0, replace(row(0), body=f'{{"n": {number}}}'))

    assert line("12345678901234567890") != line("12345678901234567891")
    assert line("0.12345678901234567890") != line("0.12345678901234567891")
    assert b'{"$number":"12345678901234567890"}' in line("12345678901234567890")
    assert line("1e400") != line("1e401")
    assert line("9007199254740991").count(b"$number") == 0


def test_a_number_that_is_kept_as_its_digits_is_one_with_a_body_that_was_written_so() -> None:
    """The two bodies that differ, say the same, and give one leaf."""
    number, written = ('{"n": 12345678901234567890}', '{"n": {"$number": "12345678901234567890"}}')
    leaves = {leaf_data(0, replace(row(0), body=body)) for body in (number, written)}
    assert len(leaves) == 1
    assert leaf_data(0, replace(row(0), body='{"n": 0.1}')) == leaf_data(
        0, replace(row(0), body='{"n": 0.10}')
    )


def test_no_column_can_change_without_the_leaf() -> None:
    before = leaf_data(5, row(5))
    assert leaf_data(6, row(5)) != before
    changed = [
        replace(row(5), id=7),
        replace(row(5), xid="7"),
        replace(row(5), recorded_at="2026-11-29T00:00:05.000001Z"),
        replace(row(5), object_type="database"),
        replace(row(5), object_id="h6"),
        replace(row(5), object_version=7),
        replace(row(5), body=row(5, "fine").body),
    ]
    assert len({before, *(leaf_data(5, other) for other in changed)}) == len(fields(Stored)) + 1
