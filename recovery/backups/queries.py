"""Rows of backups as facts: a fixed number of queries, however many databases there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import DateTimeField, Exists, Max, OuterRef, Q, QuerySet, Subquery

from recovery.alarms.facts import AlarmState
from recovery.alarms.models import Alarm
from recovery.backups.daily import Made
from recovery.backups.facts import (
    OWN,
    OWN_NAME,
    Copy,
    Database,
    JobWord,
    Point,
    PointState,
    ProofState,
    Site,
    SnapshotState,
    StoreKind,
    Terms,
    terms_of,
)
from recovery.backups.lottery import Ticket
from recovery.backups.models import (
    ArchiveSight,
    BackupReplica,
    Proof,
    RecoveryPoint,
    SnapshotRun,
    Store,
)
from recovery.core.archive.names import instant as moment_at
from recovery.core.errors import Refused
from recovery.core.wire.backups import StoreSpec
from recovery.inventory.facts import DatabaseState, ReplicaState, Role
from recovery.inventory.models import Database as DatabaseRow
from recovery.inventory.models import Datacenter, Replica

PREFIXES = ("backup:", "store:")
"""Of the keys of our alarms."""


@dataclass(frozen=True, slots=True)
class ToRead:
    """One archive to look at. `database`: how the names of its objects begin."""

    replica: UUID
    database: str
    store: Store
    tail: str = ""


def archives_to_follow() -> list[ToRead]:
    """Those with a log that may have gone on since it was read. One that could not be read is left
    to the next whole look: who hangs there keeps nobody else waiting."""
    rows = BackupReplica.objects.exclude(sight__tail="").filter(sight__isnull=False)
    rows = rows.filter(sight__error="")
    rows = rows.exclude(store__kind=StoreKind.SNAPSHOT)
    rows = rows.select_related("store", "database", "sight").order_by("store", "pk")
    return [ToRead(row.pk, row.archive, row.store, row.sight.tail) for row in rows]


def archives_to_read() -> list[ToRead]:
    """Every backup replica, with the store that it lies in."""
    rows = BackupReplica.objects.select_related("store", "database").order_by("store", "pk")
    return [ToRead(row.pk, row.archive, row.store) for row in rows]


def is_configured() -> bool:
    """Whether anybody said where backups lie."""
    return Store.objects.exists()


def database_facts(only: str = "") -> tuple[Database, ...]:
    """Every database (or the one of this name) with its backup replicas, by name."""
    rows = DatabaseRow.objects.select_related("datacenter", "primary__host__datacenter")
    rows = rows.filter(name=only) if only else rows
    return facts_of(rows.order_by("name"), _standbys(only), only)


def facts_of(
    rows: Iterable[DatabaseRow], standbys: Mapping[UUID, Sequence[str]], only: str = ""
) -> tuple[Database, ...]:
    """As `database_facts`, of rows that were read with their places; `standbys`: the datacenters in
    which one of each runs."""
    copies: dict[UUID | None, list[Copy]] = defaultdict(list)
    of = Q(database__name=only) if only else Q(database__isnull=False)
    for row in _replicas().filter(of):
        copies[row.database_id].append(_copy(row))
    return tuple(
        Database(
            key=str(row.pk),
            name=row.name,
            engine=row.engine,
            home=_site(row.datacenter),
            primary=str((row.primary.host if row.primary else row).datacenter),
            copies=tuple(copies[row.pk]),
            standbys=tuple(standbys.get(row.pk, ())),
            is_written=row.state == DatabaseState.SERVING,
            continuous=continuous(),
        )
        for row in rows
    )


def continuous() -> Terms:
    """What this installation promises where a log is archived all the time."""
    promise, warn, page, grace = (timedelta(minutes=each) for each in settings.TOCSIN_RPO_MINUTES)
    return Terms(promise, warn, page, grace, is_continuous=True)


def own_facts() -> Database:
    """Tocsin's own database. Where nobody said in which datacenter it stands (TOCSIN_PLACE), that
    is where its replica 1 lies."""
    rows = list(_replicas().filter(database=None))
    home = Datacenter.objects.filter(name=settings.TOCSIN_PLACE).first()
    if home is None and not settings.TOCSIN_PLACE:
        home = next((row.store.place for row in rows if row.number == 1), None)
    site = _site(home) if home else Site(settings.TOCSIN_PLACE or "an unknown place")
    copies = tuple(_copy(row) for row in rows)
    return Database(OWN, OWN_NAME, "postgresql", site, site.name, copies, continuous=continuous())


def _replicas() -> QuerySet[BackupReplica]:
    passed = RecoveryPoint.objects.filter(
        replica__database=OuterRef("database"),
        replica__number=1,
        moment__gt=OuterRef("sight__moment"),
    ).order_by("at")
    proven = Proof.objects.filter(replica=OuterRef("pk"), state=ProofState.PASSED)
    told = [ProofState.PASSED, ProofState.FAILED]
    ended = Proof.objects.filter(replica=OuterRef("pk"), state__in=told).order_by("-ended_at")
    return (
        BackupReplica.objects.select_related("store__place", "sight", "job", "database")
        .annotate(
            passed_at=Subquery(passed.values("at")[:1], output_field=DateTimeField()),
            disproof=Subquery(ended.values("said")[:1]),
            last_proof=Subquery(ended.values("state")[:1]),
            proven_at=Subquery(proven.order_by("-ended_at").values("ended_at")[:1]),
        )
        .order_by("database__name", "number")
    )


def _copy(row: BackupReplica) -> Copy:
    sight: ArchiveSight | None = getattr(row, "sight", None)
    job = getattr(row, "job", None)
    terms = terms_of(row.engine, row.number)
    is_late_daily = row.number == 2 and not terms.is_continuous
    return Copy(
        key=str(row.pk),
        number=row.number,
        store=row.store.name,
        place=_site(row.store.place) if row.store.place else None,
        since=row.since,
        read_at=sight.read_at if sight else None,
        looked_at=sight.looked_at if sight else None,
        error=sight.error if sight else "",
        point=_point(sight),
        had_point=sight.had_point if sight else False,
        missing=tuple(sight.missing) if sight else (),
        missing_since=sight.missing_since if sight else None,
        is_cut=sight.is_cut if sight else False,
        unusual=sight.unusual if sight else "",
        bytes=sight.bytes if sight else 0,
        job=JobWord(job.ok_at, job.said) if job else None,
        proven_at=row.proven_at,  # type: ignore[attr-defined]  # annotated
        disproof=_disproof(row),
        passed_at=row.passed_at if is_late_daily else None,  # type: ignore[attr-defined]
        state=PointState(row.state),
        state_at=row.state_at,
    )


def _disproof(row: BackupReplica) -> str:
    if row.last_proof != ProofState.FAILED:  # type: ignore[attr-defined]
        return ""
    return str(row.disproof) or "It could not be read back."  # type: ignore[attr-defined]


def _point(sight: ArchiveSight | None) -> Point | None:
    if sight is None or sight.moment is None or sight.seen_at is None:
        return None
    found = ((moment_at(last), moment_at(first)) for last, first in sight.cuts)
    cuts = tuple((last, first) for last, first in found if last and first)
    is_open = sight.opens is not None and sight.opens <= sight.moment
    opens = sight.opens if is_open else None
    return Point(sight.moment, sight.seen_at, sight.lsn, sight.base, opens, cuts)


def _site(row: Datacenter) -> Site:
    return Site(row.name, row.latitude, row.longitude)


def _standbys(only: str) -> dict[UUID, list[str]]:
    """The datacenters in which a standby of each database runs."""
    rows = Replica.objects.filter(role=Role.STANDBY, state=ReplicaState.MEMBER)
    rows = rows.filter(database__name=only) if only else rows
    found: dict[UUID, list[str]] = defaultdict(list)
    wanted = rows.order_by("host__datacenter__position", "host__datacenter__name")
    for database, site in wanted.values_list("database_id", "host__datacenter__name"):
        if site not in found[database]:
            found[database].append(site)
    return found


def unended_keys() -> set[str]:
    """Our conditions that ring or were acknowledged."""
    ours = Q(key__startswith=PREFIXES[0]) | Q(key__startswith=PREFIXES[1])
    rows = Alarm.objects.filter(ours).exclude(state=AlarmState.ENDED)
    return set(rows.values_list("key", flat=True))


def tickets() -> list[Ticket]:
    """Every replica of a database that could be restored now and is not, for the restore lottery.
    No host has the key of Tocsin's own."""
    running = Proof.objects.filter(replica=OuterRef("pk"), state=ProofState.RUNNING)
    unproven = [ProofState.FAILED, ProofState.VOID]
    rows = (
        BackupReplica.objects.filter(
            ~Exists(running), database__isnull=False, sight__moment__isnull=False
        )
        .annotate(
            proven_at=Max("proofs__ended_at", filter=Q(proofs__state=ProofState.PASSED)),
            failed_at=Max("proofs__ended_at", filter=Q(proofs__state__in=unproven)),
        )
        .values_list("pk", "since", "proven_at", "failed_at", "sight__bytes")
    )
    return [
        Ticket(
            str(pk),
            proven or since,
            size,
            failed if failed and (proven is None or failed > proven) else None,
            is_new=proven is None,
        )
        for pk, since, proven, failed, size in rows
    ]


