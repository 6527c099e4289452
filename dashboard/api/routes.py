"""Every route: one call each."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Router, Schema

from dashboard.acts import fleet as acts
from dashboard.api.auth import caller
from dashboard.api.schemas import Done, Told, Why, Words
from dashboard.permissions import May, Role
from dashboard.screen import Screen
from recovery.core.errors import Missing, no_such
from recovery.incidents import screens as incident_rows
from recovery.inventory import screens as inventory

router = Router()


class NoteIn(Told):
    text: Words = Field(min_length=1, max_length=300)


class ReleaseIn(Why):
    """Which held hosts, by name or id, as the caller saw them; without a list all held now."""

    hosts: list[str] | None = Field(
        default=None,
        description="Names or ids. Hosts held since stay held. Left out: all that are held now.",
    )


class SettleIn(Why):
    """Which incarnation of Tocsin's rows, as the caller saw it, and the hosts that it goes on
    without having heard."""

    number: int
    without: list[str] = Field(default_factory=list)


class DoubtOut(Schema):
    """Why Tocsin decides nothing on its own rows, and what it does not know."""

    number: int
    cause: str
    since: datetime
    heard: int
    hosts: int
    differs: list[tuple[str, str]]
    silent: list[str]
    refusals: list[str]


class SentenceOut(Schema):
    text: str
    after: str
    tone: str


class HostOut(Schema):
    id: str
    name: str
    rack: str
    verdict: str
    state: str
    running: int
    arriving: int
    sick: int
    is_cordoned: bool
    is_draining: bool
    is_quarantined: bool


class ApplicationOut(Schema):
    id: str
    name: str
    kind: str
    copies: int
    priority: int
    answering: int
    unseen: int
    arriving: list[str]
    state: str
    word: str


class SeatOut(Schema):
    id: str
    application: str
    container: str
    host: str
    verdict: str
    state: str
    generation: int
    provisional: bool
    port: int
    answers: bool
    planned_at: datetime
    running_at: datetime | None
    ended_at: datetime | None


class IncidentOut(Schema):
    id: str
    number: int
    name: str
    state: str
    domain: str
    title: str
    happened_at: datetime
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str
    mitigated_at: datetime | None
    resolved_at: datetime | None
    members: int
    hurt: int
    times: int
    first_at: datetime | None


class LineOut(Schema):
    id: int
    happened_at: datetime
    recorded_at: datetime
    kind: str
    said: str
    why: str
    actor: str
    tone: str


class IncidentStory(IncidentOut):
    timeline: list[LineOut]


class AlarmOut(Schema):
    id: str
    key: str
    severity: str
    state: str
    incident: int | None
    title: str
    raised_at: datetime
    acknowledged_by: str
    rings: bool


class HeldOut(Schema):
    id: str
    verb: str
    container: str
    host: str
    reason: str
    since: datetime


class HeldHostOut(Schema):
    id: str
    name: str
    site: str
    rack: str
    verdict: str
    reason: str
    since: datetime | None


class HoldOut(Schema):
    container: str
    application: str
    cause: str
    reason: str
    since: datetime
    seat: str


class EverythingHeld(Schema):
    """Hosts for a person, copies for a seat, operations for the governor; `doubt`: nothing of it
    moves until a person has settled Tocsin's own rows."""

    doubt: DoubtOut | None
    held: list[HeldHostOut]
    unseated: list[HoldOut]
    waiting: list[HeldOut]


class StateOut(Schema):
    """The overview."""

    sentence: SentenceOut
    alarm: str
    is_watched: bool | None
    blind: str
    hosts: list[HostOut]
    applications: list[ApplicationOut]
    incidents: list[IncidentOut]
    alarms: list[AlarmOut]
    held: list[HeldHostOut]


class StateScreen(Screen):
    """A screen as the API reads it."""

    @property
    def hosts(self) -> list[inventory.HostCell]:
        return [host for site in self.sites for host in site.hosts]


def _screen(request: HttpRequest) -> StateScreen:
    return StateScreen(caller(request, May.VIEW).role or Role.VIEWER)


@router.get("/state", response=StateOut)
def state(request: HttpRequest) -> StateScreen:
    return _screen(request)


@router.get("/hosts", response=list[HostOut])
def hosts(request: HttpRequest) -> list[inventory.HostCell]:
    return _screen(request).hosts


@router.get("/hosts/{name}/seats", response=list[SeatOut])
def host_seats(request: HttpRequest, name: str) -> list[inventory.Seat]:
    caller(request, May.VIEW)
    if inventory.find_host(name) is None:
        raise Missing(f"There is no host {name}.", field="name")
    return list(inventory.seats_of_host(name))


@router.post("/hosts/{name}/cordon", response=Done)
def cordon(request: HttpRequest, name: str, why: Why) -> dict[str, str]:
    who = caller(request, May.CORDON)
    return {"said": acts.cordon_host(name, who.actor, why.reason)}


@router.post("/hosts/{name}/drain", response=Done)
def drain(request: HttpRequest, name: str, why: Why) -> dict[str, str]:
    who = caller(request, May.DRAIN)
    return {"said": acts.drain_host(name, who.actor, why.reason)}


