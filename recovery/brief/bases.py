"""The databases that are led in each datacenter: seven statements, whatever their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Greatest

from recovery.backups.facts import Copy, ProofState, terms_of
from recovery.backups.facts import Database as Archived
from recovery.backups.loss import Line, quote_site
from recovery.backups.models import BackupRun, Proof
from recovery.backups.queries import facts_of
from recovery.brief.facts import ArchiveFact, DatabaseFact, ServiceFact
from recovery.brief.standing import Sight, Standby, standby_fact
from recovery.failover.rounds.meter import STALE
from recovery.failover.service import first_of_month, service_of
from recovery.inventory.facts import Durability, Plan, ReplicaState, Role, Verdict
from recovery.inventory.models import Database as DatabaseRow
from recovery.inventory.models import Replica, ReplicaSight, WriteGap, WriteProbe
from recovery.restores.models import Restore
from recovery.traffic import screens as traffic


@dataclass(slots=True)
class Bases:
    """Everything read once. `replicas`: of each database, but for what is retired, by number;
    `members`: those of them that are one; `led`: by datacenter, the databases (ids) whose primary
    is there."""

    now: datetime
    rows: Mapping[UUID, DatabaseRow]
    archived: Mapping[UUID, Archived]
    replicas: Mapping[UUID, list[Replica]]
    members: Mapping[UUID, list[Replica]]
    sights: Mapping[UUID, ReplicaSight]
    probes: Mapping[UUID, WriteProbe]
    gaps: Mapping[UUID, list[tuple[datetime, datetime]]]
    sizes: Mapping[UUID, int]
    led: Mapping[str, list[UUID]] = field(default_factory=dict)

    @property
    def as_of(self) -> datetime | None:
        """The newest look at an archive or word of an agent."""
        looks = [c.looked_at for one in self.archived.values() for c in one.copies if c.looked_at]
        return max([*looks, *(sight.at for sight in self.sights.values())], default=None)

    def copies_in(self, site: str) -> Iterable[Copy]:
        """The backup replicas that lie there."""
        for one in self.archived.values():
            yield from (copy for copy in one.copies if copy.place and copy.place.name == site)

    def facts(
        self, site: str, until: datetime, silent_since: Mapping[UUID, datetime]
    ) -> tuple[DatabaseFact, ...]:
        """Those that are led there. Nothing can have been acknowledged after its primary's host
        (by id) fell silent, else after `until`, but for what its users saw."""
        keys = self.led.get(site, [])
        archived = [replace(self.archived[key], primary=site) for key in keys]
        lines = {line.database: line for line in quote_site(site, archived, self.now).lines}
        return tuple(
            self._fact(self.rows[key], site, self.last_write(key, until, silent_since), lines)
            for key in keys
        )

    def _fact(
        self, row: DatabaseRow, site: str, until: datetime, lines: Mapping[str, Line]
    ) -> DatabaseFact:
        probe = self.probes.get(row.pk)
        primary = self._primary(row.pk)
        away = self._standbys(row, site)
        seen = self._sight(primary.pk) if primary is not None else None
        line = lines.get(row.name)
        return DatabaseFact(
            name=row.name,
            plan=Plan(row.plan),
            engine=row.engine,
            priority=row.priority,
            until=until,
            promise=terms_of(row.engine, 1).promise,
            is_written=self._is_written(probe),
            standbys=tuple(standby_fact(one, seen, until) for one in away),
            archive=self._archive(row.pk, line) if line else None,
            why_not=line.why_not if line else (),
            service=self._service(row, probe),
        )

    def last_write(
        self, database: UUID, until: datetime, silent_since: Mapping[UUID, datetime]
    ) -> datetime:
        """Until when it can have acknowledged: until its primary's host fell silent, else `until`;
        what its users saw later was acknowledged all the same."""
        primary, probe = self._primary(database), self.probes.get(database)
        end = silent_since.get(primary.host_id, until) if primary is not None else until
        return end if probe is None or probe.last_ack_at is None else max(end, probe.last_ack_at)

    def _primary(self, database: UUID) -> Replica | None:
        return next((one for one in self.members[database] if one.role == Role.PRIMARY), None)

    def _standbys(self, row: DatabaseRow, site: str) -> Iterable[Standby]:
        is_safe = row.durability == Durability.SYNCHRONOUS and row.degraded_at is None
        for one in self.members[row.pk]:
            if one.role == Role.STANDBY and one.host.datacenter.name != site:
                yield Standby(
                    replica=str(one.pk),
                    host=one.host.name,
                    site=one.host.datacenter.name,
                    verdict=Verdict(one.host.verdict),
                    is_safe=is_safe,
                    sight=self._sight(one.pk),
                )

    def _sight(self, replica: UUID) -> Sight | None:
        row = self.sights.get(replica)
        if row is None:
            return None
        lag = row.fact.get("lag_ms", -1)
        told = row.fact.get("standbys", ())
        return Sight(
            at=row.at,
            state=row.state,
            position=row.position,
            lag=None if lag < 0 else lag / 1000,
            synchronous=frozenset(one["replica"] for one in told if one.get("is_synchronous")),
        )

    def _archive(self, database: UUID, line: Line) -> ArchiveFact | None:
        if line.used is None or line.at is None or line.used.place is None:
            return None
        key = UUID(line.used.key)
        return ArchiveFact(
            replica=line.used.number,
            store=line.used.store,
            site=line.used.place.name,
            at=line.at,
            bytes=self.sizes.get(key),
            is_unread=line.is_unread,
            read_at=line.used.read_at,
            proven_at=line.used.proven_at,
            error=line.used.error,
        )

    def _is_written(self, probe: WriteProbe | None) -> bool | None:
        """By its users' own word; an old word says nothing."""
        if probe is None or self.now - probe.at > STALE:
            return None
        return probe.failing_since is None and probe.last_ack_at is not None

    def _service(self, row: DatabaseRow, probe: WriteProbe | None) -> ServiceFact:
        known = service_of(
            Plan(row.plan), self.gaps[row.pk], None, self.now, is_measured=probe is not None
        )
        return ServiceFact(
            name=row.name,
            level=f"{row.plan} databases",
            allowed=int(known.allowed),
            used=int(known.used),
            out_since=probe.failing_since if probe is not None else None,
            is_measured=known.is_measured,
        )


