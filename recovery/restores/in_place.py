"""Going back in time where it is: may it, to which moment, what waits. Pure.

Invariants: nothing is restored in place of a database that is lost, or while somebody else may be
about to lead it; its own host is the only one that can take it; a moment that cannot be brought
back is refused with the newest one that can; what was there before is given up only once what
replaced it is seen to serve, so there is a way back to it for as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from recovery.backups.words import ends, first_instant, instant, spoken
from recovery.inventory.facts import DatabaseState, Plan, Verdict
from recovery.restores.facts import ENDED, Facts, HostSight, Phase, Place, Source, Switched
from recovery.restores.lost import DOWN, Standing, is_down

MOST_ADOPTIONS = 2
"""Nobody is served meanwhile: then what was there serves on."""
STARTS_WITHIN = timedelta(minutes=2)
"""What was proven has started once already: then what was there serves on."""
SERVES_WITHIN = timedelta(minutes=30)
"""Of a server that is at it: it may have much to read."""


def refuse_here(standing: Standing) -> str:
    """Why this database is not restored in its own place now; empty where it may be."""
    name, lead = standing.name, standing.lead
    if standing.state is DatabaseState.MAKING or lead is None:
        return f"{name} never served: there is nothing to bring back."
    if lead.verdict is not Verdict.ALIVE:
        return f"{lead.host} is {lead.verdict}: what is lost is restored on another host."
    return waits_here(standing)


def waits_here(standing: Standing) -> str:
    """Why its data are not replaced as it stands; empty where they may be. It may wait, or its
    failover for somebody who could take over, because of these very data."""
    name = standing.name
    is_stuck = is_down(standing)
    if standing.failover and not (standing.is_undecided and is_stuck):
        return f"{standing.failover} of {name}, is under way."
    fits = {DatabaseState.SERVING}
    if standing.plan is Plan.STARTER or is_stuck:
        fits |= {DatabaseState.WAITING}
    if standing.state in fits:
        return ""
    return f"{name} is {standing.state}: it is not restored in place meanwhile."


def refuse_moment(source: Source, to: datetime | None, others: Sequence[Source] = ()) -> str:
    """Why this moment cannot be had from there, and which of the `others` has it; empty where it
    can, or none was asked for. Nobody is sent to one that failed its restore test."""
    if to is None or not (why := _lacks(source, to)):
        return ""
    others = [one for one in others if not one.disproof]
    has = [_named(one) for one in others if one.at and not _lacks(one, to)]
    if has:
        return (
            f"{_named(source)} {why}. {' and '.join(has)} {'has' if len(has) == 1 else 'have'} it."
        )
    newest = "" if _cut(source, to) else f"; {_newest((source, *others), source, to)}"
    return f"{_named(source)} {why}{newest}."


def _named(source: Source) -> str:
    return f"Replica {source.number} ({source.store})"


def _lacks(source: Source, to: datetime) -> str:
    """Why it has not this moment, after its name; empty where it has, or nothing is known of it."""
    if source.at is None:
        return ""
    if to > source.at:
        return f"goes to {instant(source.at, to)} and no further"
    if source.opens is None:
        return "has its backups' own moments alone: leave it empty"
    if to < source.opens:
        return f"begins at {ends(source.opens, source.at, to)[0]}"
    if (cut := _cut(source, to)) is None:
        return ""
    return (
        "cannot tell what was served then: an earlier restore or a failover began another history"
        f" there. The newest moment before is {instant(cut[0], to)}, the first after it is"
        f" {first_instant(cut[1], to)}"
    )


def _cut(source: Source, to: datetime) -> tuple[datetime, datetime] | None:
    """The two moments between which it lies and nothing tells what was served."""
    return next(((last, first) for last, first in source.cuts if last < to < first), None)


def _newest(all_: Sequence[Source], source: Source, to: datetime) -> str:
    """The newest moment of them all; what was said just before is not said again."""
    known = [(one.at, -one.number) for one in all_ if one.at]
    if source.at is None or not known:
        return "no replica has it"
    at, number = max(known)
    if at > source.at:
        return f"the newest moment that can be restored is {instant(at, to)}, in replica {-number}"
    if to > at:
        return "that is the newest moment that can be restored"
    return f"the newest moment that can be restored is {instant(at, to)}"


def place_here(host: HostSight | None) -> Place:
    """Its own host, whatever else is there."""
    if host is None:
        return Place(None, "It is led by nobody.")
    return Place(host, f"In its own place, on {host.name} in {host.site}.")


def refuse_led(facts: Facts) -> str:
    """Why the switch may not happen in place; empty where it may."""
    return waits_here(facts.standing) if facts.in_place else ""


def starts(facts: Facts) -> str:
    """Why what was put in place is not waited for any longer, as its agent says; empty: it is. A
    server that is at it has more time than one that does not run."""
    if facts.server in DOWN and facts.settled >= STARTS_WITHIN.total_seconds():
        return f"It did not start within {spoken(STARTS_WITHIN)}: {facts.said or facts.server}."
    if facts.settled >= SERVES_WITHIN.total_seconds():
        how = facts.said or facts.server or "its agent says nothing of it"
        return f"It accepted no writes within {spoken(SERVES_WITHIN)}: {how}."
    return ""


def way_back(facts: Facts) -> str:
    """What holds once it is given up after its switch."""
    if not facts.in_place:
        return f"Ask anew: {facts.database} waits."
    return (
        f"{facts.host} puts what was there before in its place again, before anything serves there;"
        " what was restored is kept for 14 days."
    )


def given_up(
    switched: Sequence[Switched], epochs: Sequence[tuple[int, str, object]]
) -> tuple[str, ...]:
    """The restores in place whose data may not serve, the newest first: those that an epoch was
    raised to give up, since the last one that came to its end. `switched`: the newest first;
    `epochs`: (number, who leads it, when it began).

    What ended because somebody else had moved its database on is none of them (restored rows may be
    long behind the world, B11), and neither is one after which another replica led."""
    found: list[str] = []
    for one in switched:
        if one.in_place and one.phase not in ENDED:
            continue
        if not one.in_place or one.phase is not Phase.ABANDONED:
            break
        later = [began for number, _, began in epochs if number > one.epoch]
        leaders = {leader for number, leader, _ in epochs if number >= one.epoch and leader}
        if one.ended_at in later and len(leaders) < 2:
            found.append(one.key)
    return tuple(found)
