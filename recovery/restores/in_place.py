"""Going back in time where it is: may it, to which moment, what waits. Pure.

Invariants: nothing is restored in place of a database that is lost or fails over; its own host is
the only one that can take it; a moment that cannot be brought back is refused with the newest one
that can.
"""

from __future__ import annotations

from datetime import datetime

from recovery.backups.words import instant
from recovery.inventory.facts import DatabaseState, Plan, Verdict
from recovery.restores.facts import Facts, HostSight, Place, Source
from recovery.restores.lost import Standing

MOST_ADOPTIONS = 2
"""Nobody is served meanwhile: then what was there serves on."""


def refuse_here(standing: Standing) -> str:
    """Why this database is not restored in its own place now; empty where it may be."""
    name, lead = standing.name, standing.lead
    if standing.state is DatabaseState.MAKING or lead is None:
        return f"{name} never served: there is nothing to bring back."
    if standing.failover:
        return f"{standing.failover} of {name}, is under way."
    if lead.verdict is not Verdict.ALIVE:
        return f"{lead.host} is {lead.verdict}: what is lost is restored on another host."
    return waits_here(standing.name, standing.plan, standing.state)


def waits_here(name: str, plan: Plan, state: DatabaseState) -> str:
    """Why its data are not replaced in this state; empty where they may be. A starter database
    whose host lives may wait because of these very data."""
    fits = {DatabaseState.SERVING} | ({DatabaseState.WAITING} if plan is Plan.STARTER else set())
    return "" if state in fits else f"{name} is {state}: it is not restored in place meanwhile."


def refuse_moment(source: Source, to: datetime | None) -> str:
    """Why this moment cannot be had from there; empty where it can, or none was asked for."""
    if to is None or source.at is None:
        return ""
    newest = f"the newest moment that can be restored is {instant(source.at)}"
    name = f"Replica {source.number} ({source.store})"
    if to > source.at:
        return f"{name} goes to {instant(source.at)} and no further: {newest}."
    if source.opens is None:
        return f"{name} has its backups' own moments alone: leave it empty; {newest}."
    if to < source.opens:
        return f"{name} begins at {instant(source.opens)}; {newest}."
    return ""


def place_here(host: HostSight | None) -> Place:
    """Its own host, whatever else is there."""
    if host is None:
        return Place(None, "It is led by nobody.")
    return Place(host, f"In its own place, on {host.name} in {host.site}.")


def refuse_led(facts: Facts) -> str:
    """Why the switch may not happen in place; empty where it may."""
    return waits_here(facts.database, facts.plan, facts.state) if facts.in_place else ""
