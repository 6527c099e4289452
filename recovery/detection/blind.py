"""Do we trust our eyes? Pure. Invariant: while blind, no verdict changes in either direction."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from recovery.detection.facts import Blindness, Vantage
from recovery.detection.policy import Policy

SECONDS = re.compile(r"\d+\.\d+ s\b")
"""They run with every look, and are no news."""


def says_the_same(told: Sequence[str], reasons: Sequence[str]) -> bool:
    """Whether these are the reasons that were told, but for the seconds in them."""
    return [SECONDS.sub("", one) for one in told] == [SECONDS.sub("", one) for one in reasons]


def blindness(
    vantage: Vantage,
    heard: Mapping[str, int],
    watched: Mapping[str, int],
    policy: Policy,
    living: Mapping[str, str] | None = None,
) -> Blindness:
    """Every reason for hands off. `heard` of `watched` hosts per datacenter sent heartbeats lately.

    `watched` leaves out hosts that were given up longer ago than the guard's window; `living`:
    datacenters that others see alive, with how.
    """
    reasons = [
        *_stale_digests(vantage, policy),
        *_too_few_heard(heard, watched),
        *_too_few_vantage_points(vantage, heard, watched, policy),
    ]
    if vantage.database_changed:
        reasons.append("The database behind us has changed its identity.")
    afresh, late = _grace_left(vantage, policy), _late_left(vantage, policy)
    left = max(afresh, late)
    if not reasons and left > 0:
        said = f"We look afresh: {left:.1f} s until we judge again."
        return Blindness((said,), True, left, is_late=afresh <= 0)
    cut = {site: how for site, how in (living or {}).items() if not heard.get(site)}
    if reasons and cut:
        reasons.append(_said_of(sorted(cut)))
    return Blindness(tuple(reasons), starting=vantage.watching < policy.start_patience, living=cut)


def _said_of(cut: Sequence[str]) -> str:
    """One sentence, however many: it stands in red over every page."""
    sites = " or ".join([", ".join(cut[:-1]), cut[-1]] if len(cut) > 1 else cut)
    return f"Nobody of {sites} is heard, yet others see {'them' if len(cut) > 1 else 'it'} alive."


def _stale_digests(vantage: Vantage, policy: Policy) -> list[str]:
    if not vantage.gateways:
        return ["No gateway sends a digest of heartbeats."]
    return [
        f"Gateway {gateway.name} was not heard yet."
        if math.isinf(gateway.digest_age)
        else f"The digest of gateway {gateway.name} is {gateway.digest_age:.1f} s old."
        for gateway in vantage.gateways
        if gateway.digest_age > policy.digest_max_age
    ]


def _too_few_heard(heard: Mapping[str, int], watched: Mapping[str, int]) -> list[str]:
    total, known = sum(heard.values()), sum(watched.values())
    if known and not total:
        return [f"All {known} agents went silent at once: that is us, not them."]
    if known and total * 2 <= known:
        return [f"Only {total} of {known} hosts are heard: we may be on the smaller side of a cut."]
    return []


def _too_few_vantage_points(
    vantage: Vantage, heard: Mapping[str, int], watched: Mapping[str, int], policy: Policy
) -> list[str]:
    tried = [anchor for anchor in vantage.anchors if anchor.reached is not None]
    points = {name: heard.get(name, 0) > 0 for name, count in watched.items() if count}
    points.update({anchor.name: bool(anchor.reached) for anchor in tried})
    seen = sum(points.values())
    if len(points) < policy.vantage_points:
        return []
    if seen * policy.vantage_points < len(points) * policy.vantage_needed:
        few = f"Only {seen} of the" if seen else "None of the"
        verb = "is" if seen == 1 else "are"
        return [f"{few} {len(points)} vantage points (datacenters, anchors) {verb} reached."]
    return []


def _grace_left(vantage: Vantage, policy: Policy) -> float:
    left = policy.regrace - vantage.watching
    for gateway in vantage.gateways:
        if gateway.gap > policy.digest_max_age:
            left = max(left, policy.gap_regrace)
    return left


def _late_left(vantage: Vantage, policy: Policy) -> float:
    """After ticks of our own that came late."""
    left = policy.gap_regrace - vantage.since_gap
    if vantage.tick_gap > policy.gap_ticks * policy.tick:
        left = max(left, policy.gap_regrace)
    return left
