"""What was read of the archives: the newest sight of each, and a history that stays bounded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from recovery.backups.actions.hours import forget_hours, keep_hours
from recovery.backups.decide import advance
from recovery.backups.facts import Point, Run, Terms, terms_of
from recovery.backups.models import ArchiveSight, BackupRun, RecoveryPoint
from recovery.backups.outliers import LOOKED_AT, outlier
from recovery.backups.reading import FinishedRun, Look, Reading, Step
from recovery.core.archive.names import milliseconds

KEPT_EVERY = timedelta(minutes=1)
"""Where an archive grows all the time; of a daily one every rise is kept."""
KEPT_PROMISES = 48
"""How many promises long the history is: a day, or 48 days."""
KEPT_POINTS = 1500
"""And never more rows a replica."""
KEPT_RUNS = 60
FOLLOWED = ["moment", "seen_at", "lsn", "base", "tail", "followed_at"]
FIELDS = [
    "looked_at", "read_at", "error", "moment", "opens", "cuts", "seen_at", "lsn", "base", "tail",
    "had_point", "missing", "missing_since", "is_cut", "unusual", "bytes", "objects_there",
    "orphans", "last_run", "kept_at", "kept_moment",
]  # fmt: skip


def see_archives(looks: Sequence[Look]) -> list[UUID]:
    """Write what these looks saw; the replicas whose newest restorable moment changed.

    A look that failed changes nothing but its error: the point stays, and its age grows. A look
    that is older than what stands is left out, so that two readers at once do no harm.
    """
    found = {look.replica: look for look in looks}
    with transaction.atomic():
        sights = (
            ArchiveSight.objects.select_for_update(of=("self",))
            .filter(replica__in=found)
            .select_related("replica__database")
            .order_by("pk")
        )
        due = [one for one in sights if _is_newer(found[one.replica_id], one)]
        changed = [one.replica_id for one in due if _note(one, found[one.replica_id])]
        _keep_runs(due, found)
        _keep_points(due)
        keep_hours(due)
        _write(due, FIELDS)
    return changed


def _write(sights: Sequence[ArchiveSight], fields: Sequence[str]) -> None:
    """Rows that are there and locked. `bulk_update` makes a case of each field of each row: 86 ms
    for twelve sights and 2.9 s for 480, where one list of values takes 3 for twelve."""
    ArchiveSight.objects.bulk_create(
        sights,
        update_conflicts=True,
        unique_fields=["replica"],
        update_fields=fields,
        batch_size=500,
    )


def _is_newer(look: Look, sight: ArchiveSight) -> bool:
    return sight.looked_at is None or look.at > sight.looked_at


def _note(sight: ArchiveSight, look: Look) -> bool:
    """Write the look into the row; whether its moment is another one now."""
    sight.looked_at, sight.error = look.at, look.error
    if look.reading is None:
        return False
    reading, before = look.reading, sight.moment
    sight.read_at, sight.opens = look.at, reading.opens
    sight.cuts = [[milliseconds(last), milliseconds(first)] for last, first in reading.cuts]
    _note_point(sight, reading, look.at)
    if not reading.missing:
        sight.missing_since = None
    elif sight.missing_since is None:
        sight.missing_since = look.at
    sight.missing, sight.is_cut = list(reading.missing), reading.is_cut
    sight.bytes, sight.objects_there = reading.bytes, reading.objects
    sight.orphans = reading.orphans
    return sight.moment != before


def _note_point(sight: ArchiveSight, reading: Reading, now: datetime) -> None:
    if reading.moment is None:
        sight.moment, sight.seen_at = None, None
        sight.lsn, sight.base, sight.tail = "", "", ""
        return
    if _was_overtaken(sight, reading, now):
        return
    _rise(sight, reading.moment, reading.lsn, reading.base, now)
    sight.tail, sight.had_point = reading.tail, True


def _was_overtaken(sight: ArchiveSight, reading: Reading, now: datetime) -> bool:
    """This listing began before the log was followed further than it goes, and lacks nothing."""
    if sight.followed_at is None or sight.followed_at <= now or sight.moment is None:
        return False
    return not reading.is_cut and reading.moment is not None and reading.moment <= sight.moment


def _rise(sight: ArchiveSight, moment: datetime, lsn: str, base: str, now: datetime) -> None:
    old = None
    if sight.moment is not None and sight.seen_at is not None:
        old = Point(sight.moment, sight.seen_at)
    point = advance(old, moment, lsn, base, now)
    sight.moment, sight.seen_at, sight.lsn, sight.base = point.moment, point.seen_at, lsn, base


def follow_archives(steps: Sequence[Step]) -> int:
    """Take the points on to where their logs were followed; how many. A step from a tail that a
    whole look has replaced meanwhile is left out."""
    found = {step.replica: step for step in steps}
    with transaction.atomic():
        sights = ArchiveSight.objects.select_for_update().filter(replica__in=found).order_by("pk")
        due = [one for one in sights if _went_on(one, found[one.replica_id])]
        for sight in due:
            step = found[sight.replica_id]
            if step.moment is not None:
                _rise(sight, step.moment, step.lsn, sight.base, step.at)
            sight.tail, sight.followed_at = step.tail, step.at
        _write(due, FOLLOWED)
    return len(due)


def _went_on(sight: ArchiveSight, step: Step) -> bool:
    return sight.tail == step.after and (step.tail, step.moment) != (sight.tail, sight.moment)


def _keep_points(sights: Iterable[ArchiveSight]) -> None:
    rows = []
    for sight in sights:
        at = sight.read_at
        if at is not None and at == sight.looked_at and _is_worth_keeping(sight):
            sight.kept_at, sight.kept_moment = at, sight.moment
            rows.append(RecoveryPoint(replica_id=sight.replica_id, at=at, moment=sight.moment))
    RecoveryPoint.objects.bulk_create(rows, batch_size=1000)


def _is_worth_keeping(sight: ArchiveSight) -> bool:
    """Only what changed: at once where it fell back or is gone, else at the history's pace."""
    if sight.kept_at is None or sight.read_at is None:
        return sight.moment is not None
    last = sight.kept_moment
    if last == sight.moment:
        return False
    if last is None or sight.moment is None or sight.moment < last:
        return True
    return not _terms(sight).is_continuous or sight.read_at - sight.kept_at >= KEPT_EVERY


