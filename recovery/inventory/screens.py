"""Rows of places, hosts and applications as lists for screens: a fixed number of queries each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Q

from recovery.inventory.facts import PlacementState, ReplicaState, Role, Verdict
from recovery.inventory.models import Application, Datacenter, Host, Placement, Replica

ARRIVING = frozenset({PlacementState.PLANNED, PlacementState.STARTING})
ON_SCREEN = frozenset(PlacementState) - {PlacementState.STOPPED}
GONE = frozenset({Verdict.LOST, Verdict.HUNG})
"""Verdicts under which a host's containers do not answer."""
UNSEEN = frozenset({Verdict.UNKNOWN, Verdict.ISOLATED, Verdict.AGENT_DOWN, Verdict.SUSPECT})
"""Verdicts under which nobody knows at first hand whether its containers answer."""


@dataclass(frozen=True, slots=True)
class HostCell:
    """One host of the map: its verdict, how many containers sit, arrive or are sick there, and of
    how many databases it has the primary or a standby. `is_recorded`: nobody looks now, so that
    the verdict is the last one written."""

    id: str
    name: str
    rack: str
    verdict: str
    running: int
    arriving: int
    sick: int
    is_cordoned: bool
    is_draining: bool
    is_quarantined: bool
    primaries: int = 0
    standbys: int = 0
    is_recorded: bool = False

    @property
    def state(self) -> str:
        """The one of down, risk, care, unknown that the map draws, or empty: well."""
        if self.verdict in GONE:
            return "down"
        if self.is_recorded or self.verdict in UNSEEN or self.verdict == Verdict.ENROLLING:
            return "unknown"
        if self.is_cordoned or self.is_draining or self.is_quarantined:
            return "care"
        return "risk" if self.sick else ""

    @property
    def word(self) -> str:
        """The state in a word."""
        if self.verdict != Verdict.ALIVE:
            return self.verdict
        if self.is_recorded:
            return "not seen"
        notes = ("draining", self.is_draining), ("cordoned", self.is_cordoned)
        for word, holds in (*notes, ("in quarantine", self.is_quarantined)):
            if holds:
                return word
        return f"{self.sick} sick" if self.sick else "alive"

    @property
    def short(self) -> str:
        """What is left of the name once its rack has been said: h07 of par1-r2-h07."""
        prefix = f"{self.rack}-"
        return self.name.removeprefix(prefix) if self.name != prefix else self.name

    @property
    def title(self) -> str:
        """The whole name with everything that its line of the map says in shapes."""
        seats = f"{self.running} container{'' if self.running == 1 else 's'}"
        arriving = f", {self.arriving} arriving" if self.arriving else ""
        led = f", {self.primaries} primary" if self.primaries else ""
        led += f", {self.standbys} standby" if self.standbys else ""
        word = f", {self.word}" if self.state else ""
        return f"{self.name}: {seats}{arriving}{led}{word}"


@dataclass(frozen=True, slots=True)
class RackView:
    """A rack and its hosts, always in the same order."""

    name: str
    room: str
    site: str
    hosts: tuple[HostCell, ...]

    @property
    def short(self) -> str:
        """The name without its datacenter's: r2 of par1-r2."""
        prefix = f"{self.site}-".lower()
        return self.name[len(prefix) :] if self.name.lower().startswith(prefix) else self.name


@dataclass(frozen=True, slots=True)
class SiteView:
    """A datacenter and its racks, always in the same order."""

    name: str
    city: str
    racks: tuple[RackView, ...]

    @property
    def hosts(self) -> tuple[HostCell, ...]:
        return tuple(host for rack in self.racks for host in rack.hosts)

    @property
    def containers(self) -> int:
        return sum(host.running for host in self.hosts if host.state not in {"down"})

    @property
    def primaries(self) -> int:
        return sum(host.primaries for host in self.hosts if host.state not in {"down"})

    def count(self, state: str) -> int:
        return sum(host.state == state for host in self.hosts)

    @property
    def trouble(self) -> tuple[str, str] | None:
        """The gravest state here with its count in words; None: all is well."""
        words = {"down": "lost", "unknown": "not seen", "risk": "at risk", "care": "set aside"}
        all_ = len(self.hosts)
        for state, word in words.items():
            if n := self.count(state):
                return state, f"{n} host{'' if n == 1 else 's'} of {all_} {word}"
        return None

    @property
    def is_calm(self) -> bool:
        return self.trouble is None and not any(host.arriving for host in self.hosts)


def fleet() -> tuple[SiteView, ...]:
    """Every datacenter with racks and hosts: four queries whatever its size."""
    seats, copies = _seats_by_host(), _copies_by_host()
    racks: dict[object, dict[tuple[str, str], list[HostCell]]] = defaultdict(dict)
    for host in Host.objects.select_related("rack").order_by("rack__name", "name"):
        key = (host.rack.name, host.rack.room)
        cell = _cell(host, seats[host.pk], copies[host.pk])
        racks[host.datacenter_id].setdefault(key, []).append(cell)
    return tuple(
        SiteView(
            name=site.name,
            city=site.city,
            racks=tuple(
                RackView(name, room, site.name, tuple(hosts))
                for (name, room), hosts in racks[site.pk].items()
            ),
        )
        for site in Datacenter.objects.all()
    )


