"""The log of one line of a database: its chunks, and how its timelines descend. Pure.

A timeline begins where another was left (its switch); what was written to the parent beyond that
belongs to nobody. Its first segment holds a copy of the parent's bytes up to the switch, as
PostgreSQL's own does, so its chunks begin at the start of that segment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from recovery.core.archive.names import (
    Chunk,
    History,
    ManifestName,
    lsn_text,
    parse,
    segment_start,
)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a chain goes: every commit acknowledged up to `moment` lies before `lsn`.
    `timeline`: whose position it is; a copy of the parent's bytes reaches nothing of its own."""

    timeline: int
    lsn: int
    moment: datetime | None


@dataclass(frozen=True, slots=True)
class Chain:
    """The chunks that follow a base without a gap, marks among them. `gap`: why it ends before
    the log does; empty where it does not. `timelines`: those on its way."""

    reach: Reach
    chunks: tuple[Chunk, ...] = ()
    histories: tuple[History, ...] = ()
    gap: str = ""
    timelines: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Leg:
    """The part of a path that lies on one timeline. `begin`: a switch, or the base's start."""

    timeline: int
    begin: int
    end: int | None


def proves(chunk: Chunk, first: int, left: int | None) -> bool:
    """Whether its moment holds for those that follow the timeline from `first` (where it begins,
    or where a base is whole) to where it was `left`.

    What ends there or beyond does not: the old primary may have said it after it was left, while
    others already wrote to the new timeline. What ends before `first` is no state of it."""
    return chunk.moment is not None and chunk.stop >= first and (left is None or chunk.stop < left)


def highest_timeline(names: Iterable[str]) -> int:
    """That objects of these names speak of; 0: none."""
    found = (parse(name) for name in names)
    return max((each.timeline for each in found if isinstance(each, Chunk | History)), default=0)


