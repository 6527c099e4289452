"""What is restored from, and where to: facts in, an answer out. Pure.

Invariant: nothing is promised that was not read in an archive; a replica in a lost site or of an
unknown place is never chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from recovery.backups.distance import kilometres
from recovery.backups.facts import CONTINUOUS, Site
from recovery.backups.ranking import Rated
from recovery.backups.ranking import best as best_of
from recovery.backups.words import instant, spoken
from recovery.inventory.facts import Plan, Verdict
from recovery.restores.facts import (
    Choice,
    Home,
    HostSight,
    Place,
    Source,
    Way,
)
from recovery.restores.in_place import refuse_here
from recovery.restores.lost import Standing, refuse
from recovery.restores.words import deaf


def choose(
    sources: Sequence[Source],
    home: Site,
    lost: frozenset[str],
    wanted: str = "",
    promise: timedelta = CONTINUOUS.promise,
) -> Choice:
    """The replica that comes first (backups/ranking.py); or `wanted` (a key), if it can be."""
    usable = [one for one in sources if not refuse_source(one, lost)]
    best = best_of(usable, lambda one: _rated(one, home), promise)
    if wanted:
        best = next((one for one in usable if one.key == wanted), None)
    why_not = tuple(refuse_source(one, lost) or _after(one, best) for one in sources if one != best)
    if best is None:
        asked = wanted and usable
        said = "What was asked for cannot be" if asked else "Nothing that is left can be"
        return Choice(None, f"{said} restored.", why_not)
    return Choice(best, _said(best, usable, is_wanted=bool(wanted)), why_not)


def refuse_source(source: Source, lost: frozenset[str]) -> str:
    """Why it cannot be restored from; empty where it can."""
    name = f"Replica {source.number} ({source.store})"
    if source.unusable:
        return f"{name}: {source.unusable}"
    if source.site is None:
        return f"{name} lies nobody knows where."
    if source.site.name in lost:
        return f"{name} is in {source.site.name}, which is lost."
    if source.at is None:
        return f"{name} holds nothing that can be restored."
    return ""


def _rated(source: Source, home: Site) -> Rated:
    assert source.at is not None, "it is usable"
    far = kilometres(source.site, home)
    return Rated(source.at, bool(source.disproof), bool(source.unread), far, source.number)


def _said(source: Source, usable: Sequence[Source], *, is_wanted: bool) -> str:
    assert source.at is not None, "it is usable"
    assert source.site is not None, "it is usable"
    is_furthest = all(one.at is None or one.at <= source.at for one in usable)
    how = "goes furthest"
    if not is_furthest:
        surer = _surer(source, usable)
        how = "was asked for, and goes" if is_wanted else f"goes furthest of those {surer}"
    how += "," if is_furthest or not is_wanted else ""
    said = f"Replica {source.number} in {source.site.name} {how} to {instant(source.at)}."
    if source.disproof:
        said += f" Its last restore test failed ({source.disproof}), and there is no better one."
    if source.unread:
        said += f" It may be away ({source.unread.rstrip('.')}): a restore may fail."
    return said


def _surer(source: Source, usable: Sequence[Source]) -> str:
    """What is wrong with all that go further, and not with this one."""
    further = [one for one in usable if one.at and source.at and one.at > source.at]
    said = (
        "not disproven" if any(one.disproof for one in further) else "",
        "that can be read" if any(not one.disproof for one in further) else "",
    )
    return " and ".join(filter(None, said))


def _after(source: Source, best: Source | None) -> str:
    name = f"Replica {source.number} ({source.store})"
    if best is None or best.at is None or source.at is None:
        return f"{name} was not asked for."
    if source.disproof and not best.disproof:
        return f"{name} failed its last restore test: {source.disproof}"
    if source.at < best.at:
        return f"{name} ends {spoken(best.at - source.at)} earlier."
    if source.at > best.at:
        why = "was not asked for"
        if source.unread and not best.unread:
            why = f"cannot be read now ({source.unread.rstrip('.')})"
        return f"{name} goes {spoken(source.at - best.at)} further, and {why}."
    if source.unread and not best.unread:
        return f"{name} goes as far, and cannot be read now."
    return f"{name} goes as far, and is no nearer."


# ---------------------------------------------------------------------- which way


def ways(standing: Standing) -> tuple[Way, Way]:
    """In its own place, and on another host: whether it may go so now, and why."""
    return (
        Way("in its own place", refuse_here(standing), _here(standing)),
        Way("on another host", refuse(standing), _elsewhere(standing)),
    )


def _here(standing: Standing) -> str:
    lead = standing.lead
    if lead is None:
        return ""
    if lead.is_down:
        return (
            f"{lead.name} on {lead.host} does not start ({lead.server}): its host lives and can"
            " take it."
        )
    return f"{lead.name} on {lead.host} goes on until what was restored is proven."


def _elsewhere(standing: Standing) -> str:
    if standing.plan is Plan.STARTER:
        return f"{standing.name} waits, and has no other copy."
    how = [
        f"{one.name} on {one.host} is {one.server if one.is_down else one.verdict}"
        for one in standing.members
    ]
    return f"No copy of it can serve: {', '.join(how)}."


# ---------------------------------------------------------------------- where


def place(hosts: Sequence[HostSight], home: Home, wanted: str = "") -> Place:
    """A living host with room for its port: at home first, in another rack than the one that is
    gone, with the fewest databases; or `wanted` (a key), if it can take it."""
    usable = [one for one in hosts if not refuse_host(one, home)]
    best = min(usable, key=lambda one: _order(one, home), default=None)
    if wanted:
        best = next((one for one in usable if one.key == wanted), None)
    why_not = tuple(said for one in hosts if one != best and (said := refuse_host(one, home)))
    if best is None:
        return Place(None, "No living host can take it.", why_not)
    where = "at home" if best.site == home.site else f"home ({home.site}) has no place"
    return Place(best, f"{best.name} in {best.site}: {where}.", why_not)


def refuse_host(host: HostSight, home: Home) -> str:
    """Why it cannot take the database; empty where it can."""
    no = (
        (
            host.key == home.host,
            "has it already: in its own place is another way."
            if host.verdict is Verdict.ALIVE
            else "is the host that is gone.",
        ),
        (host.verdict is not Verdict.ALIVE, f"is {host.verdict}."),
        (host.site in home.lost, f"is in {host.site}, which is lost."),
        (host.is_cordoned, "is cordoned: nothing new goes there."),
        (host.is_quarantined, "has come back and is not trusted yet."),
        (host.deaf_since is not None, deaf(host.deaf_since) if host.deaf_since else ""),
        (bool(host.taken_by), f"has its port taken by {host.taken_by}."),
    )
    return next((f"{host.name} {why}" for holds, why in no if holds), "")


def refuse_agreed(host: HostSight, home: Home) -> str:
    """Why a host that was agreed to cannot take it any more; what passes by itself is waited for
    (`_awaited`), and its loss is seen by its verdict."""
    passed = replace(host, verdict=Verdict.ALIVE, is_quarantined=False, deaf_since=None)
    return refuse_host(passed, home)


def _order(host: HostSight, home: Home) -> tuple[bool, bool, int, str]:
    return host.site != home.site, host.rack == home.rack, host.databases, host.name
