"""What a switchover meets at the moment that a person asks for it: rows → the decider's own no.

Invariant: it is the decision that is made again before anything is closed (`analyse`), on the rows
of now. Whoever asks has no memory of earlier looks, as the leader has: a lease counts as renewed
just now, and a word is as old as its row says. So this refuses what is known already, and promises
nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from recovery.failover.begin import refuse_switchover
from recovery.failover.facts import Around
from recovery.failover.queries import current_policy
from recovery.failover.rounds.loading import Loader
from recovery.failover.rounds.memory import Memory, Word
from recovery.failover.rounds.rows import Rows, read_rows
from recovery.inventory.models import Database, Replica

ALLOWED = 2.0
"""Seconds by which a word may look older here: it was written on another machine's clock."""
NOW = 0.0
"""Of a look that has none before it."""


def refuse_asked(
    database: Database,
    target: Replica,
    around: Around,
    failing: Collection[str],
    *,
    now: datetime,
) -> str:
    """Why a switchover to `target` would be given up at once; "": nothing is known against it."""
    policy = current_policy()
    policy = replace(policy, heard_within=policy.heard_within + ALLOWED)
    rows = read_rows(now, [database.pk])
    loader = Loader(
        rows=rows,
        memory=Memory(words=_words(rows, now)),
        policy=policy,
        now=now,
        monotonic=NOW,
        around=around,
        failing=frozenset(failing),
    )
    return refuse_switchover(loader.facts(database.pk), policy, NOW, target=str(target.pk))


def _words(rows: Rows, now: datetime) -> dict[str, Word]:
    return {
        str(key): Word(
            sight.heard, NOW - max(0.0, (now - sight.at).total_seconds()), sight.position
        )
        for key, sight in rows.sights.items()
    }