@dataclass(slots=True)
class Log:
    """What a listing tells of one line's log. `sort` comes once, after everything was added."""

    chunks: dict[int, list[Chunk]] = field(default_factory=lambda: defaultdict(list))
    histories: dict[int, History] = field(default_factory=dict)
    forked: set[int] = field(default_factory=set)

    def add(self, found: Chunk | History) -> None:
        if isinstance(found, Chunk):
            self.chunks[found.timeline].append(found)
            return
        other = self.histories.setdefault(found.timeline, found)
        if other != found:
            self.forked.add(found.timeline)

    @property
    def twice(self) -> list[str]:
        words = "has two histories: nobody can follow it"
        return [f"timeline {each} {words}" for each in sorted(self.forked)]

    def sort(self) -> None:
        """Which of two histories is true no name tells, so neither is followed."""
        for timeline in self.forked:
            self.histories.pop(timeline, None)
        for each in self.chunks.values():
            each.sort(key=lambda chunk: chunk.order)

    def chain(self, base: ManifestName) -> Chain:
        """From this base towards the end of the newest timeline that descends from it.

        One that ends where its timeline was left may be of before that or of an old primary that
        went on: while nothing proves a moment of the new timeline, it brings back its own."""
        legs = self.path(base)
        found = self._followed(base, legs)
        if found.reach.moment is None and legs[0].end == base.stop:
            return self._followed(base, (Leg(base.timeline, base.start, None),))
        return found

    def chain_to(self, base: ManifestName, timeline: int) -> Chain | None:
        """To the end of this very timeline, also of what others cut away; None: it does not descend
        from this base."""
        legs = self._legs(base, timeline)
        return self._followed(base, legs) if legs else None

    def left_at(self, timeline: int, later: int) -> int | None:
        """Where those that led to `later` left this timeline; None: it is none of its ancestors."""
        while later > timeline:
            history = self.histories.get(later)
            if history is None or history.parent >= later:
                return None
            if history.parent == timeline:
                return history.switch
            later = history.parent
        return None

    def own(self, timeline: int) -> Iterator[Chunk]:
        """Those with bytes or words of its own: not a mere copy of its parent's."""
        history = self.histories.get(timeline)
        begin = history.switch if history else 0
        return (each for each in self.chunks.get(timeline, ()) if each.stop >= begin)

    def _followed(self, base: ManifestName, legs: tuple[Leg, ...]) -> Chain:
        reach = Reach(base.timeline, segment_start(base.start), None)
        chunks: list[Chunk] = []
        at, rest = (reach.timeline, reach.lsn), legs
        for number, leg in enumerate(legs):
            begin = segment_start(leg.begin)
            if reach.lsn < begin:
                break
            walked, end = self._walk(leg, begin, leg.begin if number else base.stop)
            at, rest = (leg.timeline, end.lsn), legs[number:]
            if end.lsn > reach.lsn or (end.moment and end.lsn == reach.lsn):
                chunks += walked
                is_of_it = end.lsn > leg.begin or end.moment is not None
                timeline = leg.timeline if is_of_it else reach.timeline
                reach = Reach(timeline, end.lsn, end.moment or reach.moment)
        timelines = frozenset(leg.timeline for leg in legs)
        histories = self._histories(max(timelines))
        return Chain(reach, tuple(chunks), histories, self._gap(at, reach, rest), timelines)

    def path(self, base: ManifestName) -> tuple[Leg, ...]:
        """The newest timeline that left this base's line after the base was whole wins."""
        for timeline in sorted(self.histories, reverse=True):
            legs = self._legs(base, timeline)
            if legs:
                return legs
        return (Leg(base.timeline, base.start, None),)

    def _legs(self, base: ManifestName, timeline: int) -> tuple[Leg, ...]:
        legs: list[Leg] = []
        end: int | None = None
        while timeline != base.timeline:
            history = self.histories.get(timeline)
            if history is None or history.parent >= timeline:
                return ()
            if end is not None and history.switch > end:
                return ()
            legs.append(Leg(timeline, history.switch, end))
            timeline, end = history.parent, history.switch
        if end is not None and end < base.stop:
            return ()
        return (Leg(timeline, base.start, end), *reversed(legs))

    def _walk(self, leg: Leg, begin: int, first: int) -> tuple[list[Chunk], Reach]:
        """The chunks of this leg that join from `begin` on, and how far they go."""
        walked: list[Chunk] = []
        position, moment = begin, None
        for chunk in self.chunks.get(leg.timeline, ()):
            if chunk.stop < position:
                continue
            if chunk.start > position or self._is_beyond(chunk, leg):
                break
            reaches = chunk.stop if leg.end is None else min(chunk.stop, leg.end)
            if reaches > position or chunk.start == chunk.stop:
                walked.append(chunk)
            if proves(chunk, first, leg.end):
                moment = chunk.moment
            position = reaches
        return walked, Reach(leg.timeline, position, moment)

    @staticmethod
    def _is_beyond(chunk: Chunk, leg: Leg) -> bool:
        """Written to a timeline that had been left: nobody's."""
        return leg.end is not None and chunk.stop > leg.end and chunk.start >= leg.end

    def _histories(self, timeline: int) -> tuple[History, ...]:
        """Of this timeline and of all before it, oldest first."""
        found: list[History] = []
        while history := self.histories.get(timeline):
            found.append(history)
            if history.parent >= timeline:
                break
            timeline = history.parent
        return tuple(reversed(found))

    def _gap(self, at: tuple[int, int], reach: Reach, legs: tuple[Leg, ...]) -> str:
        timeline, position = at
        later = [
            chunk
            for leg in legs
            for chunk in self.chunks.get(leg.timeline, ())
            if leg.timeline != timeline or chunk.start > position
            if chunk.stop > max(position, reach.lsn) and not self._is_beyond(chunk, leg)
        ]
        if not later:
            return ""
        chunks = "1 later chunk is" if len(later) == 1 else f"{len(later)} later chunks are"
        when = _between(
            reach.moment, min((each.moment for each in later if each.moment), default=None)
        )
        return f"no chunk from {lsn_text(position)} on timeline {timeline}{when}: {chunks} useless"


def _between(last: datetime | None, first: datetime | None) -> str:
    """When what is missing was written, as far as what is left around it says."""
    if last is None or first is None or first < last:
        return ""
    return f", between {last:%d %b %H:%M:%S} and {first:%H:%M:%S} UTC"
