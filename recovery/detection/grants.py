"""What may be done with the containers of each judged host: the guard meets the verdicts. Pure.

Invariant: a grant once given is not taken back by the guard; a held host leaves the hold only by
a person, by its return, by a confirmation where nobody could tell before, or when it turns out
to belong to one whole rack that fits elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from recovery.detection.facts import (
    DOWN,
    GRANTED,
    HostSight,
    Judgement,
    Loss,
    Ruling,
    Shape,
    Step,
    VerdictChange,
)
from recovery.detection.guard import guard, wait_for_company
from recovery.detection.policy import Policy
from recovery.detection.sights import Floats, Roster
from recovery.inventory.facts import Replace, Verdict

_GIVES = {
    Step.ALLOW: Replace.ALLOWED,
    Step.PACE: Replace.PACED,
    Step.WAIT: Replace.NONE,
    Step.ASK: Replace.HELD,
}


@dataclass(frozen=True, slots=True, eq=False)
class Docket:
    """What the guard has to rule on. `returned`: hosts given up within the window, and when;
    `silences`: of the hosts without a settled verdict, by host, where losses are new;
    `standing`: hosts that are down and were not judged this time."""

    judged: tuple[tuple[HostSight, Judgement], ...]
    returned: Mapping[str, float]
    silences: Mapping[str, Mapping[str, float]]
    roster: Roster
    standing: tuple[Loss, ...] = ()
    fits: Mapping[str, bool] = field(default_factory=dict)
    paused: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Court:
    """The docket with what was found for all of it together."""

    docket: Docket
    policy: Policy
    shape: Shape
    losses: Mapping[str, Loss]
    ruling: Ruling
    recent: Mapping[str, int]
    silences: Mapping[str, Floats]


def rule(docket: Docket, policy: Policy) -> tuple[tuple[VerdictChange, ...], bool]:
    """The rows to write, and whether a storm is on."""
    losses = _losses(docket)
    shape = Shape(
        fleet=len(docket.roster.hosts),
        datacenters=dict(docket.roster.place_sizes),
        domains=dict(docket.roster.domain_sizes),
        fits=dict(docket.fits),
    )
    ruling = guard(losses, shape, policy, paused=docket.paused)
    by_host = {loss.host: loss for loss in losses}
    court = _Court(
        docket=docket,
        policy=policy,
        shape=shape,
        losses=by_host,
        ruling=ruling,
        recent=Counter(loss.datacenter for loss in losses if loss.age <= policy.window),
        silences={
            place: np.sort([age for host, age in ages.items() if host not in by_host])
            for place, ages in docket.silences.items()
        },
    )
    changes = (_change(host, judgement, court) for host, judgement in docket.judged)
    found = [change for change in changes if change is not None]
    return tuple(sorted(found, key=lambda one: one.host)), ruling.is_storm


def _change(host: HostSight, judgement: Judgement, court: _Court) -> VerdictChange | None:
    grant, why = _grant(host, judgement, court)
    if judgement.verdict is host.verdict and grant is host.replace:
        return None
    return VerdictChange(
        host=host.host,
        before=host.verdict,
        after=judgement.verdict,
        reason=judgement.reason,
        evidence=judgement.evidence,
        replace=grant,
        replace_reason=why,
        silence=host.silence,
    )


def _losses(docket: Docket) -> tuple[Loss, ...]:
    """Every host that is down or about to be started provisionally, and those that came back."""
    losses = {loss.host: loss for loss in docket.standing}
    for host, judgement in docket.judged:
        if judgement.verdict in DOWN or judgement.may_start:
            is_new = host.verdict not in DOWN
            losses[host.host] = Loss(
                host=host.host,
                datacenter=host.datacenter,
                domains=host.domains,
                age=0.0 if is_new else host.verdict_age,
                is_confirmed=judgement.verdict in (Verdict.LOST, Verdict.HUNG),
                known_for=judgement.known_for,
            )
    for name, age in docket.returned.items():
        at = docket.roster.index[name]
        losses.setdefault(
            name, Loss(name, docket.roster.datacenters[at], docket.roster.domains[at], age, False)
        )
    return tuple(losses[name] for name in sorted(losses))


def _grant(host: HostSight, judgement: Judgement, court: _Court) -> tuple[Replace, str]:
    if judgement.verdict is Verdict.SUSPECT:
        return _provisional(host, judgement, court)
    if judgement.verdict not in DOWN:
        return Replace.NONE, "Nothing of it needs replacing."
    if host.replace in GRANTED or judgement.hold is not None:
        return host.replace, ""
    if judgement.verdict is Verdict.UNKNOWN:
        return Replace.HELD, "Nobody can tell whether it lives: a person decides."
    return _down(host, court)


def _down(host: HostSight, court: _Court) -> tuple[Replace, str]:
    """Lost or hung. Who was held once is let go by the guard only as part of a whole rack."""
    ruling = court.ruling
    if host.replace is Replace.HELD and host.verdict is not Verdict.UNKNOWN:
        return (Replace.PACED if ruling.step is Step.PACE else Replace.HELD), ruling.reason
    wait = _company(court.losses[host.host], court)
    if wait is not None and ruling.step is Step.ALLOW:
        kept = host.replace if host.replace is Replace.PROVISIONAL else Replace.NONE
        return kept, wait.reason
    return _GIVES[ruling.step], ruling.reason


def _provisional(host: HostSight, judgement: Judgement, court: _Court) -> tuple[Replace, str]:
    """Kept while suspicion lasts; begun only when the guard allows and nobody else wavers."""
    if host.replace is Replace.PROVISIONAL:
        return Replace.PROVISIONAL, ""
    if not judgement.may_start or court.ruling.step is not Step.ALLOW:
        return Replace.NONE, "Nothing starts on suspicion alone."
    if (wait := _company(court.losses[host.host], court)) is not None:
        return Replace.NONE, wait.reason
    said = "One fresh probe from another failure domain failed."
    return Replace.PROVISIONAL, f"{said} {court.ruling.reason}"


def _company(loss: Loss, court: _Court) -> Ruling | None:
    near = court.recent[loss.datacenter]
    silences = court.silences.get(loss.datacenter, np.zeros(0))
    return wait_for_company(loss, near, silences, court.shape, court.policy)
