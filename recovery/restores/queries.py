"""Rows as facts: what could be restored, where it could go, and how each restore stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q

from recovery.backups.facts import Copy, LoanState, Site, SnapshotState, StoreKind, terms_of
from recovery.backups.models import BackupReplica, Loan, SnapshotRun
from recovery.backups.queries import database_facts
from recovery.backups.words import instant
from recovery.failover.models import Lease
from recovery.failover.rounds.memory import Word
from recovery.failover.watch import LeaseWatch
from recovery.inventory.facts import DatabaseState, Plan, ReplicaState, Verdict
from recovery.inventory.models import Database, Datacenter, Host, Replica, ReplicaSight
from recovery.inventory.queries import deaf_since, host_deaf_since
from recovery.operations.facts import UNDER_WAY, Verb
from recovery.operations.models import Operation
from recovery.operations.queries import about_restore
from recovery.restores import ordered
from recovery.restores.choices import choose, place, refuse_agreed, refuse_source
from recovery.restores.dropping import drops_stray
from recovery.restores.facts import (
    UNFINISHED,
    Choice,
    Facts,
    Home,
    HostSight,
    LoanSight,
    OrderSight,
    Phase,
    Place,
    Result,
    Source,
)
from recovery.restores.in_place import place_here
from recovery.restores.lost import GONE, UNSEEN, LeaseSight
from recovery.restores.models import Restore, Stray
from recovery.restores.standings import (
    HEARD_WITHIN,
    Hearing,
    heard_at,
    is_undecided,
    lead_of,
    leader_of,
    members_of,
    said_of,
    unfinished_failover,
)

DISCARDED_WITHIN = timedelta(days=30)
UNKEPT = "no snapshot of it is kept at the provider yet."


@dataclass(frozen=True, slots=True)
class Leases:
    """The leases of databases as the leading controller watches them, at `now` of its own clock.
    One that it has not looked at may have been renewed this very moment (B3). `words`: the newest
    of each replica's agent."""

    watches: Mapping[str, LeaseWatch] = field(default_factory=dict)
    now: float = 0.0
    words: Mapping[str, Word] = field(default_factory=dict)

    def hears(self, sight: ReplicaSight) -> bool:
        """Whether this leader has heard its agent just now. A row that is newer than the word that
        is known here was heard later still."""
        word = self.words.get(str(sight.replica_id))
        return word is not None and word.age(self.now) <= HEARD_WITHIN

    def sight(self, database: Database) -> LeaseSight | None:
        """None: its old primary lived by none."""
        row = Lease.objects.filter(database=database).first()
        return None if row is None else self.sight_of(row)

    def sight_of(self, row: Lease) -> LeaseSight:
        """Of this very row."""
        number = (row.epoch, row.incarnation, row.sequence)
        watch, left = self.watches.get(str(row.database_id)), UNSEEN
        if watch is not None:
            seen = watch.row
            same = (seen.epoch, seen.incarnation, seen.sequence) == number
            left = watch.left(self.now) if same else UNSEEN
        return LeaseSight(number, left, row.revoked)


def hearing(leases: Leases | None, now: datetime) -> Hearing:
    """The leader's ears, or for want of a leader the time in the row."""
    return heard_at(now) if leases is None else leases.hears


def lost_sites() -> frozenset[str]:
    """Datacenters of which no host is left."""
    rows = Datacenter.objects.annotate(
        all=Count("hosts"), gone=Count("hosts", filter=Q(hosts__verdict__in=sorted(GONE)))
    )
    return frozenset(row.name for row in rows if row.all and row.all == row.gone)


def sources_of(database: Database) -> tuple[Source, ...]:
    """Its backup replicas, by number."""
    unkept = _unkept(database)
    found = next(iter(database_facts(only=database.name)), None)
    return tuple(
        Source(
            key=copy.key,
            number=copy.number,
            store=copy.store,
            site=copy.place,
            at=copy.point.at if copy.point else None,
            unusable=UNKEPT if copy.key in unkept else "",
            disproof=copy.disproof,
            unread=_unread(copy),
            opens=copy.point.opens if copy.point else None,
            cuts=copy.point.cuts if copy.point else (),
        )
        for copy in (found.copies if found else ())
    )


def _unread(copy: Copy) -> str:
    """What is promised of it is older than the newest look, which failed."""
    if not copy.error:
        return ""
    return f"not read since {instant(copy.read_at)}: {copy.error}" if copy.read_at else copy.error


def _unkept(database: Database) -> frozenset[str]:
    """Those of a provider that has no whole snapshot: no volume can be made of them."""
    kept = SnapshotRun.objects.filter(replica=OuterRef("pk"), state=SnapshotState.KEPT)
    rows = BackupReplica.objects.filter(database=database, store__kind=StoreKind.SNAPSHOT)
    return frozenset(str(pk) for pk in rows.exclude(Exists(kept)).values_list("pk", flat=True))


