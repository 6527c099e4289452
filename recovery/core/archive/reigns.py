"""Which timeline was served at a moment, as far as names can tell. Pure.

A database that was taken back in time, or promoted without its newest bytes, has two timelines for
the same positions. What it was at a moment is what the one was that was served then, also where a
later one has cut that away.

Invariants: a timeline is served from its own first word until the first word of a higher one (a new
one is above every other). Up to its newest word it had not been left, unless it went on speaking
after the other one began: then the hour before that is nobody's. Between the last word of one that
holds more than it was left with, and the first one of its heir, nothing tells: no moment of these
is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from recovery.core.archive.names import Chunk, ManifestName
from recovery.core.archive.timelines import Chain, Log

EVER = datetime.min.replace(tzinfo=UTC)
SPEAKS_WITHIN = timedelta(hours=1)
"""A timeline that is archived says its first word by then."""


@dataclass(frozen=True, slots=True)
class Reign:
    """`timeline` was served from `begin` to `end`. `follows`: the timeline to be recovered to for
    these moments; None: the newest, as nobody came after. `heir`: when the next one's first word
    was said, where it cut something away."""

    timeline: int
    begin: datetime
    end: datetime | None
    follows: int | None
    heir: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Every moment from `begin` to `end` comes back by this chain."""

    begin: datetime
    end: datetime
    chain: Chain


def reigns(log: Log, bases: Iterable[ManifestName]) -> tuple[Reign, ...]:
    """The newest first."""
    firsts = _first_words(log, bases)
    found: list[Reign] = []
    heir: tuple[int, datetime] | None = None
    for timeline in sorted(firsts, reverse=True):
        begin = firsts[timeline]
        if heir is None:
            found.append(Reign(timeline, begin, None, None))
        elif begin < heir[1]:
            between = [each for each in log.histories if timeline < each < heir[0]]
            silent = [each for each in between if each not in firsts]
            found.append(_before(log, timeline, begin, heir, silent))
        else:
            continue
        heir = timeline, begin
    return tuple(found)


def stretches(
    log: Log, base: ManifestName, newest: Chain, known: Sequence[Reign]
) -> Iterator[Stretch]:
    """The moments that this base gives. `newest`: its chain to the end of the newest timeline."""
    cut = {each.timeline for each in known if each.heir}
    for reign in known:
        chain = _chain(log, base, newest, reign, cut)
        if chain is None or chain.reach.moment is None or base.moment is None:
            continue
        begin = max(base.moment, reign.begin)
        end = min(chain.reach.moment, reign.end or chain.reach.moment)
        if begin <= end:
            yield Stretch(begin, end, chain)


def _chain(
    log: Log, base: ManifestName, newest: Chain, reign: Reign, cut: set[int]
) -> Chain | None:
    if reign.follows is None:
        return newest if reign.timeline in newest.timelines else None
    if reign.follows in newest.timelines - cut:
        return newest
    return log.chain_to(base, reign.follows)


def _before(
    log: Log, timeline: int, begin: datetime, after: tuple[int, datetime], silent: list[int]
) -> Reign:
    """Of the one that was served before the next one, `after`, said its first word. `silent`: those
    between that never said one."""
    later, heir = after
    left = _left(log, timeline, [later, *silent])
    own = tuple(log.own(timeline))
    beyond = [each for each in own if left is None or each.stop > left]
    if left is not None and not beyond and not _is_cut(log, [timeline, *silent], later):
        return Reign(timeline, begin, heir, later)
    end = heir
    if any(each.moment >= heir for each in beyond if each.moment):
        sure = [each.moment for each in own if each.moment and _is_before(each, left)]
        end = min(heir, max([heir - SPEAKS_WITHIN, *sure]))
    return Reign(timeline, begin, end, timeline, heir)


def _left(log: Log, timeline: int, later: list[int]) -> int | None:
    """Where it was left first; None: all of it was cut away."""
    found = [log.left_at(timeline, each) for each in later]
    return None if None in found else min(each for each in found if each is not None)


def _is_cut(log: Log, timelines: list[int], later: int) -> bool:
    """Whether one of these began where the way to `later` went on: it was served, and then not."""
    for each in timelines:
        end = log.left_at(each, later)
        if end is not None and any((log.left_at(each, one) or end) < end for one in timelines):
            return True
    return False


def _is_before(chunk: Chunk, left: int | None) -> bool:
    return left is not None and chunk.stop < left


def _first_words(log: Log, bases: Iterable[ManifestName]) -> dict[int, datetime]:
    """Of each timeline that said one. The oldest was there before everything that is known."""
    known = set(log.chunks) | {each.parent for each in log.histories.values()}
    words = [(each, chunk.moment) for each in log.chunks for chunk in log.own(each)]
    for base in bases:
        if base.kind == "base":
            known.add(base.timeline)
            words.append((base.timeline, base.moment))
    found: dict[int, datetime] = {min(known): EVER} if known else {}
    for timeline, moment in words:
        if moment is not None:
            found[timeline] = min(moment, found.get(timeline, moment))
    return found