def _seats_by_host() -> Mapping[object, Mapping[str, int]]:
    seats: dict[object, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    rows = Placement.objects.filter(state__in=ON_SCREEN).values_list("host_id", "state")
    for host, state, n in rows.annotate(n=Count("id")).order_by():
        seats[host][state] += n
    return seats


def _copies_by_host() -> Mapping[object, Mapping[str, int]]:
    copies: dict[object, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    rows = Replica.objects.exclude(state=ReplicaState.RETIRED).values_list("host_id", "role")
    for host, role, n in rows.annotate(n=Count("id")).order_by():
        copies[host][role] += n
    return copies


def _cell(host: Host, seats: Mapping[str, int], copies: Mapping[str, int]) -> HostCell:
    return HostCell(
        id=str(host.pk),
        name=host.name,
        rack=host.rack.name,
        verdict=host.verdict,
        running=sum(seats.get(s, 0) for s in ("running", "sick", "stopping", "lost")),
        arriving=sum(seats.get(s, 0) for s in ARRIVING),
        sick=seats.get(PlacementState.SICK, 0),
        is_cordoned=host.cordoned_at is not None,
        is_draining=host.draining_at is not None,
        is_quarantined=host.quarantined_at is not None,
        primaries=copies.get(Role.PRIMARY, 0),
        standbys=copies.get(Role.STANDBY, 0),
    )


@dataclass(frozen=True, slots=True)
class Seat:
    """One seat of an application, with the host it is on."""

    id: str
    application: str
    container: str
    host: str
    verdict: str
    state: str
    generation: int
    provisional: bool
    port: int
    reason: str
    detail: str
    planned_at: datetime
    running_at: datetime | None
    ended_at: datetime | None

    @property
    def answers(self) -> bool:
        """It runs, on a host that is seen at first hand."""
        return self.state == PlacementState.RUNNING and self.verdict == Verdict.ALIVE

    @property
    def is_unseen(self) -> bool:
        return self.state in {"running", "sick"} and self.verdict in UNSEEN

    @property
    def is_arriving(self) -> bool:
        return self.state in ARRIVING and self.verdict not in GONE


@dataclass(frozen=True, slots=True)
class ApplicationView:
    """An application: how many copies are wanted, answer, arrive, or cannot be seen."""

    id: str
    name: str
    about: str
    kind: str
    copies: int
    priority: int
    answering: int
    unseen: int
    arriving: tuple[str, ...] = field(default=())

    @property
    def state(self) -> str:
        """`down`: none answers · `unknown`: as far as is seen · `risk`: fewer than wanted."""
        if self.copies == 0 or self.answering >= self.copies:
            return ""
        if self.answering == 0:
            return "unknown" if self.unseen else "down"
        return "unknown" if self.answering + self.unseen >= self.copies else "risk"

    @property
    def word(self) -> str:
        """The state in words that a table shows."""
        if self.state == "down":
            return "down"
        if self.unseen and self.state == "unknown":
            return f"{self.unseen} of {self.copies} not seen"
        return f"{self.answering} of {self.copies} answer{'s' if self.answering == 1 else ''}"

    @property
    def happens(self) -> str:
        """Where its missing containers are starting."""
        return f"starting on {', '.join(self.arriving)}" if self.arriving else ""

    @property
    def level(self) -> str:
        """Which of the two service levels it has (H5)."""
        return "one container" if self.copies == 1 else "two or more containers"


def applications() -> tuple[ApplicationView, ...]:
    """Every application with what answers of it: two queries."""
    counts: dict[object, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    arriving: dict[object, list[str]] = defaultdict(list)
    seen = Placement.objects.filter(state__in=["running", "sick"], container__wanted=True)
    rows = seen.values_list("application_id", "state", "host__verdict")
    for application, state, verdict, n in rows.annotate(n=Count("id")).order_by():
        if state == PlacementState.RUNNING and verdict == Verdict.ALIVE:
            counts[application]["answering"] += n
        elif verdict in UNSEEN:
            counts[application]["unseen"] += n
    coming = Placement.objects.filter(state__in=ARRIVING).exclude(host__verdict__in=GONE)
    for application, host in coming.values_list("application_id", "host__name").order_by(
        "host__name"
    ):
        arriving[application].append(host)
    return tuple(
        _application(row, counts[row.pk], arriving[row.pk]) for row in Application.objects.all()
    )


def _application(
    row: Application, counts: Mapping[str, int], arriving: Iterable[str]
) -> ApplicationView:
    return ApplicationView(
        id=str(row.pk),
        name=row.name,
        about=row.about,
        kind=row.kind,
        copies=row.copies,
        priority=row.priority,
        answering=counts.get("answering", 0),
        unseen=counts.get("unseen", 0),
        arriving=tuple(arriving),
    )


def seats_of_application(name: str) -> tuple[Seat, ...]:
    """Its seats, the newest generation of each container first; ended ones last."""
    return _seats(Q(application__name=name), 60)


def seats_of_host(name: str) -> tuple[Seat, ...]:
    """What sits, sat or is to sit on this host."""
    return _seats(Q(host__name=name), 200)


def _seats(which: Q, at_most: int) -> tuple[Seat, ...]:
    rows = (
        Placement.objects.filter(which)
        .select_related("application", "container__application", "host")
        .order_by("ended_at", "application__name", "container__ordinal", "-generation")
    )
    shown = sorted(rows[:at_most], key=lambda row: row.ended_at is not None)
    return tuple(
        Seat(
            id=str(row.pk),
            application=row.application.name,
            container=str(row.container),
            host=row.host.name,
            verdict=row.host.verdict,
            state=row.state,
            generation=row.generation,
            provisional=row.provisional,
            port=row.port,
            reason=row.reason,
            detail=row.detail,
            planned_at=row.planned_at,
            running_at=row.running_at,
            ended_at=row.ended_at,
        )
        for row in shown
    )


def find_application(name: str) -> Application | None:
    return Application.objects.filter(name=name).first()


def find_host(name: str) -> Host | None:
    return Host.objects.select_related("rack", "datacenter").filter(name=name).first()
