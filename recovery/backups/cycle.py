"""One look at every archive: read, judge, tell. Celery pokes it; what it finds are rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from recovery import wiring
from recovery.audit.facts import Actor
from recovery.backups import actions, queries
from recovery.backups.decide import PROVEN_WITHIN, conditions
from recovery.backups.looking import LISTED_WITHIN, Opener, follow, look_at
from recovery.backups.models import Store
from recovery.core.ports import ObjectStore
from recovery.own.folder import OwnFolder

ACTOR = Actor("worker", "backups")


def open_store(row: Store) -> ObjectStore:
    """As its row says, with its credentials unsealed."""
    return wiring.store_at(
        kind=row.kind,
        name=row.name,
        address=row.address,
        bucket=row.bucket,
        credentials=row.credentials,
        patience=LISTED_WITHIN - 2,
    )


def read_archives(*, opened: Opener, now: datetime) -> int:
    """Ask every store what it holds; how many newest restorable moments changed. What cannot be
    asked keeps what was read last, with the reason."""
    looks = look_at(queries.archives_to_read(), opened=opened, now=now)
    return len(actions.see_archives(looks))


def follow_archives(*, opened: Opener, now: datetime) -> int:
    """Between two looks: how far each log went on; how many did. So a quote is seconds old."""
    return actions.follow_archives(follow(queries.archives_to_follow(), opened=opened, now=now))


def hear_own(folder: Path) -> None:
    """What the process that archives Tocsin's own database said last, on this machine; and it is
    told where its replica 3 can be read."""
    own = OwnFolder(folder)
    told = own.told()
    if told is None:
        return
    actions.hear_own(fact=told.fact, keys=told.keys, at=told.at)
    actions.note_own_proofs(proofs=told.proofs, actor=ACTOR)
    third = queries.own_third()
    if third is not None:
        own.put_third(third)


def judge_promises(*, now: datetime) -> int:
    """States and alarms by what was read so far, and by the time that has passed since."""
    known = queries.is_configured()
    databases = (*queries.database_facts(), queries.own_facts()) if known else ()
    kept = [one for one in databases if one.copies]
    within = timedelta(days=settings.TOCSIN_PROVEN_WITHIN_DAYS) or PROVEN_WITHIN
    found = conditions(databases, now, proven_within=within) if kept else ()
    moved = actions.move_states(databases, actor=ACTOR, now=now)
    actions.ring_conditions(found, actor=ACTOR, now=now)
    return moved
