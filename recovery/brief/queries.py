"""Rows as a brief's facts: a bounded number of statements, whatever the size of the fleet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from recovery.brief.bases import Bases, load_bases, service_fact
from recovery.brief.decide import brief_of, look_of
from recovery.brief.facts import (
    Cause,
    Choice,
    DatabaseFact,
    Decided,
    Drill,
    Facts,
    FitFact,
    HostFact,
    ServiceFact,
    SiteFact,
    Unseen,
    Word,
    unseen_of,
)
from recovery.brief.fit import fit_of, within
from recovery.brief.models import Decision, ProviderWord
from recovery.brief.parts import Brief, Look
from recovery.brief.past import Samples, load_samples
from recovery.detection.queries import blind_reason, blind_since
from recovery.incidents.facts import UNRESOLVED, MemberKind
from recovery.incidents.models import Incident, Member
from recovery.inventory.facts import Verdict
from recovery.inventory.models import Application, Datacenter, Host, ReplicaSight
from recovery.inventory.queries import silent_hosts
from recovery.operations.decide import Limits
from recovery.operations.queries import ledger
from recovery.scheduling import queries as scheduling
from recovery.scheduling.facts import Snapshot
from recovery.traffic import screens as traffic

SILENT_FOR = timedelta(seconds=5)
"""A store that was read so long after the loss is not part of it."""
SPOKE = timedelta(seconds=10)
"""An agent tells of its replicas every second or two."""
TOLD_TO = timedelta(minutes=1)
"""The minute is what people write down of when something was said."""
UNSEEN = (Verdict.LOST, Verdict.UNKNOWN)
"""Nothing of such a host is seen by anybody."""
OUT = (Verdict.LOST, Verdict.HUNG, Verdict.UNKNOWN, Verdict.ISOLATED, Verdict.AGENT_DOWN)


@dataclass
class Fleet:
    """All that briefs are made of, each part read at most once and only when it is asked for.
    `unwatched`: why nobody looks, where whoever asks knows it and the rows do not."""

    now: datetime
    drills: Mapping[str, tuple[Drill, ...]]
    unwatched: str = ""

    @cached_property
    def hosts(self) -> dict[str, list[tuple[UUID, HostFact]]]:
        """By datacenter; those that never lived are left out."""
        found: dict[str, list[tuple[UUID, HostFact]]] = defaultdict(list)
        rows = Host.objects.exclude(verdict=Verdict.ENROLLING).order_by("name")
        names = ("pk", "name", "datacenter__name", "verdict", "verdict_at", "verdict_evidence")
        for pk, name, site, verdict, since, evidence in rows.values_list(*names):
            witnesses = len(evidence.get("witnesses", ()))
            found[site].append((pk, HostFact(name, Verdict(verdict), witnesses, since)))
        return found

    @cached_property
    def sites(self) -> dict[str, SiteFact]:
        """In the order of the map."""
        rows = Datacenter.objects.order_by("position", "name").values_list("name", "region")
        return {
            name: SiteFact(name, region, tuple(host for _, host in self.hosts[name]))
            for name, region in rows
        }

    @cached_property
    def bases(self) -> Bases:
        return load_bases(self.now)

    @cached_property
    def services(self) -> Mapping[str, traffic.Service]:
        return traffic.services(self.now)

    @cached_property
    def snapshot(self) -> Snapshot:
        everything = list(Application.objects.values_list("pk", flat=True))
        return scheduling.snapshot_of(everything, self.now)

    @cached_property
    def at_once(self) -> int:
        """Starts that the governor lets fly together."""
        now, limits = ledger(), Limits()
        share = int(limits.share_of_containers * now.containers)
        return max(share, limits.at_least, now.largest_host)

    @cached_property
    def samples(self) -> Samples:
        return load_samples()

    @cached_property
    def blind(self) -> str:
        return blind_reason()

    @cached_property
    def silent(self) -> dict[UUID, datetime | None]:
        return silent_hosts(self.now)

    def unseen(self, name: str, unwatched: str = "") -> Unseen | None:
        """While nobody sees: what its agents' own words say of this datacenter. `unwatched`: as of
        the fleet."""
        why = self.blind or self.unwatched or unwatched
        if not why:
            return None
        named = {pk: host.name for pk, host in self.hosts[name]}
        return unseen_of(named, self.silent, why, blind_since())

    @cached_property
    def spoken(self) -> frozenset[str]:
        """Hosts (ids) whose agents told of a replica a moment ago: who hears that is not blind,
        whatever a brake says that was set before."""
        rows = ReplicaSight.objects.filter(at__gte=self.now - SPOKE)
        return frozenset(str(pk) for pk in rows.values_list("replica__host", flat=True))

    @cached_property
    def causes(self) -> dict[str, tuple[int, datetime]]:
        """Of each host (id) that an unresolved incident is about: its number, and since when; where
        there are several, the newest: an older loss is another. So is one that it had come back
        from; a host that is whole because what ran there runs elsewhere is gone all the same."""
        rows = Member.objects.filter(
            kind=MemberKind.HOST, is_cause=True, incident__state__in=sorted(UNRESOLVED)
        ).order_by("since", "incident__number")
        judged = {str(pk): host.since for hosts in self.hosts.values() for pk, host in hosts}
        found = rows.values_list("object_id", "incident__number", "since", "whole_at")
        return {
            host: (number, at)
            for host, number, at, whole in found
            if whole is None or (verdict_at := judged.get(host)) is None or whole >= verdict_at
        }

    @cached_property
    def words(self) -> dict[str, ProviderWord]:
        """The newest of each datacenter."""
        rows = ProviderWord.objects.select_related("datacenter")
        return {row.datacenter.name: row for row in rows.order_by("at", "id")}

    @cached_property
    def decisions(self) -> dict[str, Decision]:
        """The newest of each datacenter, without what was shown."""
        rows = Decision.objects.select_related("datacenter").defer("shown")
        newest = rows.order_by("datacenter_id", "-number").distinct("datacenter_id")
        return {row.datacenter.name: row for row in newest}

    # ------------------------------------------------------------------ one datacenter

    def brief(self, name: str) -> Brief:
        return brief_of(self.facts(name))

    def decided(self, name: str) -> Decided | None:
        """What stands about the loss of this datacenter: no wait that is over."""
        found = self._decided(name, self._loss(name)[1])
        is_over = found is not None and found.until is not None and found.until <= self.now
        return None if is_over else found

    def facts(self, name: str) -> Facts:
        site = self.sites[name]
        is_lost = look_of(site) is Look.LOST
        incident, lost_at = self._loss(name) if is_lost else (None, None)
        as_of = self.bases.as_of or self.now
        silent, answering = self._stores(name, lost_at)
        bases = self.databases(name)
        return Facts(
            site=site,
            others=tuple(one for other, one in self.sites.items() if other != name),
            as_of=as_of,
            lost_at=lost_at,
            blind=self.blind,
            spoke=len(self.spoken - self._ids(name)),
            silent_stores=silent,
            answering_stores=answering,
            databases=bases,
            elsewhere=len(self.bases.rows) - len(bases),
            services=self._services(name),
            fit=self.fit(name),
            past=self.samples.before(lost_at, self.drills.get(name, ())),
            word=self._word(name, lost_at),
            decided=self._decided(name, lost_at),
            incident=incident,
            unseen=self.unseen(name),
        )

    def databases(self, name: str) -> tuple[DatabaseFact, ...]:
        """Those that are led there, with the copies of them elsewhere."""
        is_lost = look_of(self.sites[name]) is Look.LOST
        lost_at = self._loss(name)[1] if is_lost else None
        silent_since = self._silences(name) if is_lost else {}
        until = lost_at or self.bases.as_of or self.now
        return self.bases.facts(name, until, silent_since)

    def last_write(self, database: UUID, site: str, until: datetime) -> datetime:
        """Until when a database that is led there and does not serve can have acknowledged, as its
        datacenter's brief has it. `until`: since when it does not serve, where its host lives."""
        lost_at = self._loss(site)[1] if look_of(self.sites[site]) is Look.LOST else None
        return self.bases.last_write(database, lost_at or until, self._silences(site))

    def incident(self, name: str) -> int | None:
        """The number of the one that its loss is, if there is one."""
        return self._loss(name)[0] if name in self.sites else None

    def _loss(self, name: str) -> tuple[int | None, datetime | None]:
        """Its incident, and since when more than half of its hosts are gone: what was lost of it
        before was a loss of hosts."""
        silences = self._silences(name)
        order = sorted(silences, key=lambda pk: (silences[pk], pk))
        if not order:
            return None, None
        pivot = order[min(len(self.hosts[name]) // 2, len(order) - 1)]
        number, _ = self.causes.get(str(pivot), (None, None))
        return number, silences[pivot]

    def _silences(self, name: str) -> dict[UUID, datetime]:
        """Since when each of its hosts that are gone is silent."""
        found = {}
        for pk, host in self.hosts[name]:
            if host.verdict in OUT:
                _, since = self.causes.get(str(pk), (None, host.since))
                if since is not None:
                    found[pk] = since
        return found

    def _ids(self, name: str) -> set[str]:
        return {str(pk) for pk, _ in self.hosts[name]}

    def fit(self, name: str, into: str = "") -> FitFact:
        """Where its containers would go, and which find no host. `into`: nowhere but there."""
        snapshot = within(self.snapshot, into) if into else self.snapshot
        return fit_of(snapshot, self._ids(name), self.now, self.at_once)

    def _services(self, name: str) -> tuple[ServiceFact, ...]:
        """Of applications with a seat there."""
        here = self._ids(name)
        hit = {seat.application for seat in self.snapshot.seats if seat.host in here}
        names = sorted(app.name for app in self.snapshot.applications if app.id in hit)
        return tuple(service_fact(one, self.services[one]) for one in names if one in self.services)

    def _stores(
        self, name: str, lost_at: datetime | None
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The stores there that cannot be read since the loss, and those that were."""
        if lost_at is None:
            return (), ()
        silent: set[str] = set()
        answering: set[str] = set()
        for copy in self.bases.copies_in(name):
            if copy.read_at is not None and copy.read_at > lost_at + SILENT_FOR:
                answering.add(copy.store)
            elif copy.error and copy.looked_at is not None and copy.looked_at > lost_at:
                silent.add(copy.store)
        return tuple(sorted(silent - answering)), tuple(sorted(answering))

    def word(self, name: str) -> Word | None:
        """The newest of the provider, or of somebody there, about this very loss of it."""
        site = self.sites.get(name)
        if site is None or look_of(site) is not Look.LOST:
            return None
        return self._word(name, self._loss(name)[1])

    def gone_hosts(self, name: str) -> frozenset[UUID]:
        """Of which the newest word of the provider, or of somebody there, says that they are gone:
        given since the datacenter was lost and since each of them fell silent, and not withdrawn.
        What others still see, or what spoke after that word, it says nothing about."""
        word = self.word(name)
        if word is None or word.cause is not Cause.GONE:
            return frozenset()
        silences = self._silences(name)
        return frozenset(
            pk
            for pk, host in self.hosts[name]
            if host.verdict in UNSEEN and pk in silences and word.at >= silences[pk]
        )

    def _word(self, name: str, lost_at: datetime | None) -> Word | None:
        """Said since the loss; what was said of another one does not count, whenever somebody wrote
        it down."""
        row = self.words.get(name)
        if row is None or lost_at is None or row.at < lost_at:
            return None
        if row.said_at < lost_at - TOLD_TO:
            return None
        return Word(row.said, Cause(row.cause), row.source, row.said_at, row.until, row.by, row.at)

    def _decided(self, name: str, lost_at: datetime | None) -> Decided | None:
        """Since the loss; what was decided of another one does not count."""
        row = self.decisions.get(name)
        if row is None or lost_at is None or row.at < lost_at:
            return None
        return Decided(row.number, Choice(row.choice), row.until, row.by, row.at, row.reason)


def fleet_at(
    now: datetime,
    drills: Mapping[str, tuple[Drill, ...]] | None = None,
    *,
    unwatched: str = "",
) -> Fleet:
    """`drills`: by datacenter, from who knows of them."""
    return Fleet(now, drills or {}, unwatched)


def lost_sites(fleet: Fleet) -> tuple[str, ...]:
    """Datacenters that look lost."""
    return tuple(name for name, site in fleet.sites.items() if look_of(site) is Look.LOST)


def incident_of(number: int | None) -> Incident | None:
    return Incident.objects.filter(number=number).first() if number is not None else None


def standing_waits() -> list[Decision]:
    """The newest decision of each datacenter, where it is one to wait."""
    newest = Decision.objects.order_by("datacenter_id", "-number").distinct("datacenter_id")
    rows = Decision.objects.filter(pk__in=newest.values("pk"), choice=Choice.WAIT)
    return list(rows.select_related("datacenter", "incident").defer("shown"))


def looks_lost(sites: Collection[UUID]) -> set[UUID]:
    """Which of these datacenters look lost, by the rule of the brief."""
    found: dict[UUID, list[HostFact]] = defaultdict(list)
    rows = Host.objects.filter(datacenter__in=sites).exclude(verdict=Verdict.ENROLLING)
    for site, name, verdict in rows.values_list("datacenter_id", "name", "verdict"):
        found[site].append(HostFact(name, Verdict(verdict)))
    return {
        site
        for site, hosts in found.items()
        if look_of(SiteFact("", "", tuple(hosts))) is Look.LOST
    }
