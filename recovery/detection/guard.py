"""The brake (I-BR-1 to I-BR-3): how much loss may be answered without asking a person. Pure.

Invariant: absolute, relative and correlated rules all have to pass; the answer depends neither on
the order of the losses nor on the order in which they were noticed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from recovery.detection.facts import Blindness, Loss, Ruling, Shape, Step
from recovery.detection.policy import Policy
from recovery.detection.sights import Floats


def guard(
    losses: Sequence[Loss],
    shape: Shape,
    policy: Policy,
    *,
    blind: Blindness | None = None,
    paused: str = "",
) -> Ruling:
    """One answer for all losses that stand now (`age` counts from when each was given up).

    `losses` holds every host that is down, the candidates included, and those that went down
    within the window and came back (`is_down` false).
    """
    if paused:
        return Ruling(Step.ASK, (f"Automation is paused: {paused}",))
    if blind:
        return Ruling(Step.ASK, blind.reasons)
    recent = [loss for loss in losses if loss.age <= policy.window]
    if whole := _whole_datacenters(losses, shape):
        names = ", ".join(whole)
        return Ruling(Step.ASK, (f"No host of {names} is left: a datacenter always asks.",), True)
    if rack := _lost_rack(recent, shape, policy):
        return _rack(rack, losses, recent, shape, policy)
    if reasons := (
        *_too_many_at_once(recent, shape, policy),
        *_too_many_in_all(losses, shape, policy),
    ):
        return Ruling(Step.ASK, reasons, True)
    count = len(recent)
    said = f"{count} host{'s' if count != 1 else ''} in {policy.window:.0f} s is within the limit."
    return Ruling(Step.ALLOW, (said,))


def wait_for_company(
    loss: Loss, down: int, silences: Floats, shape: Shape, policy: Policy
) -> Ruling | None:
    """Wait a moment unless enough neighbours were heard since this host was seen to be down.

    `silences` of the neighbours that have no settled verdict, sorted. Hosts that fail together
    miss their heartbeats up to a second apart: without this wait the first two of a lost
    datacenter would be answered before the guard sees the rest.
    """
    if loss.age >= policy.company:
        return None
    threshold = min(policy.company_after, loss.known_for)
    doubtful = len(silences) - int(np.searchsorted(silences, threshold))
    size = shape.datacenters.get(loss.datacenter, 0)
    if not doubtful or (down + doubtful <= _limit(size, policy) and down + doubtful < size):
        return None
    said = f"{doubtful} more in {loss.datacenter} are silent: up to {policy.company:.0f} s to see."
    return Ruling(Step.WAIT, (said,))


def _limit(hosts: int, policy: Policy) -> int:
    return max(policy.few_hosts, int(hosts * policy.datacenter_share))


def _whole_datacenters(losses: Sequence[Loss], shape: Shape) -> list[str]:
    down = Counter(loss.datacenter for loss in losses if loss.is_down)
    return sorted(name for name, count in down.items() if count >= shape.datacenters.get(name, 0))


def _lost_rack(recent: Sequence[Loss], shape: Shape, policy: Policy) -> str:
    """The domain that all recent losses share, if more than the limit and all of it went."""
    if not _too_many_at_once(recent, shape, policy):
        return ""
    shared = frozenset.intersection(*(loss.domains for loss in recent))
    down = len({loss.host for loss in recent if loss.is_down})
    whole = (name for name in sorted(shared) if down >= shape.domains.get(name, down + 1))
    return next(whole, "")


def _rack(
    name: str, losses: Sequence[Loss], recent: Sequence[Loss], shape: Shape, policy: Policy
) -> Ruling:
    """One whole rack goes on paced if it is confirmed from outside and fits elsewhere."""
    unconfirmed = sum(1 for loss in recent if loss.is_down and not loss.is_confirmed)
    elsewhere = [loss for loss in losses if name not in loss.domains]
    reasons = list(_too_many_in_all(elsewhere, shape, policy))
    if unconfirmed:
        reasons.append(f"{name}: {unconfirmed} not confirmed from two other failure domains.")
    if not shape.fits.get(name, False):
        reasons.append(f"All of {name} is lost, and it is not shown to fit elsewhere.")
    if reasons:
        return Ruling(Step.ASK, tuple(reasons), True)
    said = f"All of {name} is lost, confirmed from two other failure domains; it fits elsewhere."
    return Ruling(Step.PACE, (said,))


def _too_many_at_once(recent: Sequence[Loss], shape: Shape, policy: Policy) -> tuple[str, ...]:
    """Absolute and relative in one window, over all datacenters together (not 50/50/50)."""
    if not recent:
        return ()
    reasons = []
    smallest = min(shape.datacenters.get(loss.datacenter, 0) for loss in recent)
    limit = _limit(smallest, policy)
    span = f"{policy.window:.0f} s"
    if len(recent) > limit:
        places = ", ".join(sorted({loss.datacenter for loss in recent}))
        reasons.append(f"{len(recent)} hosts within {span} ({places}), more than {limit}.")
    if shape.fleet > policy.large_fleet and len(recent) > shape.fleet * policy.fleet_share:
        share = len(recent) / shape.fleet
        reasons.append(f"{share:.0%} of the fleet within {span}, outside one rack.")
    return tuple(reasons)


def _too_many_in_all(losses: Sequence[Loss], shape: Shape, policy: Policy) -> tuple[str, ...]:
    """Slow losses count too: hosts that are down now, however long ago each went."""
    down = sum(1 for loss in losses if loss.is_down)
    limit = max(policy.slow_hosts, int(shape.fleet * policy.fleet_share))
    if down > limit:
        return (f"{down} hosts are down in all, more than {limit} of {shape.fleet}.",)
    return ()
