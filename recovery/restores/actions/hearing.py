"""What agents say of restores: progress for people, never an outcome; and what nobody asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from recovery.backups.facts import ProofState
from recovery.backups.models import Proof
from recovery.core.wire.backups import RestoreFact
from recovery.operations.facts import Verb
from recovery.operations.queries import about_restore
from recovery.restores.facts import UNFINISHED
from recovery.restores.models import Restore, RestoreSight, Stray
from recovery.restores.motion import Word, after, first

MOST_STRAYS = 100
"""Of one host: more are counted once these are gone."""
KEPT = [each.name for each in RestoreSight._meta.get_fields() if each.name != "restore"]


def hear_restores(*, host: UUID, facts: Sequence[RestoreFact], now: datetime) -> None:
    """The newest word of this host about all restores that it holds. What it says of others' has
    no effect on them (A3): whatever it holds that it was not given is a stray, until it is gone."""
    own = Restore.objects.filter(host=host, phase__in=sorted(UNFINISHED)) if facts else ()
    known = {str(row.pk): row.pk for row in own}
    told = {known[fact.restore]: fact for fact in facts if fact.restore in known}
    before = RestoreSight.objects.in_bulk(told) if told else {}
    RestoreSight.objects.bulk_create(
        [_sight(pk, fact, before.get(pk), now) for pk, fact in sorted(told.items())],
        update_conflicts=True,
        unique_fields=["restore"],
        update_fields=KEPT,
    )
    _hear_strays(host, [fact for fact in facts if fact.restore not in known], now)


def _hear_strays(host: UUID, facts: Sequence[RestoreFact], now: datetime) -> None:
    """`since` stays: for how long it was told of without a break."""
    tested = _tested() if facts else set()
    strays = {fact.restore[:64]: fact for fact in facts if fact.restore not in tested}
    Stray.objects.filter(host=host).exclude(restore__in=sorted(strays)).delete()
    Stray.objects.bulk_create(
        [_stray(host, name, strays[name], now) for name in sorted(strays)[:MOST_STRAYS]],
        update_conflicts=True,
        unique_fields=["host", "restore"],
        update_fields=["replica", "state", "bytes"],
    )


def _tested() -> set[str]:
    running = Proof.objects.filter(state=ProofState.RUNNING)
    return {str(pk) for pk in running.values_list("pk", flat=True)}


def _stray(host: UUID, name: str, fact: RestoreFact, now: datetime) -> Stray:
    return Stray(
        host_id=host,
        restore=name,
        replica=fact.replica[:64],
        state=fact.state,
        bytes=fact.done,
        since=now,
    )


def _sight(
    restore: UUID, fact: RestoreFact, before: RestoreSight | None, now: datetime
) -> RestoreSight:
    orders = about_restore(str(restore)).filter(verb=Verb.RESTORE).count()
    word = Word(now, fact.phase[:40], fact.done, fact.still_ms, orders)
    course = after(before.course, word) if before else first(word)
    return RestoreSight(
        restore_id=restore,
        at=now,
        phase=course.phase,
        done=course.done,
        total=fact.total,
        speed=fact.speed,
        left_ms=fact.left_ms,
        moved_at=course.moved_at,
        began_at=course.began_at,
        furthest=course.furthest,
        asked=course.asked,
        begun=course.begun,
        broke_at=course.broke_at,
    )