@router.post("/hosts/{name}/uncordon", response=Done)
def uncordon(request: HttpRequest, name: str, why: Why) -> dict[str, str]:
    who = caller(request, May.CORDON)
    return {"said": acts.uncordon_host(name, who.actor, why.reason)}


@router.get("/applications", response=list[ApplicationOut])
def applications(request: HttpRequest) -> list[inventory.ApplicationView]:
    return list(_screen(request).applications)


@router.get("/applications/{name}/seats", response=list[SeatOut])
def application_seats(request: HttpRequest, name: str) -> list[inventory.Seat]:
    caller(request, May.VIEW)
    if inventory.find_application(name) is None:
        raise Missing(f"There is no application {name}.", field="name")
    return list(inventory.seats_of_application(name))


@router.get("/incidents", response=list[IncidentOut])
def incidents(request: HttpRequest) -> list[incident_rows.IncidentView]:
    caller(request, May.VIEW)
    return list(incident_rows.recent_incidents())


@router.get("/incidents/{number}", response=IncidentStory)
def incident(request: HttpRequest, number: int) -> IncidentStory:
    caller(request, May.VIEW)
    found = incident_rows.view_incident(number)
    if found is None:
        raise no_such("INC", number)
    lines = [LineOut.from_orm(line) for line in incident_rows.timeline_of([number])]
    return IncidentStory(**IncidentOut.from_orm(found).dict(), timeline=lines)


@router.post("/incidents/{number}/acknowledge", response=Done)
def acknowledge_incident(request: HttpRequest, number: int, why: Why) -> dict[str, str]:
    who = caller(request, May.ACKNOWLEDGE)
    return {"said": acts.acknowledge_incident(number, who.actor, why.reason)}


@router.post("/incidents/{number}/notes", response=Done)
def add_note(request: HttpRequest, number: int, note: NoteIn) -> dict[str, str]:
    who = caller(request, May.NOTE)
    return {"said": acts.add_note(number, note.text, who.actor)}


@router.get("/alarms", response=list[AlarmOut])
def alarms(request: HttpRequest) -> object:
    return _screen(request).alarms


@router.post("/alarms/{uuid:pk}/acknowledge", response=Done)
def acknowledge_alarm(request: HttpRequest, pk: UUID, why: Why) -> dict[str, str]:
    who = caller(request, May.ACKNOWLEDGE)
    return {"said": acts.acknowledge_alarm(str(pk), who.actor, why.reason)}


@router.get("/held", response=EverythingHeld)
def held(request: HttpRequest) -> StateScreen:
    return _screen(request)


@router.post("/held/release", response=Done)
def release_held(request: HttpRequest, why: ReleaseIn) -> dict[str, str]:
    who = caller(request, May.RELEASE)
    return {"said": acts.release_held(who.actor, why.reason, why.hosts)}


@router.post("/held/pause", response=Done)
def pause(request: HttpRequest, why: Why) -> dict[str, str]:
    who = caller(request, May.PAUSE)
    return {"said": acts.pause_automation(who.actor, why.reason)}


@router.post("/held/go-on", response=Done)
def clear_pause(request: HttpRequest, why: Why) -> dict[str, str]:
    who = caller(request, May.PAUSE)
    return {"said": acts.clear_pause(who.actor, why.reason)}


@router.post("/held/freezes/{pk}/lift", response=Done)
def lift_freeze(request: HttpRequest, pk: UUID, why: Why) -> dict[str, str]:
    who = caller(request, May.PAUSE)
    return {"said": acts.lift_freeze(str(pk), who.actor, why.reason)}


@router.post("/held/fences/{site}/lift", response=Done)
def lift_fence(request: HttpRequest, site: str, why: Why) -> dict[str, str]:
    who = caller(request, May.SETTLE)
    return {"said": acts.lift_fence(site, who.actor, why.reason)}


@router.post("/held/settle", response=Done)
def settle(request: HttpRequest, why: SettleIn) -> dict[str, str]:
    who = caller(request, May.SETTLE)
    return {"said": acts.settle_rows(who.actor, why.reason, why.number, why.without)}


@router.post("/placements/{uuid:pk}/release", response=Done)
def release_placement(request: HttpRequest, pk: UUID, why: Why) -> dict[str, str]:
    who = caller(request, May.VOUCH)
    return {"said": acts.release_placement(pk, who.actor, why.reason)}


@router.post("/lab/hosts/{name}/{verb}", response=Done)
def lab_host(request: HttpRequest, name: str, verb: str, why: Why) -> dict[str, str]:
    who = caller(request, May.LAB)
    return {"said": acts.lab_host(name, verb, who.actor, why.reason)}


@router.post("/lab/datacenters/{name}/kill", response=Done)
def lose_datacenter(request: HttpRequest, name: str, why: Why) -> dict[str, str]:
    who = caller(request, May.LAB)
    return {"said": acts.lose_datacenter(name, who.actor, why.reason)}
