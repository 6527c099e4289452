"""What is sealed of an entry: one line of canonical JSON (RFC 8785), all of its row in it.

Invariants: the same row gives the same bytes on every machine; any change of what a column says
gives others (numbers of one value, as 0.1 and 0.10, are one); no row exists that cannot be written
so: what RFC 8785's numbers cannot hold exactly is kept as `{"$number": "its digits"}`, a body
nested deeper than any reader follows as its text, under another `v`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import rfc8785

VERSION, AS_TEXT = 1, 2
DEEPEST = 100
_SAFE = 15
"""Digits that every JSON number of RFC 8785 keeps."""
_MARKS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]')
_SORTS_OTHERWISE = re.compile("[\ud800-\U0010ffff]")
"""Above these, UTF-16 (RFC 8785) and code points (Python) sort keys in different orders."""


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
    deep = _is_deep(row.body)
    read = json.loads
    return canonical(
        {
            "body": row.body if deep else read(row.body, parse_int=_whole, parse_float=_fraction),
            "id": row.id,
            "index": index,
            "object_id": row.object_id,
            "object_type": row.object_type,
            "object_version": row.object_version,
            "recorded_at": row.recorded_at,
            "v": AS_TEXT if deep else VERSION,
            "xid": row.xid,
        }
    )


def _is_deep(body: str) -> bool:
    """Whether it nests deeper than `DEEPEST`: not left to how deep this Python can go."""
    if body.count("{") + body.count("[") <= DEEPEST:
        return False
    depth = deepest = 0
    for mark in _MARKS.findall(body):
        depth += (mark in "{[") - (mark in "}]")
        deepest = max(deepest, depth)
    return deepest > DEEPEST


class _Slow(TypeError):
    """Holds a number that C's encoder would write in another way than RFC 8785."""


def canonical(value: object) -> bytes:
    """RFC 8785, of what `_whole` and `_fraction` read. Nearly every entry holds plain text and
    small numbers, for which the standard library's encoder writes the same bytes twenty times
    faster."""
    try:
        text = json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_slow
        )
    except _Slow:
        return rfc8785.dumps(_exact(value))
    return rfc8785.dumps(value) if _SORTS_OTHERWISE.search(text) else text.encode()  # type: ignore[arg-type]


def _slow(value: object) -> object:
    raise _Slow(type(value).__name__)


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
