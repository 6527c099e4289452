"""The port of machines elsewhere that are told what a recovery plan does."""

from __future__ import annotations

from typing import Protocol


class Receiver(Protocol):
    """One address, with the key that it knows us by.

    Invariants: `post` returns only when the receiver itself said that it took it; everything else
    is `NotAccepted`, with its words. The same `id` may come twice (an answer was lost): it is in
    what is signed, so that the receiver can drop the second one.
    """

    def post(self, *, id: str, at: int, body: bytes) -> str:
        """Sends it once, signed; the receiver's word. `at`: seconds since 1970."""
