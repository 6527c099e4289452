"""Which hosts may take a seat, and a counted reason for each that may not.

Invariant: a host passes only if it is alive, open, carries the labels, has room in every
dimension, and neither holds nor may still run another seat of the application (H4).
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from recovery.scheduling.facts import ApplicationFact, Dimension, Unplaced, Want
from recovery.scheduling.fleet import Ban, Flags, Fleet

LABELS = "labels"
SEAT = "seat"


def feasible(fleet: Fleet, app: ApplicationFact, within: slice) -> Flags:
    """The hosts of a slice that may take a seat of this application now."""
    fits = fleet.open[within].copy()
    for row, need in zip(fleet.free, app.need, strict=True):
        fits &= row[within] >= need
    if app.labels:
        fits &= fleet.labelled(app.labels)[within]
    start, stop, _ = within.indices(len(fleet.hosts))
    for at in fleet.seated.get(app.id, ()):
        if start <= at < stop:
            fits[at - start] = False
    return fits


def explain(
    fleet: Fleet, app: ApplicationFact, want: Want, dimensions: tuple[Dimension, ...]
) -> Unplaced:
    """Why no host takes it. Each host is counted once, under the first constraint it breaks;
    the binding constraint is the one that most hosts break as their only one, of those at which
    anything could go."""
    broken = _broken(fleet, app, dimensions)
    table = np.array(list(broken.values())).reshape(len(broken), len(fleet.hosts))
    names = list(broken)
    first = table.argmax(axis=0)
    counts = _counted(names, first)
    alone = _counted(names, first[table.sum(axis=0) == 1])
    del alone[Ban.OUTSIDE]
    binding = max(alone, key=lambda name: (alone[name], -names.index(name)), default="")
    parts = []
    for name in sorted(counts, key=lambda name: (name != binding, -counts[name], name)):
        words = _words(fleet, app, name, first == names.index(name), dimensions)
        parts.append(f"{_hosts(counts[name])}: {words}")
    sentence = " · ".join(parts) if parts else "there is no host"
    return Unplaced(want, binding, sentence, tuple(sorted(counts.items())))


def _counted(names: list[str], found: NDArray[np.intp]) -> Counter[str]:
    """How often each name was found, by its place."""
    times = np.bincount(found, minlength=len(names)).tolist()
    return Counter({name: n for name, n in zip(names, times, strict=True) if n})


def _broken(
    fleet: Fleet, app: ApplicationFact, dimensions: tuple[Dimension, ...]
) -> dict[str, Flags]:
    """Per constraint the hosts that break it, in the order in which they are counted."""
    seat = np.zeros(len(fleet.hosts), dtype=np.bool_)
    seat[list(fleet.seated.get(app.id, ()))] = True
    broken: dict[str, Flags] = {str(ban): flags for ban, flags in fleet.bans.items()}
    broken[LABELS] = ~fleet.labelled(app.labels)
    broken[SEAT] = seat
    for row, need, dimension in zip(fleet.free, app.need, dimensions, strict=True):
        broken[dimension.name] = row < need
    return broken


def _hosts(count: int) -> str:
    return "1 host" if count == 1 else f"{count} hosts"


def _words(
    fleet: Fleet,
    app: ApplicationFact,
    name: str,
    hosts: Flags,
    dimensions: tuple[Dimension, ...],
) -> str:
    if name == SEAT:
        return f"already {'holds' if hosts.sum() == 1 else 'hold'} a seat of {app.name}"
    if name == LABELS:
        word = "label" if len(app.labels) == 1 else "labels"
        return f"without the {word} {', '.join(sorted(app.labels))}"
    if name in set(Ban):
        return name
    at = [dimension.name for dimension in dimensions].index(name)
    short = app.need[at] - int(fleet.free[at][hosts].max())
    dimension = dimensions[at]
    return f"not enough {dimension.label} (short by {dimension.in_words(short)} at best)"
