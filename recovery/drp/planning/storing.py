"""Into which store goes what a returned copy holds. Pure.

Invariants: never into the datacenter that has just come back, which nobody trusts yet, nor where
nobody knows where it stands or whether it is there; the same stores give the same words, whatever
the hour, for people sign them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recovery.backups.words import joined


@dataclass(frozen=True, slots=True)
class StoreSight:
    """A store of a database's backups, in the order of its replicas. `site` empty: nobody said
    where it stands; `is_heard`: it was read a moment ago; `takes`: all that was written lately is
    in it, so that it had room for that. No store tells how much room it has."""

    name: str
    site: str
    is_heard: bool
    takes: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """`names`: in which order they are tried, none: nowhere; `said`: why these and no other."""

    names: tuple[str, ...]
    said: str


def choose_stores(stores: Sequence[StoreSight], *, back: str) -> Chosen:
    """`back`: the datacenter that came back. Those that take what is written come first."""
    refused = {one.name: why for one in stores if (why := _refused(one, back))}
    fit = sorted((one for one in stores if one.name not in refused), key=lambda one: not one.takes)
    rest = f"Not {'; not '.join(f'{name}: {why}' for name, why in refused.items())}."
    said = [] if not refused else [rest]
    if not fit:
        return Chosen((), " ".join(["No store of it takes an export.", *said]))
    first, others = fit[0], tuple(f"{one.name} in {one.site}" for one in fit[1:])
    room = "it takes what is written" if first.takes else "whether it has room nobody knows"
    words = f"Into {first.name} in {first.site}: it is not in {back}, it is heard, and {room}."
    if others:
        said = [f"Where that one fails, into {joined(others)}.", *said]
    return Chosen(tuple(one.name for one in fit), " ".join([words, *said]))


def _refused(one: StoreSight, back: str) -> str:
    if one.site == back:
        return f"it is in {back}, which has just come back"
    if not one.site:
        return "nobody said where it stands"
    return "" if one.is_heard else "it was not read a moment ago"
