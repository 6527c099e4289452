"""The panels of backups: what could be got back right now, where it lies, and proof of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.facets.ages import draw_ages, draw_week
from dashboard.screen import Screen
from recovery.backups import screens as rows
from recovery.backups.ages import WEEK, history, week
from recovery.backups.loss import Quote
from recovery.own.words import UNKNOWN

Context = Mapping[str, Any]


def promises(screen: Screen, key: str) -> Context | None:
    """One line on the overview, while something rings about backups."""
    found = screen.broken_promises
    return {"first": found[0], "more": len(found) - 1} if found else None


def backups_voice(screen: Screen, key: str) -> Context:
    """What holds and what does not, in a sentence; without a store what to do."""
    board = screen.backups
    kept = board.looked_after
    tones = [row.tone for row in kept]
    return {
        "board": board,
        "own_is_kept": any(board.own.copies),
        "kept": len(kept),
        "bare": len(board.rows) - len(kept),
        "well": tones.count(""),
        "down": tones.count("down"),
        "risk": tones.count("risk"),
        "unknown": tones.count("unknown"),
        "never": sum(copy.proven_at is None for _, copy in _restorable(screen)),
    }


def backups(screen: Screen, key: str) -> Context | None:
    """The matrix of databases and replicas."""
    board = screen.backups
    if not board.is_configured:
        return None
    kept = any(board.own.copies)
    return {
        "rows": board.rows,
        "own": board.own,
        "own_is_kept": kept,
        "keys": board.keys,
        "keys_tone": "unknown" if board.keys.startswith(UNKNOWN) else "risk",
    }


def backups_loss(screen: Screen, key: str) -> Context | None:
    """The loss quote of each datacenter."""
    board = screen.backups
    is_told = board.looked_after or any(board.own.copies)
    return {"quotes": board.quotes} if is_told and board.quotes else None


def quotes_of_sites(screen: Screen) -> dict[str, Quote]:
    """By datacenter; none while nobody said where backups lie."""
    board = screen.backups
    return {quote.site: quote for quote in board.quotes} if board.looked_after else {}


def backups_ages(screen: Screen, key: str) -> Context | None:
    """How much of each promise was used over the last day, or week (`NAME:7`): of one database, or
    of the one that is worst where none is named."""
    wanted, _, days = key.partition(":")
    names = [row.name for row in screen.backups.looked_after]
    name = wanted or next(iter(names), "")
    is_week = days == str(WEEK.days)
    plot = (draw_week(week(name)) if is_week else draw_ages(history(name))) if name else None
    if plot is None and not (wanted in names and is_week):
        return None
    others = sorted(one for one in names if one != name)
    return {"name": name, "plot": plot, "is_week": is_week, "others": others}


def backups_proofs(screen: Screen, key: str) -> Context | None:
    """Restore tests, and which replica waits longest for one."""
    if not screen.backups.looked_after:
        return None
    copies = _restorable(screen)
    bare = [(name, copy) for name, copy in copies if copy.proven_at is None]
    proven = sorted((copy.proven_at, name, copy.number) for name, copy in copies if copy.proven_at)
    return {
        "rows": rows.proofs(),
        "never": len(bare),
        "oldest": proven[0] if proven else None,
    }


def _restorable(screen: Screen) -> list[tuple[str, rows.CopyView]]:
    """The replicas that something can be restored from, with whose they are."""
    return [
        (row.name, copy) for row in screen.backups.rows for copy in row.copies if copy and copy.at
    ]


def backups_stores(screen: Screen, key: str) -> Context | None:
    found = rows.stores()
    return {"rows": found} if found else None


def database_backups(screen: Screen, key: str) -> Context | None:
    """The three replicas of one database."""
    found = rows.backups_of(key)
    return {"row": found} if found else None
