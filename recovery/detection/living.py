"""Which datacenters live although nobody there is heard, or people vouch that they are lost. Pure.

Invariant: only a host that is heard, or that a peer which is heard saw alive since its last
heartbeat, makes its datacenter live.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from recovery.detection.facts import LIVING
from recovery.detection.policy import Policy
from recovery.detection.sights import Floats, Roster, Seen, Sights


def see_living(
    roster: Roster,
    sights: Sights,
    *,
    vouched: Collection[str],
    silence: Floats,
    heard: NDArray[np.bool_],
    policy: Policy,
) -> dict[str, str]:
    """Each with a sentence that says how that is seen."""
    counts = np.bincount(roster.place_codes[heard], minlength=len(roster.places))
    doubted = {
        code: place
        for code, place in enumerate(roster.places)
        if place in vouched or not counts[code]
    }
    found: dict[str, str] = {}
    for code, place in doubted.items():
        if counts[code]:
            first = int(np.flatnonzero(heard & (roster.place_codes == code))[0])
            found[place] = f"{roster.names[first]} is heard."
    if doubted:
        fresh = np.minimum(silence, policy.evidence_max_age)
        found |= _by_peers(roster, sights.seen, doubted, fresh, heard)
    return found


def _by_peers(
    roster: Roster,
    seen: Mapping[str, Sequence[Seen]],
    doubted: Mapping[int, str],
    fresh: Floats,
    heard: NDArray[np.bool_],
) -> dict[str, str]:
    """`fresh`: of each host, how old a look may be that says something of now."""
    found: dict[str, str] = {}
    for host, looks in seen.items():
        at = roster.index.get(host)
        place = doubted.get(int(roster.place_codes[at]), "") if at is not None else ""
        if at is None or not place or place in found:
            continue
        for look in looks:
            by = roster.index.get(look.observer)
            lives = look.kernel in LIVING or look.answering > 0
            if lives and look.age < fresh[at] and by is not None and heard[by]:
                found[place] = f"{roster.names[by]} sees {roster.names[at]} alive."
                break
    return found