def loan_of(borrower: UUID) -> LoanSight | None:
    """The volume that was asked for in this name."""
    row = Loan.objects.filter(borrower=borrower).first()
    return LoanSight(LoanState(row.state), row.said) if row else None


def site_of(database: Database) -> Site:
    """Where it belongs."""
    row = database.datacenter
    return Site(row.name, row.latitude, row.longitude)


def home_of(database: Database) -> Home:
    """Where it belongs, and the host that is gone."""
    led = leader_of(database)
    old = led.host if led else None
    return Home(
        site=database.datacenter.name,
        host=str(old.pk) if old else "",
        rack=str(old.rack_id) if old else "",
        lost=lost_sites(),
    )


def hosts_for(database: Database) -> tuple[HostSight, ...]:
    """Every host, as one that this database could go to: not where another copy of it lives."""
    members = Replica.objects.exclude(state=ReplicaState.RETIRED).filter(port=database.port)
    led = leader_of(database)
    own = Q(database=database) & (Q(host__verdict__in=sorted(GONE)) | Q(pk=led and led.pk))
    taken = {row.host_id: str(row) for row in members.exclude(own).select_related("database")}
    return _hosts(taken)


def all_hosts() -> tuple[HostSight, ...]:
    """Every host, as one that could take a server which listens nowhere."""
    return _hosts({})


def _hosts(taken: Mapping[UUID, str]) -> tuple[HostSight, ...]:
    here = Replica.objects.exclude(state=ReplicaState.RETIRED)
    counts: dict[UUID, int] = dict(
        here.values_list("host").annotate(n=Count("pk")).values_list("host", "n")
    )
    rows = Host.objects.select_related("datacenter")
    deaf = deaf_since()
    return tuple(
        HostSight(
            key=str(row.pk),
            name=row.name,
            site=row.datacenter.name,
            rack=str(row.rack_id),
            verdict=Verdict(row.verdict),
            is_cordoned=bool(row.cordoned_at or row.draining_at),
            is_quarantined=row.quarantined_at is not None,
            taken_by=taken.get(row.pk, ""),
            databases=counts.get(row.pk, 0),
            deaf_since=deaf.get(row.pk),
        )
        for row in rows.order_by("datacenter__position", "name")
    )


def choice_for(database: Database, wanted: str = "") -> Choice:
    """The replica that would be restored."""
    promise = terms_of(database.engine, 1).promise
    return choose(sources_of(database), site_of(database), lost_sites(), wanted, promise)


def usable_beside(database: Database, source: Source) -> tuple[Source, ...]:
    """Its other replicas that could be restored."""
    lost = lost_sites()
    found = (one for one in sources_of(database) if one.key != source.key)
    return tuple(one for one in found if not refuse_source(one, lost))


def place_for(database: Database, wanted: str = "") -> Place:
    """The host that would get it."""
    return place(hosts_for(database), home_of(database), wanted)


def place_in(database: Database, site: str) -> Place:
    """The host of this datacenter that would get it; what is on its way there counts already, so
    that many that begin at once are spread."""
    rows = Restore.objects.filter(phase__in=sorted(UNFINISHED)).exclude(database=database)
    under_way = Counter(str(host) for host in rows.values_list("host_id", flat=True))
    ports = rows.filter(database__port=database.port).select_related("database")
    taken = {str(row.host_id): f"{row.database}, which is restored there" for row in ports}
    hosts = [
        replace(
            one,
            databases=one.databases + under_way[one.key],
            taken_by=one.taken_by or taken.get(one.key, ""),
        )
        for one in hosts_for(database)
        if one.site == site
    ]
    return place(hosts, home_of(database))


def here(database: Database) -> Place:
    """Its own host."""
    led = database.primary
    hosts = hosts_for(database) if led else ()
    return place_here(next((one for one in hosts if led and one.key == str(led.host_id)), None))


def unfinished_restores() -> list[Restore]:
    """Those that the cycle carries on."""
    return list(Restore.objects.filter(phase__in=sorted(UNFINISHED)).order_by("number"))


def abandoned_restores(now: datetime) -> list[Restore]:
    """Those of which a host may still have something."""
    recent = now - DISCARDED_WITHIN
    return list(Restore.objects.filter(phase=Phase.ABANDONED, ended_at__gt=recent))


def discard_of(row: Restore, now: datetime) -> tuple[OrderSight | None, float]:
    """The newest order to its host to drop what it left, and the seconds since."""
    return _discard(str(row.pk), row.host_id, now)


def _discard(restore: str, host: UUID, now: datetime) -> tuple[OrderSight | None, float]:
    orders = list(about_restore(restore).filter(verb=Verb.DISCARD, host=host))
    return ordered.newest(orders, Verb.DISCARD), ordered.quiet(orders, now)