def _terms(sight: ArchiveSight) -> Terms:
    return terms_of(sight.replica.engine, sight.replica.number)


def _keep_runs(sights: Iterable[ArchiveSight], looks: Mapping[UUID, Look]) -> None:
    """Note the backups that are new in these archives, and whether the newest is unusual."""
    fresh = {
        sight.replica_id: (sight, reading.runs)
        for sight in sights
        if (reading := looks[sight.replica_id].reading) is not None
        and reading.runs
        and reading.runs[-1].backup != sight.last_run
    }
    if not fresh:
        return
    BackupRun.objects.bulk_create(
        [_run(replica, run) for replica, (_, runs) in fresh.items() for run in runs[-KEPT_RUNS:]],
        ignore_conflicts=True,
        batch_size=1000,
    )
    found: dict[UUID, list[Run]] = defaultdict(list)
    for row in BackupRun.objects.filter(replica__in=fresh).order_by("begun_at"):
        seconds = (row.ended_at - row.begun_at).total_seconds()
        found[row.replica_id].append(Run(row.backup, row.bytes, seconds))
    for replica, (sight, runs) in fresh.items():
        sight.last_run = runs[-1].backup
        sight.unusual = outlier(found[replica][-LOOKED_AT - 1 :])


def _run(replica: UUID, run: FinishedRun) -> BackupRun:
    return BackupRun(
        replica_id=replica,
        backup=run.backup,
        begun_at=run.begun,
        ended_at=run.ended,
        bytes=run.bytes,
    )


def forget_points(*, now: datetime) -> int:
    """History older than it is kept goes, and runs beyond the last ones of each replica."""
    gone = 0
    forget_hours(now=now)
    for sight in ArchiveSight.objects.select_related("replica__database"):
        oldest = now - KEPT_PROMISES * _terms(sight).promise
        gone += RecoveryPoint.objects.filter(replica=sight.replica_id, at__lt=oldest).delete()[0]
        points = RecoveryPoint.objects.filter(replica=sight.replica_id).order_by("-at")
        many = list(points.values_list("pk", flat=True)[KEPT_POINTS:])
        gone += RecoveryPoint.objects.filter(pk__in=many).delete()[0]
        runs = BackupRun.objects.filter(replica=sight.replica_id).order_by("-begun_at")
        old = list(runs.values_list("pk", flat=True)[KEPT_RUNS:])
        gone += BackupRun.objects.filter(pk__in=old).delete()[0]
    return gone
