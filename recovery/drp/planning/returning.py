"""What a way back decides about: copies that came back, and the fence they may stand behind. Pure.

Invariant: nobody is asked about a fence that does not stand, or a copy that follows already.
"""

from __future__ import annotations

from dataclasses import replace

from recovery.drp.plan import EXPORT, KEEP, Move
from recovery.drp.planning.inventory import Inventory, Wish
from recovery.drp.runbooks.kinds import Discard, Export, Keep


def came_back(inventory: Inventory, wish: Wish, act: Keep | Export | Discard) -> Inventory:
    """Databases that go back and of which a copy there does not follow yet; of those to be kept or
    exported only the ones of which that was decided."""
    choices = {"keep_copies": {KEEP}, "export_copies": {EXPORT}}.get(act.kind)
    wanted = {
        move.target.id for move in _unsettled(wish) if choices is None or move.choice in choices
    }
    rows = tuple(row for row in inventory.databases if row.id in wanted)
    return replace(inventory, databases=rows)


def waits_behind_fence(site: str, wish: Wish, inventory: Inventory) -> bool:
    """Whether there is anything to let in. Where a person lifted the fence before, what came back
    is still to be set apart by this step."""
    return inventory.site(site).is_fenced or any(
        one.target.type == "database" for one in _unsettled(wish)
    )


def _unsettled(wish: Wish) -> tuple[Move, ...]:
    back = wish.back
    return tuple(one for one in back.moves if one.target.key not in back.settled) if back else ()