def strays_to_drop(now: datetime) -> list[tuple[Stray, Replica]]:
    """Those that their host is to be asked to drop now, each with the replica that it is of; one of
    a replica at a time. Of one whose replica no row knows, people have to see to it."""
    found: list[tuple[Stray, Replica]] = []
    asked: set[UUID] = set()
    for row in Stray.objects.select_related("host"):
        replica = replica_of(row)
        if replica is None:
            continue
        order, quiet = _discard(row.restore, row.host_id, now)
        age, busy = (now - row.since).total_seconds(), replica.pk in asked or _is_busy(replica)
        if drops_stray(age, order, quiet, is_busy=busy):
            asked.add(replica.pk)
            found.append((row, replica))
    return found


def replica_of(row: Stray) -> Replica | None:
    """By its agent's word, or as the restore's own row knows; None: no row knows it."""
    known = Replica.objects.select_related("database")
    found = known.filter(pk=key).first() if (key := _uuid(row.replica)) else None
    if found is not None or (asked := _uuid(row.restore)) is None:
        return found
    restore = Restore.objects.select_related("database__primary").filter(pk=asked).first()
    led = leader_of(restore.database) if restore else None
    return known.filter(pk=led.pk).first() if led else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _is_busy(replica: Replica) -> bool:
    rows = Operation.objects.filter(replica=replica, state__in=sorted(UNDER_WAY))
    return rows.filter(verb=Verb.DISCARD).exists()


def load(pk: UUID) -> Restore:
    """With all that its facts need."""
    rows = Restore.objects.select_related(
        "database__datacenter", "database__primary__host", "host__datacenter", "source__store"
    )
    return rows.select_related("sight").get(pk=pk)


def facts_of(
    row: Restore, *, now: datetime, paused: str = "", leases: Leases | None = None
) -> Facts:
    """As of now. A failover that waits for a candidate waits for what is gone."""
    database, phase = row.database, Phase(row.phase)
    is_business = database.plan == Plan.BUSINESS
    orders = list(orders_of(row, [Verb.RESTORE, Verb.ADOPT, Verb.FENCE]))
    running = ordered.running(orders, phase)
    hears = hearing(leases, now)
    lead, deaf = lead_of(database, hears), host_deaf_since(row.host_id)
    return Facts(
        phase=phase,
        database=database.name,
        host=row.host.name,
        state=DatabaseState(database.state),
        epoch=database.epoch,
        old_epoch=row.old_epoch,
        new_epoch=row.new_epoch or 0,
        routed_epoch=database.routed_epoch,
        verdict=Verdict(row.host.verdict),
        is_quarantined=row.host.quarantined_at is not None,
        deaf_since=deaf,
        deaf_for=(now - deaf).total_seconds() if deaf else 0.0,
        word_is_over=phase is Phase.ASKED and row.vouch.expires_at <= now,
        called_off=row.called_off,
        failover=unfinished_failover(database),
        source_gone=_gone(row) if phase is Phase.CHOOSE else "",
        host_refused=_refused(row) if phase in {Phase.PLACE, Phase.VERIFY} else "",
        quoted=row.quoted,
        to=row.to,
        restore=ordered.newest(orders, Verb.RESTORE),
        adopt=ordered.newest(orders, Verb.ADOPT),
        close=ordered.newest(orders, Verb.FENCE),
        left=ordered.left(orders),
        orders=len(running) + ordered.begun(row),
        quiet=ordered.quiet(running, now),
        result=Result(row.recovered_to, row.canary_at) if row.recovered_to else None,
        paused=paused,
        plan=Plan(database.plan),
        members=members_of(database, hears) if is_business else (),
        lead=lead,
        is_undecided=is_undecided(database),
        is_degraded=database.degraded_at is not None,
        lease=(leases or Leases()).sight(database) if is_business else None,
        loan=loan_of(row.pk),
        in_place=row.in_place,
        settled=(now - row.phase_at).total_seconds(),
        server=lead.server if lead and lead.is_heard else "",
        said=said_of(database),
    )


def orders_of(row: Restore, verbs: Collection[Verb]) -> Iterable[Operation]:
    """Its operations, in the order in which they were asked for."""
    found = about_restore(str(row.pk)).filter(verb__in=sorted(verbs))
    return found.select_related("host")


def _gone(row: Restore) -> str:
    """Why the chosen replica is no longer what two people agreed to."""
    source = next((one for one in sources_of(row.database) if one.key == str(row.source_id)), None)
    if source is None:
        return f"replica {row.source.number} is no replica of {row.database} any more."
    if reason := refuse_source(source, lost_sites()):
        return reason
    assert source.at is not None, "it is usable"
    if row.to is None and source.at < row.quoted:
        return f"replica {source.number} goes less far now than when it was quoted."
    return ""


def _refused(row: Restore) -> str:
    if row.in_place:
        led = row.database.primary
        return "" if led and led.host_id == row.host_id else f"{row.host} leads it no more."
    host = next((one for one in hosts_for(row.database) if one.key == str(row.host_id)), None)
    if host is None:
        return f"{row.host} is no host any more."
    return refuse_agreed(host, home_of(row.database))
