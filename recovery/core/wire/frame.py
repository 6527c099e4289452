"""The base of all frames, and the limits of the protocol."""

from __future__ import annotations

from typing import Annotated

import msgspec

PROTOCOL = 1
MAX_FRAME = 64 * 1024
"""Largest WebSocket frame that either side accepts, in bytes (safety.md A7)."""
Whole = Annotated[int, msgspec.Meta(ge=-(2**63) + 1, le=2**63 - 1)]
"""A number of an agent's that is written into a row: one that fits into none is refused alone,
and takes nobody else's words with it."""


class Frame(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, kw_only=True):
    """A message on the socket; its tag is the class's name in lower case."""
