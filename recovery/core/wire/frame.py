"""The base of all frames, and the limits of the protocol."""

from __future__ import annotations

import msgspec

PROTOCOL = 1
MAX_FRAME = 64 * 1024
"""Largest WebSocket frame that either side accepts, in bytes (safety.md A7)."""


class Frame(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, kw_only=True):
    """A message on the socket; its tag is the class's name in lower case."""
