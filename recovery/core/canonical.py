"""One spelling for one value (RFC 8785), so that any tool makes the same bytes and digest again.

Invariants: equal values give equal bytes, in whatever order they were read; what has no such
spelling (a whole number that no JSON reader keeps, NaN, half a character, a type of our own) is
refused with its place in words, and never written otherwise.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import msgspec
import rfc8785

from recovery.core.errors import Refused

SAFE = 2**53
"""Whole numbers below it, and above its negative, are kept by every reader."""
_PLAIN = msgspec.json.Encoder(order="sorted")
_SORTS_OTHERWISE = re.compile("[\ud800-\U0010ffff]")
"""Above these, UTF-16 (RFC 8785) and code points (Python) sort keys in different orders."""


class NotCanonical(Refused):
    """It cannot be written so that everybody reads the same."""


def canonical(value: object) -> bytes:
    """RFC 8785. `NotCanonical` says what of it has no spelling."""
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except rfc8785.IntegerDomainError as error:
        raise _refused(f"a whole number of 2^53 or more: {error}") from error
    except rfc8785.FloatDomainError as error:
        raise _refused(f"no number: {error}") from error
    except UnicodeError as error:
        raise _refused("half a character (a lone surrogate)") from error
    except rfc8785.CanonicalizationError as error:
        raise _refused(str(error)) from error
    except RecursionError as error:
        raise _refused("nesting that no reader follows") from error


def canonical_quickly(value: object) -> bytes:
    """The same bytes, of what holds text, whole numbers below 2^53 and such fractions only that
    Python writes as RFC 8785 does: the standard library's encoder is twenty times faster. Anything
    else in it is `Slow`."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_slow
    )
    return canonical(value) if _SORTS_OTHERWISE.search(text) else text.encode()


def canonical_plain(value: object) -> bytes:
    """The same bytes, of what holds nothing but text, whole numbers below 2^53, true, false, null,
    lists and mappings: four times faster still, and nobody looks whether it does."""
    raw = _PLAIN.encode(value)
    if raw.isascii() or not _SORTS_OTHERWISE.search(raw.decode()):
        return raw
    return canonical(value)


class Slow(TypeError):
    """Holds what has to be spelled with care."""


def _slow(value: object) -> Any:
    raise Slow(type(value).__name__)


def digest(raw: bytes) -> str:
    """SHA-256 of these bytes, in hex."""
    return hashlib.sha256(raw).hexdigest()


def _refused(what: str) -> NotCanonical:
    return NotCanonical(
        f"This cannot be written so that everybody reads the same: it holds {what}.",
        kept="Nothing was written.",
    )
