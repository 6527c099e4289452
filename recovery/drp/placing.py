"""What an approved step lets scheduling do for one application, and how its copies stand. Pure.

Invariants: the brake is passed for hosts of the datacenter that is left, and only where detection
says that they are gone; nothing is placed back into it; everything else is scheduling's own rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from recovery.backups.words import joined
from recovery.drp.sights import Heard, Outcome
from recovery.inventory.facts import Replace
from recovery.scheduling.facts import Cause, Decision, HostFact, Snapshot
from recovery.scheduling.reconcile import GONE

PASSES_BY_ITSELF = frozenset({Cause.BACKOFF, Cause.FORMING, Cause.GOVERNOR, Cause.SUSPECT})
"""Why a copy waits, and nobody has to do anything about it."""


def under_authority(snapshot: Snapshot, site: str) -> Snapshot:
    """The same facts, as they are for what people approved."""
    return replace(snapshot, hosts=tuple(_host(host, site) for host in snapshot.hosts))


def _host(host: HostFact, site: str) -> HostFact:
    if host.datacenter != site:
        return host
    if host.verdict in GONE:
        return replace(host, replace=Replace.ALLOWED, outside=True)
    return replace(host, outside=True)


@dataclass(frozen=True, slots=True)
class CopySight:
    """One wanted copy. `seat`: the host, none that is gone, on which it runs or is being started;
    empty: nowhere. `unseated`: why this act found no host for it, as it was noted."""

    ordinal: int
    name: str
    seat: str = ""
    runs: bool = False
    unseated: str = ""


def reasons(decision: Decision) -> tuple[dict[int, str], str]:
    """Of each copy that a person has to help why it has no seat, and what passes by itself."""
    stuck = {one.want.ordinal: f"{one.reason}." for one in decision.unplaced}
    passing = ""
    for one in decision.waiting:
        if one.cause in PASSES_BY_ITSELF:
            passing = one.reason
        else:
            stuck.setdefault(one.ordinal, f"{one.reason}.")
    return stuck, passing


def outcome_of(application: str, copies: Sequence[CopySight]) -> Outcome:
    """How it stands. `NEVER`: a copy is missing, and this act has not looked for a host for it."""
    missing = [one for one in copies if not one.seat]
    if any(not one.unseated for one in missing):
        return Outcome(Heard.NEVER)
    starting = [one for one in copies if one.seat and not one.runs]
    count = f"{len([one for one in copies if one.runs])} of {len(copies)} copies"
    if starting:
        where = joined(tuple(f"{one.name} on {one.seat}" for one in starting))
        return Outcome(Heard.UNDER_WAY, f"{application}: {count} run; being started: {where}.")
    where = ", ".join(one.seat for one in copies if one.runs)
    said = f"{application}: {count} run{f' on {where}' if where else ''}."
    if not missing:
        return Outcome(Heard.DONE, said)
    left = " ".join(f"{one.name}: {one.unseated}" for one in missing)
    answers = len(missing) < len(copies)
    return Outcome(Heard.DONE if answers else Heard.FAILED, f"{said} Not placed: {left}")
