"""What leads from a run to the same runbook, planned by what is so now.

Invariant: nothing of it is done by itself: a page is offered, on which a person plans.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlencode

from dashboard.permissions import May
from dashboard.screen import Screen
from recovery.drp.facts import Mode, RunState
from recovery.drp.views.runs import RunView, is_followed


@dataclass(frozen=True, slots=True)
class Anew:
    """What leads on from a run that ended before production was done with it."""

    href: str
    says: str
    why: str


def anew(run: RunView, screen: Screen) -> Anew | None:
    """Where the same is planned by what is so now: it was aborted, or drifted before anybody
    started it. None: it was planned since, or nothing of it was for production. Nothing living is
    emptied into what was lost meanwhile: people decide about that first."""
    drifted = run.state is RunState.PREPARED and run.sight.drift
    if run.mode not in {Mode.DISASTER, Mode.PLANNED}:
        return None
    if not (run.state is RunState.ABORTED or drifted) or is_followed(run.row):
        return None
    into = run.row.into
    if into in screen.lost_sites and run.mode is Mode.PLANNED:
        return Anew(f"/recovery/{into}/", f"Activate or wait? {into}", f"{into} is lost.")
    why = f"What {run.row} did stays done, and is not done again."
    return Anew(_page(run, screen, into), "Plan it anew…", why)


def _page(run: RunView, screen: Screen, into: str) -> str:
    """The form, filled in: `into` takes over, or whoever lives where that is lost."""
    lost = screen.lost_sites
    left = [site.name for site in screen.sites if site.name not in {*lost, run.row.lost}]
    same = {
        "runbook": run.row.runbook.name,
        "mode": run.row.mode,
        "lost": run.row.lost,
        "into": into if into not in lost else next(iter(left), into),
        "origin": run.sight.plan.origin or "",
    }
    return f"/recovery/start/?{urlencode(same)}"


@dataclass(frozen=True, slots=True)
class Offer:
    """A better copy is back: `said` of each database; `href`: where it is planned anew, "": not by
    who looks; `first`: what ends the run that is in its way."""

    said: tuple[str, ...]
    href: str
    first: str


def offer(run: RunView, screen: Screen) -> Offer | None:
    """What people would have chosen had it been there, and where they choose it. Where copies of
    another datacenter are the better ones, most of them say which one takes over."""
    found = run.sight.better
    if not found or is_followed(run.row):
        return None
    sites = Counter(one.site for one in found if one.site and one.site not in screen.lost_sites)
    into = sites.most_common(1)[0][0] if sites else run.row.into
    return Offer(
        said=tuple(one.said for one in found),
        href=_page(run, screen, into) if screen.may(May.RUN) else "",
        first=f"withdraw {run.row}" if run.state is RunState.PREPARED else f"abort {run.row}",
    )
