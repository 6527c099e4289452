"""What is sealed of an entry: one line of canonical JSON (RFC 8785), all of its row in it.

Invariants: the same row gives the same bytes on every machine; a change of any column gives others,
but where a body still says the same: numbers of one value are one (0.1 and 0.10), and one that is
kept as `{"$number": "its digits"}`, because RFC 8785's numbers cannot hold it exactly, is one with
a body that was written so; no row exists that cannot be written: a body nested deeper than any
reader follows is kept as its text, under another `v`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from recovery.core.canonical import Slow, canonical, canonical_plain, canonical_quickly

VERSION, AS_TEXT = 1, 2
DEEPEST = 100
_SAFE = 15
"""Digits that every JSON number of RFC 8785 keeps."""
_MARKS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]')


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of the log as PostgreSQL tells it; `body`, `recorded_at` and `xid` as text."""

    id: int
    xid: str
    recorded_at: str
    object_type: str
    object_id: str
    object_version: int
    body: str


def leaf_data(index: int, row: Stored) -> bytes:
    """The bytes whose hash is leaf `index` of the tree; a line of every export."""
    if is_deep(row.body):
        return canonical_plain(_leaf(index, row, row.body, AS_TEXT))
    try:
        plain = canonical_plain(_leaf(index, row, _READ.decode(row.body)))
        if _LONG not in plain.translate(_AS_NINES):
            return plain
    except msgspec.MsgspecError:  # a fraction, for one
        pass
    body = json.loads(row.body, parse_int=_whole, parse_float=_fraction)
    return _written(_leaf(index, row, body))


def _leaf(index: int, row: Stored, body: object, v: int = VERSION) -> dict[str, object]:
    return {
        "body": body,
        "id": row.id,
        "index": index,
        "object_id": row.object_id,
        "object_type": row.object_type,
        "object_version": row.object_version,
        "recorded_at": row.recorded_at,
        "v": v,
        "xid": row.xid,
    }


def _refuse_fraction(digits: str) -> None:
    raise ValueError(f"{digits} is spelled with care")


_READ = msgspec.json.Decoder(float_hook=_refuse_fraction)
_LONG, _AS_NINES = b"9" * 16, bytes.maketrans(b"012345678", b"999999999")
"""So many digits in a row may be a number that no double holds."""


def is_deep(body: str) -> bool:
    """Whether it nests deeper than `DEEPEST`: not left to how deep this Python can go."""
    if body.count("{") + body.count("[") <= DEEPEST:
        return False
    depth = deepest = 0
    for mark in _MARKS.findall(body):
        depth += (mark in "{[") - (mark in "}]")
        deepest = max(deepest, depth)
    return deepest > DEEPEST


def members(body: str) -> dict[str, str]:
    """Of an object, name → its value as JSON text, however deep it nests."""
    found: dict[str, str] = {}
    name: str | None = None
    begun = depth = 0
    for match in _MARKS.finditer(body):
        mark, text = match.group(), body[begun : match.start()].strip()
        depth += (mark in "{[") - (mark in "}]")
        if depth == 1 and mark == ":":
            name, begun = json.loads(text), match.end()
        elif name is not None and (depth, mark) in {(1, ","), (0, "}")}:
            found[name], name, begun = text, None, match.end()
        elif depth == 1 and not begun:
            begun = match.end()
    return found


def _written(value: object) -> bytes:
    """RFC 8785, of what `_whole` and `_fraction` read."""
    try:
        return canonical_quickly(value)
    except Slow:
        return canonical(_exact(value))


def _whole(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _SAFE else Decimal(digits)


def _fraction(digits: str) -> float | Decimal:
    """A float where Python writes it as RFC 8785 does: as it came, no exponent, no `.0`."""
    near = float(digits)
    plain = repr(near) == digits and "e" not in digits and not digits.endswith(".0")
    return near if plain else Decimal(digits)


def _exact(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _exact(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_exact(inner) for inner in value]
    return _number(value) if isinstance(value, Decimal) else value


def _number(value: Decimal) -> object:
    """A float or whole number that is exactly this one, else its digits."""
    if value == value.to_integral_value() and abs(value) < 2**53:
        return int(value)
    near = float(value)
    if abs(near) != float("inf") and Decimal(repr(near)) == value:
        return near
    return {"$number": str(value)}
