"""The runbooks that are shipped, as far as nobody has taken them over, and whether one is in force
for a disaster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from recovery.core.errors import TocsinError
from recovery.drp.facts import Mode
from recovery.drp.models import RunbookVersion
from recovery.drp.runbooks.folder import read_folder
from recovery.drp.runbooks.reading import reread_runbook
from recovery.drp.runbooks.states import RunbookState

NO_BOOK = "No runbook for a disaster is in force: nothing could be started after a decision."


@dataclass(frozen=True, slots=True)
class Shipped:
    """One of the folder. `draft`: the version that somebody wrote and nobody has made active."""

    name: str
    title: str
    steps: int
    raw: bytes
    draft: int = 0
    written_by: str = ""


def shipped() -> tuple[Shipped, ...]:
    """Those of which no version is in force, by name."""
    rows = RunbookVersion.objects.order_by("number")
    active = {row.name for row in rows if row.state == RunbookState.ACTIVE}
    drafts = {row.name: row for row in rows if row.state == RunbookState.DRAFT}
    return tuple(one for one in _offered(drafts) if one.name not in active)


def _offered(drafts: dict[str, RunbookVersion]) -> Iterator[Shipped]:
    for written in read_folder(Path(settings.ROOT) / "deploy" / "runbooks").values():
        book = written.runbook
        if book is None:
            continue
        row = drafts.get(book.runbook)
        draft, by = (row.number, row.written_by) if row else (0, "")
        yield Shipped(book.runbook, book.title, len(book.steps), written.raw, draft, by)


def missing_book() -> str:
    """Why a disaster could not be led by a runbook now; empty where it could."""
    rows = RunbookVersion.objects.filter(state=RunbookState.ACTIVE)
    texts = rows.values_list("name", "raw")
    return "" if any(Mode.DISASTER in _modes(name, raw) for name, raw in texts) else NO_BOOK


@lru_cache(maxsize=64)
def _modes(name: str, raw: str) -> frozenset[Mode]:
    """None of what cannot be read: that rings by itself."""
    try:
        return frozenset(reread_runbook(raw.encode(), f"{name}.yaml").modes)
    except TocsinError:
        return frozenset()
