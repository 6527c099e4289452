"""The panels of databases: all of them, one of them, and what its users wait for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from dashboard.facets.stopwatch import Watch, clock_marks
from dashboard.permissions import May
from dashboard.screen import Screen, is_settling
from recovery.backups.loss import Line
from recovery.backups.words import instant
from recovery.brief.losses import lost_since
from recovery.core import clock
from recovery.core.ports import DATABASE, Login
from recovery.failover import screens as rows
from recovery.failover.facts import NEVER
from recovery.failover.views.copies import CopyView
from recovery.failover.views.databases import DatabaseView, FailoverView
from recovery.failover.views.month import month_of_database
from recovery.inventory.facts import DatabaseState
from recovery.restores.telling import left_on

Context = Mapping[str, Any]


def databases(screen: Screen, key: str) -> Context:
    """Trouble first, then by name."""
    calm = [d for d in screen.databases if not d.tone]
    return {"rows": [(d, _bar(d)) for d in (*screen.hurt_databases, *calm)]}


def queue(screen: Screen, key: str) -> Context | None:
    """What waits for a host or a person, the longest first."""
    waiting = sorted(screen.waiting_databases, key=lambda d: d.state_at)
    return {"rows": waiting} if waiting else None


def _bar(view: DatabaseView) -> dict[str, Any]:
    """The worst case within its promise, as a bar of at most its whole width."""
    worst = view.worst
    if not view.is_business or worst.seconds == NEVER:
        return {"width": 100.0 if view.is_business else 0.0, "over": view.is_business}
    share = 100 * worst.seconds / worst.promise
    return {"width": round(min(100.0, share), 1), "over": share > 100}


def _find(screen: Screen, name: str) -> DatabaseView | None:
    return next((d for d in screen.databases if d.name == name), None)


def database_voice(screen: Screen, key: str) -> Context | None:
    found = _find(screen, key)
    if found is None:
        return None
    running = found.running
    since = None
    if found.is_down:
        since = (found.probe and found.probe.failing_since) or found.state_at
        since = running.happened_at if running is not None else since
    backup = _left_of(screen, found)
    return {
        "db": found,
        "running": running,
        "since": since,
        "happens": _happens(found),
        "backup": backup,
        "lost": _lost(screen, found, backup, since) if backup and since else None,
        "user": Login.CLIENT if screen.may(May.SWITCH_OVER) else "",
        "dbname": DATABASE if found.engine == "postgresql" else "",
    }


def _lost(screen: Screen, view: DatabaseView, backup: Line, since: datetime) -> timedelta | None:
    """What came after its newest backup, as the brief of its datacenter has it."""
    site = view.primary.site if view.primary else view.site
    return lost_since(screen.recovery.last_write(view.pk, site, since), backup.at)


def _left_of(screen: Screen, view: DatabaseView) -> Line | None:
    """What a backup gives back where no other copy does; None: another copy does, or there is
    none."""
    if view.is_business and not view.has_lost_all:
        return None
    site = view.primary.site if view.primary else ""
    if site in screen.lost_sites:
        lines = (
            one for quote in screen.backups.quotes if quote.site == site for one in quote.lines
        )
        found = next((one for one in lines if one.database == view.name), None)
    else:
        found = screen.backups.left.get(view.name)
    return found if found is not None and found.used is not None else None


def _happens(view: DatabaseView) -> str:
    """What goes on, in a sentence. What users get is said before what is recorded of it."""
    running = view.running
    if running is not None:
        return running.waiting_for or running.cause
    if view.is_failing and view.state == DatabaseState.SERVING and view.probe is not None:
        return (
            f"Its users get: {view.probe.error or 'no answer'}. Recorded of it: "
            f"{view.state_reason[:1].lower()}{view.state_reason[1:]}"
        )
    if not view.is_down and view.is_unmeasured and view.probe is not None:
        asked = f" Its users were last asked at {instant(view.probe.at)}." if view.probe.at else ""
        return f"The meter is silent.{asked}"
    if not view.is_down and view.degraded_at:
        return view.degraded_reason
    if view.tone == "risk":
        return next(iter(view.worst.reasons), "")
    return view.state_reason


def database_copies(screen: Screen, key: str) -> Context | None:
    found = _find(screen, key)
    return {"db": found} if found else None


def database_users(screen: Screen, key: str) -> Context | None:
    """What the user who writes all the time sees, where one does."""
    found = _find(screen, key)
    return {"db": found, "probe": found.probe} if found and found.probe else None


def database_month(screen: Screen, key: str) -> Context | None:
    """What this month's outages are counted from, and what nobody measured."""
    if _find(screen, key) is None:
        return None
    return {"stretches": month_of_database(key, clock.system.now())}


