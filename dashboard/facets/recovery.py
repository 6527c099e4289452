"""The panels of a lost datacenter: what giving it up means, what waiting means, and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from dashboard.facets.needs import needs_of
from dashboard.needs import needs_about
from dashboard.permissions import May
from dashboard.screen import Screen
from recovery.backups.words import joined
from recovery.brief import screens as rows
from recovery.brief.facts import Choice, Way
from recovery.brief.losses import say, span
from recovery.brief.parts import Brief, Look, Loss
from recovery.brief.waves import spoken_seconds
from recovery.detection.screens import LossVouchView, disproved
from recovery.drp.queries.shipped import missing_book
from recovery.drp.views.behind import Behind
from recovery.drp.views.runs import run_lines
from recovery.incidents.screens import IncidentView

Context = Mapping[str, Any]
SHOWN = 40
"""Databases in the table, the worst first; all of them are in the API."""
LIKELY = 30
TITLES = {
    "promote": ("Promote", "database,databases"),
    "restore business": ("Restore", "business database,business databases"),
    "start": ("Start", "container elsewhere,containers elsewhere"),
    "restore starter": ("Restore", "starter database,starter databases"),
}


def recovery(screen: Screen, key: str) -> Context:
    """Every datacenter: how it looks, and what its loss would mean."""
    found = [_summary(screen.brief(name)) for name in screen.recovery.sites]
    lost = [one for one in found if one["brief"].is_lost]
    return {"rows": found, "lost": lost, "no_book": missing_book()}


def _summary(brief: Brief) -> dict[str, Any]:
    now, fit = brief.activate, brief.activate.fit
    return {
        "brief": brief,
        "tone": _tone(brief),
        "loss": say(now.losses),
        "stays": (fit.containers - fit.moved if fit else None, len(now.left)),
        "time": _time(brief),
    }


def _tone(brief: Brief) -> str:
    tones = {Look.FINE: "", Look.HURT: "risk", Look.LOST: "down", Look.UNSEEN: "unknown"}
    return tones[brief.look]


def _time(brief: Brief) -> str:
    """About 43 min, at least 12 min, not known."""
    now = brief.activate
    if now.seconds is None or brief.is_unseen:
        return "not known"
    if not now.waves:
        return "nothing to bring back"
    return f"{'at least' if now.is_floor else 'about'} {spoken_seconds(now.seconds)}"


def _brief(screen: Screen, key: str) -> Brief | None:
    return screen.brief(key) if key in screen.recovery.sites else None


def recovery_voice(screen: Screen, key: str) -> Context | None:
    brief = _brief(screen, key)
    if brief is None:
        return None
    incident = _incident(screen, brief)
    alarm = "taken" if incident is None or incident.is_taken else "open"
    return {
        "brief": brief,
        "behind": _fenced(screen, key),
        "tone": _tone(brief),
        "incident": incident,
        "alarm": alarm if brief.is_lost else "",
        "time": _time(brief),
        "risk": at_risk(brief),
        "word": _word(screen, key),
    }


def _incident(screen: Screen, brief: Brief) -> IncidentView | None:
    return next((one for one in screen.incidents if one.number == brief.incident), None)


def at_risk(brief: Brief) -> tuple[str, str, str]:
    """The second clock: digits, unit, and what they are of."""
    gone, unknown = brief.losing(Way.NONE), brief.losing(Way.UNKNOWN)
    known = [one for one in brief.activate.losses if one.lost is not None]
    worst = max(known, key=lambda one: one.lost or timedelta(0), default=None)
    rest = [f"of {len(unknown)} nobody knows"] if unknown else []
    if gone:
        then = [f"then {worst.database}, {span(worst.lost)}"] if worst and worst.lost else []
        names = joined(tuple(one.database for one in gone), 2)
        return "all", "", "; ".join([f"of {names}, {_are(gone)} nowhere else", *then, *rest])
    if worst is None or worst.lost is None:
        return ("?", "", rest[0]) if unknown else ("none", "", "")
    digits, unit = _big(worst.lost)
    unhurt = brief.unhurt
    spared = [f"{unhurt} lose{'s' if unhurt == 1 else ''} nothing"] if worst.lost and unhurt else []
    return digits, unit, "; ".join([f"worst is {worst.database}", *spared, *rest])


def _are(losses: tuple[Loss, ...]) -> str:
    return "which is" if len(losses) == 1 else "which are"


def _big(lost: timedelta) -> tuple[str, str]:
    seconds = int(lost.total_seconds())
    if timedelta(0) < lost < timedelta(seconds=1):
        return "<1", "s"
    for size, most, unit in ((1, 120, "s"), (60, 7200, "min"), (3600, 172_800, "h")):
        if seconds < most:
            return str(seconds // size), unit
    return str(seconds // 86_400), "days"


def recovery_next(screen: Screen, key: str) -> Context | None:
    """The decision that is asked for, or the one that stands. Taking the incident stops the bell
    and comes first, and hides no way: who decides takes it with that."""
    brief = _brief(screen, key)
    if brief is None or not brief.is_lost:
        return _vouching(screen, key) or _behind(screen, key)
    decided, incident = brief.decided, _incident(screen, brief)
    is_activated = decided is not None and decided.choice is Choice.ACTIVATE
    run = next((one for one in run_lines(lost=brief.site) if one.is_recovering), None)
    return {
        "brief": brief,
        "decided": decided,
        "is_activated": is_activated,
        "incident": incident,
        "rings": incident is not None and not incident.is_taken and screen.may(May.ACKNOWLEDGE),
        "decides": screen.may(May.DECIDE) and not is_activated,
        "may_run": screen.may(May.RUN),
        "run": run,
        "no_book": "" if run else missing_book(),
        "there": f"/recovery/runs/{run.number}/" if run else f"/recovery/start/?lost={brief.site}",
        "go": f"Go on with {run.name}" if run else "Start its runbook…",
    }


def _fenced(screen: Screen, key: str) -> Behind | None:
    return next((one for one in screen.behind if one.site == key), None)


def _word(screen: Screen, key: str) -> LossVouchView | None:
    """Somebody's word that it is lost, asked for or standing."""
    return next((one for one in screen.vouches if one.site == key), None)