def load_bases(now: datetime) -> Bases:
    """Of every datacenter."""
    wanted = DatabaseRow.objects.select_related("datacenter", "primary__host__datacenter")
    rows = {row.pk: row for row in wanted.order_by("name")}
    replicas = _replicas(rows)
    members: dict[UUID, list[Replica]] = defaultdict(list)
    for key, each in replicas.items():
        members[key] = [one for one in each if one.state == ReplicaState.MEMBER]
    archived = facts_of(rows.values(), {key: _away(each) for key, each in members.items()})
    gaps: dict[UUID, list[tuple[datetime, datetime]]] = defaultdict(list)
    found = WriteGap.objects.filter(first_after__gt=first_of_month(now))
    for key, began, ended in found.values_list("database_id", "last_before", "first_after"):
        gaps[key].append((began, ended))
    bases = Bases(
        now=now,
        rows=rows,
        archived={UUID(one.key): one for one in archived},
        replicas=replicas,
        members=members,
        sights={sight.replica_id: sight for sight in ReplicaSight.objects.all()},
        probes={probe.database_id: probe for probe in WriteProbe.objects.all()},
        gaps=gaps,
        sizes=_sizes(),
    )
    bases.led = _led(rows, members)
    return bases


def _replicas(rows: Mapping[UUID, DatabaseRow]) -> dict[UUID, list[Replica]]:
    """Each knows its database's row; one of a database that was made meanwhile is left out."""
    found: dict[UUID, list[Replica]] = {key: [] for key in rows}
    there = Replica.objects.exclude(state=ReplicaState.RETIRED)
    for one in there.select_related("host__datacenter").order_by("number"):
        if (row := rows.get(one.database_id)) is not None:
            one.database = row
            found[row.pk].append(one)
    return found


def _away(members: Iterable[Replica]) -> list[str]:
    """The datacenters in which a standby runs, in the order of the map."""
    sites = {one.host.datacenter for one in members if one.role == Role.STANDBY}
    return [site.name for site in sorted(sites, key=lambda site: (site.position, site.name))]


def _sizes() -> dict[UUID, int]:
    """Bytes that a restore of each replica writes: as many as the newest one of its database wrote,
    where one was tried; its newest backup's otherwise, which may be packed, and is no more."""
    tried = Proof.objects.filter(
        replica__database=OuterRef("replica__database"), state=ProofState.PASSED
    ).order_by("-ended_at")
    done = Restore.objects.filter(
        database=OuterRef("replica__database"), recovered_to__isnull=False
    ).order_by("-number")
    rows = BackupRun.objects.order_by("replica_id", "-begun_at").distinct("replica_id")
    wrote = [Subquery(each.values("bytes")[:1]) for each in (tried, done)]
    most = Greatest("bytes", *wrote)
    return dict(rows.values_list("replica_id", most))


def _led(
    rows: Mapping[UUID, DatabaseRow], members: Mapping[UUID, list[Replica]]
) -> dict[str, list[UUID]]:
    """By the primary that was decided; one that nobody leads belongs where it was made."""
    found: dict[str, list[UUID]] = defaultdict(list)
    for key, row in rows.items():
        led = next((one for one in members[key] if one.role == Role.PRIMARY), None)
        site = led.host.datacenter.name if led is not None else row.datacenter.name
        found[site].append(key)
    return found


def service_fact(name: str, one: traffic.Service) -> ServiceFact:
    """Of an application, as its users see it."""
    return ServiceFact(
        name=name,
        level=one.level,
        allowed=int(one.allowed),
        used=int(one.used),
        out_since=one.out_since,
        is_measured=one.is_measured,
    )