def own_third() -> StoreSpec | None:
    """Where the provider's newest snapshot of Tocsin's own volume appears, if there is one."""
    kept = SnapshotRun.objects.filter(replica__database=None, state=SnapshotState.KEPT)
    run = kept.exclude(volume="").select_related("replica__store").order_by("-begun_at").first()
    if run is None:
        return None
    store = run.replica.store
    folder = f"{store.credentials.get('mounts', '')}/{run.volume}"
    return StoreSpec(name=store.name, kind="folder", folder=folder)


def snapshot_replicas() -> list[BackupReplica]:
    """Those that are a provider's snapshots."""
    rows = BackupReplica.objects.filter(store__kind=StoreKind.SNAPSHOT)
    wanted = rows.select_related("store", "database__primary__host")
    return list(wanted.order_by("database__name"))


def snapshot_runs(replica: BackupReplica) -> list[Made]:
    """The newest runs of one of them."""
    rows = SnapshotRun.objects.filter(replica=replica).order_by("-begun_at")[:10]
    return [Made(row.slot, SnapshotState(row.state), row.ended_at) for row in rows]


def has_point(database: DatabaseRow | None) -> bool:
    """Whether agents have archived something that can be restored: a spool has it too, then."""
    rows = ArchiveSight.objects.filter(replica__database=database, moment__isnull=False)
    return rows.exclude(replica__store__kind=StoreKind.SNAPSHOT).exists()


def snapshot_store_of(host: str) -> Store:
    """The provider's site where this host's volume is."""
    sites = Store.objects.filter(kind=StoreKind.SNAPSHOT)
    at = Q(place__name=own_facts().primary) if host == OWN else Q(place__hosts__name=host)
    found = sites.filter(at).first()
    if found is None:
        raise Refused(
            f"Nobody said where the provider answers for the datacenter of {host}.",
            field="store",
            todo="manage.py store NAME --kind snapshot --place DATACENTER",
        )
    return found
