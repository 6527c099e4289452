"""Whether a restored server replayed all that its plan promised. Pure.

The plan is made of names. What the bytes under them brought back is seen only when a server has
replayed them, and PostgreSQL takes whatever it cannot read for the end of the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from recovery.core.archive.names import Chunk, lsn_number, lsn_text
from recovery.core.archive.plan import Refusal, RestorePlan
from recovery.core.archive.timelines import proves

_PAGE, _HEAD = 8192, 40
"""PostgreSQL's page of the log, and the most that the head of one takes."""


@dataclass(frozen=True, slots=True)
class Replay:
    """Where the server stopped replaying and went on by itself. `is_at_target`: because it met a
    commit of after the moment that was asked for. `rest`: bytes that the record which begins there
    has by its own head; None: that cannot be told."""

    end: int
    is_at_target: bool
    rest: int | None = 0


def replay_of(history: str, rest: int | None = 0) -> Replay:
    """Of the history file with which it began its own timeline; the last line is its own.
    `ValueError` where that says nothing."""
    lines = [line.split(None, 2) for line in history.splitlines() if line and line[0].isdigit()]
    if not lines or len(lines[-1]) < 2:
        raise ValueError("the history of the restored server's timeline says nothing")
    why = lines[-1][2] if len(lines[-1]) > 2 else ""
    return Replay(lsn_number(lines[-1][1]), why.startswith(("before", "after")), rest)


def refuse_short(plan: RestorePlan, replay: Replay, canary: datetime | None) -> Refusal | None:
    """Why less came back than every commit up to `plan.moment`, with the newest moment that did.

    A piece of the log may end within a record, whose rest is in the next one: no commit before the
    piece's moment lies there. An old canary, or an old newest commit, alone proves no lack: nobody
    may have written; so positions are compared, and never times."""
    due = plan.due
    if replay.is_at_target or replay.end >= due or _is_cut_record(replay, due):
        return None
    reached = [each.moment for each in _proving(plan) if each.stop <= replay.end and each.moment]
    newest = max([*reached, *([canary] if canary else [])], default=None)
    said = (
        f"the log could be replayed to {lsn_text(replay.end)} and no further, and it was promised "
        f"to {lsn_text(due)}"
    )
    return Refusal(said, newest)


def _is_cut_record(replay: Replay, due: int) -> bool:
    """Whether what is left there is one record that goes on beyond the end."""
    if replay.rest is None:
        return due - replay.end < _PAGE
    pages = replay.rest // _PAGE + 2
    return bool(replay.rest) and replay.end + replay.rest + pages * _HEAD > due


def _proving(plan: RestorePlan) -> Iterator[Chunk]:
    """Those whose moment holds on the path that is replayed."""
    histories, name = plan.histories, plan.name
    first = {each.timeline: each.switch for each in histories} | {name.timeline: name.stop}
    left = {each.parent: each.switch for each in histories}
    for chunk in plan.chunks:
        if proves(chunk, first.get(chunk.timeline, name.stop), left.get(chunk.timeline)):
            yield chunk
