"""What pages and API do alike: find the row, call its room's action, say what came of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from dashboard import lab
from recovery.alarms import actions as alarms
from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.core import clock
from recovery.core.errors import Conflict, Missing, Refused, no_such
from recovery.detection import actions as detection
from recovery.detection import freezes
from recovery.detection import screens as detection_rows
from recovery.failover.actions import fences
from recovery.failover.actions.incarnations import settle_incarnation
from recovery.incidents import actions as incidents
from recovery.incidents import screens as incident_rows
from recovery.incidents.models import Incident
from recovery.inventory import actions as inventory
from recovery.inventory import screens as inventory_rows
from recovery.inventory.models import Datacenter, Host, Placement
from recovery.lab import actions as lab_actions
from recovery.scheduling import actions as scheduling


def _incident(number: int) -> Incident:
    found = incident_rows.find_incident(number)
    if found is None:
        raise no_such("INC", number)
    return found


def _host(name: str) -> Host:
    found = inventory_rows.find_host(name)
    if found is None:
        raise Missing(f"There is no host {name}.", field="host")
    return found


def _check_site(name: str) -> None:
    if not Datacenter.objects.filter(name=name).exists():
        raise Missing(f"There is no datacenter {name}.", field="datacenter")


def acknowledge_incident(number: int, actor: Actor, reason: str) -> str:
    """Take the incident and every alarm of it that rings."""
    taken = alarms.acknowledge_incident(
        incident=_incident(number), actor=actor, reason=reason, now=clock.system.now()
    )
    return f"{taken} is yours now. The page stopped ringing."


def acknowledge_alarm(pk: str, actor: Actor, reason: str) -> str:
    """Take one alarm."""
    alarm = Alarm.objects.filter(pk=_uuid(pk)).first()
    if alarm is None:
        raise Missing("There is no such alarm.", field="alarm")
    alarms.acknowledge_alarm(alarm=alarm, actor=actor, reason=reason, now=clock.system.now())
    return "The alarm is yours now. It stopped ringing."


def add_note(number: int, text: str, actor: Actor) -> str:
    """Add a line to the story."""
    now = clock.system.now()
    incidents.add_note(incident=_incident(number), text=text, actor=actor, now=now)
    return "The note stands in the timeline and in the log."


def cordon_host(name: str, actor: Actor, reason: str) -> str:
    """Nothing new on this host."""
    inventory.cordon_host(host=_host(name), actor=actor, reason=reason, now=clock.system.now())
    return f"{name} is cordoned: nothing new is placed on it."


def drain_host(name: str, actor: Actor, reason: str) -> str:
    """Empty the host, each container started elsewhere first."""
    inventory.drain_host(host=_host(name), actor=actor, reason=reason, now=clock.system.now())
    return f"{name} is being drained."


def uncordon_host(name: str, actor: Actor, reason: str) -> str:
    """The host may get containers again."""
    inventory.uncordon_host(host=_host(name), actor=actor, reason=reason, now=clock.system.now())
    return f"{name} may get containers again."


def lab_host(name: str, verb: str, actor: Actor, reason: str) -> str:
    """Do this to one lab host."""
    lab.must_run()
    if verb not in lab.ACTIONS:
        raise Missing(f"A lab host cannot be asked to {verb}.", field="verb")
    host = _host(name)
    lab.ACTIONS[verb](host=host.name, actor=actor, reason=reason, now=clock.system.now())
    return f"{lab.HOST_VERBS[verb]} {host.name}: done. Watch what Tocsin makes of it."


def lose_datacenter(name: str, actor: Actor, reason: str) -> str:
    """Lose every lab host of a datacenter at once."""
    lab.must_run()
    _check_site(name)
    lab_actions.lose_datacenter(datacenter=name, actor=actor, reason=reason, now=clock.system.now())
    return f"{name} is lost."


def release_held(actor: Actor, reason: str, shown: Collection[str] | None = None) -> str:
    """Let the containers of these hosts be replaced, one press for all of them: by name or id,
    those that a screen showed; None: of all that are held now. What is held since stays held."""
    held = detection_rows.held_hosts()
    if shown is None:
        shown = [one.id for one in held]
    hosts = [UUID(one.id) for one in held if one.id in shown or one.name in shown]
    since = [one.name for one in held if UUID(one.id) not in hosts]
    left = f" Not on your page, and still held: {', '.join(since)}." if since else ""
    if not hosts:
        raise Conflict(
            f"None of the hosts that you saw is held any more.{left}", todo="Look again."
        )
    released = detection.release_holds(
        hosts=hosts, actor=actor, reason=reason, now=clock.system.now()
    )
    many = len(released)
    said = f"{many} host{'' if many == 1 else 's'} released: their containers are replaced now."
    return said + left


def release_placement(pk: UUID, actor: Actor, reason: str) -> str:
    """A person's word that this lost seat does not run: its one container may start elsewhere."""
    seat = Placement.objects.filter(pk=pk).select_related("container__application", "host").first()
    if seat is None:
        raise Missing("There is no such seat.", field="placement")
    scheduling.release_placement(
        placement=seat,
        proof=f"The word of {actor.id}: {reason}"[:200],
        actor=actor,
        reason=reason,
        now=clock.system.now(),
    )
    return f"{seat.container} may run elsewhere: you vouch that it does not run on {seat.host}."


def pause_automation(actor: Actor, reason: str) -> str:
    """Nothing is started or moved until a person clears it."""
    detection.set_pause(actor=actor, reason=reason, now=clock.system.now())
    return "Automation is paused. What runs keeps running."


def lift_freeze(pk: str, actor: Actor, reason: str) -> str:
    """What a recovery plan froze begins again by itself."""
    row = freezes.lift_freeze(freeze=_uuid(pk), actor=actor, reason=reason, now=clock.system.now())
    return f"What {row.run_name} froze begins again. What was held meanwhile stays held."


def lift_fence(site: str, actor: Actor, reason: str) -> str:
    """Its hosts are met again; what was promoted elsewhere stays there."""
    _check_site(site)
    lift = fences.lift_fence
    lift(datacenter=site, actor=actor, reason=reason, now=clock.system.now())
    return (
        f"{site} is not fenced any more. Each of its hosts is trusted once it runs what it should."
    )


def clear_pause(actor: Actor, reason: str) -> str:
    """Automation may move again."""
    detection.clear_pause(actor=actor, reason=reason, now=clock.system.now())
    return "The pause is over. What was held meanwhile stays held for a person."


def settle_rows(actor: Actor, reason: str, number: int, without: Sequence[str]) -> str:
    """Tocsin goes on with restored rows and with what its agents know."""
    settle_incarnation(
        number=number, without=without, actor=actor, reason=reason, now=clock.system.now()
    )
    return "The rows are settled: agents are told again, and automation goes on."


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Refused("This is no id.", field="id") from None