def database_worst(screen: Screen, key: str) -> Context | None:
    found = _find(screen, key)
    if found is None or not found.is_business:
        return None
    return {"db": found, "worst": found.worst, "endless": found.worst.seconds == NEVER}


def database_failover(screen: Screen, key: str) -> Context | None:
    """The one that runs, else the newest."""
    found = _find(screen, key)
    if found is None or found.failover is None:
        return None
    return {"db": found, "fo": found.failover, "watch": _watch(found.failover, found)}


def database_history(screen: Screen, key: str) -> Context | None:
    found = rows.view_database(key, clock.system.now())
    return {"db": found} if found else None


def database_acts(screen: Screen, key: str) -> Context | None:
    found = _find(screen, key)
    if found is None or not screen.may(May.SWITCH_OVER):
        return None
    return {"db": found}


def _watch(failover: FailoverView, view: DatabaseView) -> Watch:
    """From the users' last acknowledged write to their first one after, where somebody wrote."""
    gap = failover.gap
    start, end = failover.happened_at, None
    if gap is not None:
        start, end = gap.last_before, gap.first_after
    promise = view.worst.promise if view.is_business else None
    return clock_marks(start, failover.marks, end=end or failover.ended_at, promise=promise)


def host_copies(screen: Screen, key: str) -> Context | None:
    """The replicas of this host, and what restores elsewhere left on it."""
    mine = [(d, copy) for d in screen.databases for copy in d.copies if copy.host == key]
    held = _held(screen)
    found = [(d, copy, _if_lost(d, copy, held)) for d, copy in mine]
    left = left_on(key)
    return {"rows": found, "left": left} if found or left else None


def _held(screen: Screen) -> str:
    """Why no failover begins by itself, whichever database it is; empty where it does."""
    if screen.unseeing:
        return f"Nobody takes over by itself: {screen.unseeing}"
    if screen.brake.paused_at:
        return f"Nobody takes over by itself: automation is paused by {screen.brake.paused_by}."
    froze = [one.run for one in screen.freezes if "failover" in one.parts]
    return f"Nobody takes over by itself: {' and '.join(froze)} froze failovers." if froze else ""


def _if_lost(db: DatabaseView, copy: CopyView, held: str) -> str:
    """What the loss of this copy's host would do to the database now."""
    if copy.role != "primary":
        return "It serves on without this standby." if copy.role == "standby" else ""
    if not db.is_business:
        return "It waits for this host’s return."
    if db.worst.seconds == NEVER:
        return " ".join(db.worst.reasons)
    if held:
        return held
    if db.blocked_until is not None and db.blocked_until > clock.system.now():
        return f"A person is asked first, until {db.blocked_until:%H:%M:%S}."
    return f"It fails over within {db.worst_said}; lost: {db.at_risk}."


def hurting(screen: Screen, key: str) -> Context | None:
    """On the overview: only those in trouble."""
    hurt = [d for d in screen.hurt_databases if d.state != "making" and not is_settling(d)]
    return {"rows": [(d, _happens(d)) for d in hurt]} if hurt else None


def loss_of_sites(screen: Screen) -> dict[str, list[str]]:
    """What the loss of each datacenter would do to databases, sentence by sentence."""
    return {site.name: _loss_of(site.name, screen.databases) for site in screen.sites}


def _loss_of(site: str, databases: tuple[DatabaseView, ...]) -> list[str]:
    led = [d for d in databases if d.primary is not None and d.primary.site == site]
    far = [d.name for d in led if any(copy.site != site for copy in d.standbys)]
    gone = [d.name for d in led if d.name not in far]
    said = []
    if far:
        said.append(f"{', '.join(far)}: a copy elsewhere, promoted by a recovery plan alone.")
    if gone:
        said.append(f"{', '.join(gone)}: no copy elsewhere; down until it is back or restored.")
    return said
