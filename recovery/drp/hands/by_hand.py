"""manual, approval: a person's word ends it."""

from __future__ import annotations

from recovery.drp.sights import Heard, Order, Outcome


class ByHand:
    """Touches nothing: it waits to be told."""

    def act(self, order: Order) -> Outcome:
        return Outcome(Heard.UNDER_WAY, "A person does it.")

    def look(self, order: Order) -> Outcome:
        return Outcome(Heard.UNDER_WAY, "A person does it.")
