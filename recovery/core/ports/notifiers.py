"""The port of channels that carry messages to people."""

from __future__ import annotations

from typing import Protocol

from recovery.core.errors import TocsinError


class NotAccepted(TocsinError):
    """The channel did not take the message; it will be tried again."""


class Notifier(Protocol):
    """A channel that carries a message to people.

    Invariants: `send` returns only when the channel itself accepted the message, with what it
    said; everything else is `NotAccepted`. The same `key` may come twice (a receipt was lost):
    the message carries it, so that people and machines can tell.
    """

    def send(self, *, subject: str, text: str, key: str) -> str:
        """Delivers; the channel's own words as the receipt. Raises `NotAccepted`."""
