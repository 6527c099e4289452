"""Two people's word that a datacenter is lost, where its silence alone may be a cut. Pure.

Invariants: it is about a datacenter of which nobody hears, while somebody elsewhere is heard; it
changes how many hosts are expected, never a verdict; one host of it that is heard, or that a peer
sees alive, ends it, and keeps it from being taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

ASKED_LIFE = timedelta(minutes=30)
"""A first word that nobody confirms says nothing about later."""


class VouchState(StrEnum):
    """`asked` by one person, `standing` since another said so too, `over` for the reason told."""

    ASKED = "asked"
    STANDING = "standing"
    OVER = "over"


VOUCH_MOVES: Mapping[str, frozenset[str]] = {
    VouchState.ASKED.value: frozenset({VouchState.STANDING.value, VouchState.OVER.value}),
    VouchState.STANDING.value: frozenset({VouchState.OVER.value}),
    VouchState.OVER.value: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Silence:
    """A datacenter by its agents' own words: of its `hosts` these are `heard`, by name, and `down`
    are given up. `elsewhere`: how many hosts of other datacenters are heard; `alive`: how one of
    those saw it live, lately; empty: none did."""

    site: str
    hosts: int
    heard: tuple[str, ...]
    down: int
    elsewhere: int
    alive: str = ""


def refuse_vouch(silence: Silence, *, is_blind: bool) -> str:
    """Why a word that this datacenter is lost is not taken; empty where it is."""
    site = silence.site
    if not is_blind:
        return f"Tocsin sees: if {site} is lost it judges that by itself, and rings."
    few = ", ".join(silence.heard[:4]) + (", …" if len(silence.heard) > 4 else "")
    against = (
        (not silence.hosts, f"{site} has no host that ever lived."),
        (
            bool(silence.heard),
            f"{len(silence.heard)} of {silence.hosts} hosts of {site} are heard ({few}).",
        ),
        (
            silence.down == silence.hosts,
            f"Every host of {site} is given up already; 2 minutes later none is expected.",
        ),
        (
            not silence.elsewhere,
            "No host of any other datacenter is heard: that is us, and nobody’s word changes it.",
        ),
        (bool(silence.alive), f"{site} lives, and is only not heard: {silence.alive}"),
    )
    return next((why for holds, why in against if holds), "")