def _vouching(screen: Screen, key: str) -> Context | None:
    """While nobody sees it: whoever knows more than Tocsin says so, and another one, too."""
    word = _word(screen, key)
    silent = next((one for one in screen.silent_sites if one.site == key), None)
    if silent is None or (word and word.stands):
        return None
    return {
        "vouching": True,
        "site": key,
        "word": word,
        "over": disproved(key),
        "alive": silent.alive,
    }


def _behind(screen: Screen, key: str) -> Context | None:
    """It answers behind a fence: how it goes back."""
    found = _fenced(screen, key)
    if found is None:
        return None
    return {"behind": found, "needs": needs_about(needs_of(screen), f"site:{key}")}


def recovery_weigh(screen: Screen, key: str) -> Context | None:
    brief = _brief(screen, key)
    if brief is None:
        return None
    now, wait = brief.activate, brief.wait
    fit = now.fit
    return {
        "brief": brief,
        "time": _time(brief),
        "loss": say(now.losses),
        "unfit": fit.containers - fit.moved if fit else None,
        "left": len(now.left),
        "down": (fit.containers if fit else None, len(now.losses)),
        "first": next((one for one in wait.breaches if one.at or one.left), None),
        "broken": sum(one.is_broken for one in wait.breaches),
        "unmeasured": sum(one.left is None for one in wait.breaches),
        "is_final": any(wave.is_final for wave in now.waves),
    }


def recovery_loss(screen: Screen, key: str) -> Context | None:
    brief = _brief(screen, key)
    if brief is None:
        return None
    found = brief.activate.losses
    return {"brief": brief, "rows": found[:SHOWN], "more": max(0, len(found) - SHOWN)}


def recovery_fit(screen: Screen, key: str) -> Context | None:
    brief = _brief(screen, key)
    if brief is None:
        return None
    fit = brief.activate.fit
    unfit = sum(one.copies for one in fit.misfits if not one.is_waiting) if fit else 0
    return {"brief": brief, "fit": fit, "unfit": unfit}


def recovery_waves(screen: Screen, key: str) -> Context | None:
    brief = _brief(screen, key)
    if brief is None or not brief.activate.waves:
        return None
    waves = brief.activate.waves
    brink = next((at for at, wave in enumerate(waves) if wave.is_final), None)
    found = [
        (number, wave, *TITLES[wave.verb], number - 1 == brink)
        for number, wave in enumerate(waves, start=1)
    ]
    return {"brief": brief, "rows": found, "time": _time(brief)}


def recovery_promises(screen: Screen, key: str) -> Context | None:
    brief = _brief(screen, key)
    if brief is None or not brief.wait.burns:
        return None
    return {"brief": brief, "burns": brief.wait.burns, "breaches": brief.wait.breaches[:12]}


def recovery_evidence(screen: Screen, key: str) -> Context | None:
    brief = _brief(screen, key)
    if brief is None or not brief.hypotheses:
        return None
    return {"brief": brief, "suspects": [(one, _answer(one.score)) for one in brief.hypotheses]}


def _answer(score: int) -> str:
    if score < LIKELY:
        return "No"
    return "Yes" if score >= 80 else "Perhaps"


def recovery_told(screen: Screen, key: str) -> Context | None:
    """What was said and decided about it so far."""
    words, decisions = rows.words_of(key), rows.decisions_of(key)
    if not words and not decisions:
        return None
    return {"words": words, "decisions": decisions, "site": key}
