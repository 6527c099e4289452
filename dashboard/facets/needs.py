"""From a screen to what waits for a person, on the overview and on the page of each thing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from dashboard.needs import Need, needs, needs_about
from dashboard.needs.scene import Fenced, Question, Scene, Silent, Site, Stalled, Stuck
from dashboard.permissions import May
from dashboard.screen import Screen
from recovery.brief.facts import Choice
from recovery.drp.facts import Mode, RunState
from recovery.drp.views.behind import Behind
from recovery.drp.views.runs import RunLine, run_lines
from recovery.failover.rounds.ringing import PREFIX
from recovery.failover.views.databases import DatabaseView
from recovery.inventory.facts import DatabaseState
from recovery.restores import screens as restores
from recovery.restores.ringing import PREFIX as RESTORE
from recovery.restores.ringing import key_of

Context = Mapping[str, Any]
STOPPING = ("failover", "rescheduling")
"""Parts of automation without which nothing is moved by itself."""


def needs_of(screen: Screen) -> tuple[Need, ...]:
    """All of them, the gravest first."""
    return needs(scene_of(screen))


def scene_of(screen: Screen) -> Scene:
    """Everything on this screen that may wait for somebody."""
    lost = {h.name for s in screen.sites if s.name in screen.lost_sites for h in s.hosts}
    held = [one for one in screen.held if one.name not in lost]
    stopped = [one.run for one in screen.freezes if any(part in one.parts for part in STOPPING)]
    return Scene(
        doubt=screen.doubt.cause if screen.doubt else "",
        blind=screen.blind,
        silent=_silent(screen),
        cut=_cut(screen),
        unwatched=screen.unseeing if screen.is_watched is False and not screen.blind else "",
        paused_by=screen.brake.paused_by if screen.brake.paused_at else "",
        frozen=tuple(dict.fromkeys(stopped)),
        owners=screen.owners,
        sites=tuple(_site(screen, name) for name in screen.lost_sites),
        fenced=tuple(_fenced(screen, one) for one in screen.behind),
        questions=tuple(
            Question(
                one.id,
                one.title,
                one.people,
                one.role,
                screen.may(May.ANSWER),
                one.run_name,
                one.mode,
                one.lost,
            )
            for one in screen.asks
        ),
        stuck=_stuck(screen),
        stalled=_stalled(screen),
        held=tuple(one.name for one in held),
        held_why=held[0].reason if held else "",
        words=tuple((one.seat, one.container, one.host) for one in screen.unseated if one.seat),
        unseated=tuple(one.container for one in screen.unseated if not one.seat),
        alone=tuple(one.name for one in screen.databases if one.is_alone),
    )


def _silent(screen: Screen) -> tuple[Silent, ...]:
    """Of which nobody stands by a word yet, nor is any host of it seen alive."""
    if not screen.silent_sites:
        return ()
    words = {one.site: one for one in screen.vouches}
    return tuple(
        Silent(one.site, one.hosts, words[one.site].by if one.site in words else "")
        for one in screen.silent_sites
        if not one.alive and (one.site not in words or not words[one.site].stands)
    )


def _cut(screen: Screen) -> tuple[tuple[str, str], ...]:
    """Of which nobody is heard, and whom others see alive: with how."""
    return tuple((one.site, one.alive) for one in screen.silent_sites if one.alive)


def _site(screen: Screen, name: str) -> Site:
    runs = run_lines(lost=name)
    incident = screen.recovery.incident(name) or 0
    run = next((one for one in runs if one.is_recovering), None)
    if run:
        return Site(name, run.number, run.name, incident=incident)
    decided = screen.recovery.decided(name) if name in screen.recovery.sites else None
    if decided is None:
        return Site(name)
    what = f"{decided.by} decided to {decided.choice}"
    until = f" until {decided.until:%H:%M:%S}" if decided.until else ""
    said = f"{what}{until} as DEC-{decided.number:04d}."
    return Site(
        name,
        decided=said,
        is_activated=decided.choice is Choice.ACTIVATE,
        was_run=any(_is_of(one, decided.at) for one in runs),
        is_done=any(_is_of(one, decided.at) and one.state is RunState.DONE for one in runs),
        incident=incident,
    )


def _is_of(run: RunLine, decided_at: datetime) -> bool:
    return run.mode is Mode.DISASTER and run.requested_at >= decided_at


def _fenced(screen: Screen, one: Behind) -> Fenced:
    own = screen.owners.get(one.fence.run)
    return Fenced(
        one.site,
        one.told,
        databases=one.databases,
        goes_on=(own, one.fence.run) if own else one.going,
        ways=tuple((way.name, way.lost, way.href) for way in one.ways),
        no_book=one.no_book,
    )


def _stuck(screen: Screen) -> tuple[Stuck, ...]:
    """By the alarms that the controller rings while a condition holds; one that waits does so
    whatever rings."""
    rung: dict[str, set[str]] = {}
    for alarm in screen.alarms:
        if alarm.key.startswith(PREFIX):
            key, _, condition = alarm.key.removeprefix(PREFIX).partition(":")
            rung.setdefault(key, set()).add(condition)
    found = []
    for one in screen.databases:
        conditions = rung.get(str(one.pk), set())
        word = one.running.word if one.running else None
        if word is not None and not word.is_judged:
            conditions.discard("no-candidate")  # somebody chose: it is being carried out
        if not conditions and (one.state == DatabaseState.WAITING or one.has_lost_all):
            conditions = {"waiting"}
        if conditions:
            found.append(_of_database(one, frozenset(conditions)))
    return tuple(found)


def _stalled(screen: Screen) -> tuple[Stalled, ...]:
    """By the alarms of restores."""
    keys = (alarm.key for alarm in screen.alarms)
    rung = {alarm.key: f"{alarm.title}." for alarm in screen.alarms}
    pks = {UUID(key.split(":")[1]) for key in keys if key.startswith(RESTORE)}
    found = restores.views_of(pks) if pks else {}
    return tuple(
        Stalled(
            one.name,
            one.database,
            one.host,
            why=rung[key],
            in_place=one.in_place,
            may_call_off=one.may_be_called_off,
            is_over=not one.is_running,
        )
        for pk, one in found.items()
        for key in (key_of(pk), key_of(pk, "ended"))
        if key in rung and not one.moves
    )


def _of_database(one: DatabaseView, conditions: frozenset[str]) -> Stuck:
    running = one.running
    offers = running.may_choose if running else ()
    why = (running.waiting_for or running.cause) if running else one.state_reason
    return Stuck(
        name=one.name,
        conditions=conditions,
        why=why.removeprefix("No safe candidate. "),
        site=one.site,
        on=running.source if running else one.primary.host if one.primary else "",
        to=running.target if running else "",
        offers=len(offers),
        people=min((offer.people for offer in offers), default=1),
        may_vouch=one.may_be_vouched_for,
        may_restore=one.may_be_restored,
        may_go_back=one.may_go_back,
        may_move=not one.is_business and one.state == DatabaseState.WAITING,
    )


def database_next(screen: Screen, key: str) -> Context | None:
    """What a person does about this database; nothing where nobody has to do anything."""
    found = next((one for one in screen.databases if one.name == key), None)
    if found is None or not (found.tone or found.running):
        return None
    return _about(screen, f"database:{key}", f"site:{found.site}")


def host_next(screen: Screen, key: str) -> Context | None:
    for site in screen.sites:
        for host in site.hosts:
            if host.name == key and host.state:
                return _about(screen, f"host:{key}", f"site:{site.name}")
    return None


def application_next(screen: Screen, key: str) -> Context | None:
    found = next((one for one in screen.applications if one.name == key), None)
    if found is None or not found.state:
        return None
    mine = [one for one in screen.unseated if one.application == key]
    return _about(screen, *(f"container:{one.container}" for one in mine))


def _about(screen: Screen, *names: str) -> Context | None:
    found = needs_about(needs_of(screen), *names)
    return {"needs": found} if found else None
