"""Names whatever a plan leaves as it is, as a person does who starts it nevertheless."""

from __future__ import annotations

from recovery.drp import queries
from recovery.drp.facts import Mode
from recovery.drp.models import RunbookVersion
from recovery.drp.planning.inventory import Wish
from recovery.drp.planning.leaving import leaving
from recovery.drp.planning.resolve import resolve
from recovery.drp.runbooks.reading import reread_runbook


def named(row: RunbookVersion, wish: Wish) -> frozenset[str]:
    book = reread_runbook(row.raw.encode(), f"{row.name}.yaml")
    there = queries.inventory("drill" if wish.mode is Mode.DRILL else "production")
    found = leaving(resolve(book, row.digest, wish, there))
    return frozenset(found.asked if found else ())
