"""Where two replicas' histories part, and what the log has after that point. Pure.

A history is PostgreSQL's own (`pg_wal/0000000N.history`): each line a timeline and the position at
which it ended; the newest timeline has no end yet.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

NO_END = 1 << 64


@dataclass(frozen=True, slots=True)
class Ended:
    """One timeline of a history and the position at which it ended."""

    timeline: int
    end: int


@dataclass(frozen=True, slots=True)
class Fork:
    """The last timeline that both have, and the position up to which both have it."""

    timeline: int
    position: int


def position(text: str) -> int:
    """`1/A0` in bytes."""
    high, _, low = text.strip().partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def lsn(number: int) -> str:
    """Bytes as PostgreSQL writes them."""
    return f"{number >> 32:X}/{number & 0xFFFFFFFF:X}"


def history(timeline: int, text: str) -> tuple[Ended, ...]:
    """The history of a timeline out of its file's text; timeline 1 has none."""
    found = []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if len(words) >= 2:
            found.append(Ended(int(words[0]), position(words[1])))
    return (*found, Ended(timeline, NO_END))


def fork(mine: tuple[Ended, ...], theirs: tuple[Ended, ...]) -> Fork | None:
    """Where the two part; None where they have no timeline in common."""
    last = None
    for one, other in zip(mine, theirs, strict=False):
        if one.timeline != other.timeline:
            break
        last = Fork(one.timeline, min(one.end, other.end))
        if one.end != other.end:
            break
    return last


_RECORD = re.compile(r"^rmgr: (\S+)\s.*?tx:\s+(\d+), lsn: (\S+),.*? desc: ([\w+]+)(.*)$")
_RELATION = re.compile(r"rel \d+/(\d+)/(\d+)")
_ROWS = re.compile(r"ntuples:? (\d+)")
_SUBTRANSACTIONS = re.compile(r"subxacts: ([\d ]+)")
_KINDS = {
    "INSERT": "inserted",
    "INSERT+INIT": "inserted",
    "MULTI_INSERT": "inserted",
    "UPDATE": "changed",
    "HOT_UPDATE": "changed",
    "DELETE": "deleted",
}


@dataclass(slots=True)
class Tail:
    """What a stretch of the log holds. `rows`: by (database, file, kind, transaction); `at`: when a
    transaction committed, in the server's words."""

    records: int = 0
    committed: set[int] = field(default_factory=set)
    at: dict[int, str] = field(default_factory=dict)
    rows: Counter[tuple[int, int, str, int]] = field(default_factory=Counter)

    def counted(self) -> dict[tuple[int, int], Counter[str]]:
        """(database, file) → rows by kind, without those of transactions that did not commit."""
        found: dict[tuple[int, int], Counter[str]] = {}
        for (database, file, kind, transaction), number in self.rows.items():
            if transaction in self.committed:
                found.setdefault((database, file), Counter())[kind] += number
        return found


def tail(dump: str) -> Tail:
    """pg_waldump's text, read."""
    found = Tail()
    for line in dump.splitlines():
        record = _RECORD.match(line)
        if record is None:
            continue
        manager, transaction, _, what, rest = record.groups()
        found.records += 1
        if manager == "Transaction" and what.startswith("COMMIT"):
            more = _SUBTRANSACTIONS.search(rest)
            all_of_it = {int(transaction), *map(int, more.group(1).split() if more else ())}
            found.committed |= all_of_it
            found.at |= dict.fromkeys(all_of_it, rest.partition(";")[0].strip())
        elif manager in ("Heap", "Heap2"):
            _count(found, int(transaction), what, rest)
    return found


def _count(found: Tail, transaction: int, what: str, rest: str) -> None:
    kind, relation = _KINDS.get(what), _RELATION.search(rest)
    if kind is None or relation is None:
        return
    several = _ROWS.search(rest) if what == "MULTI_INSERT" else None
    key = (int(relation.group(1)), int(relation.group(2)), kind, transaction)
    found.rows[key] += int(several.group(1)) if several else 1
