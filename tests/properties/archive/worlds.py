"""Databases that write, fail over, are wound back and are archived, and what their archives owe."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from recovery.core.archive import (
    SEGMENT,
    Chunk,
    History,
    ManifestName,
    RestorePlan,
    backup_name,
    segment_start,
)
from recovery.core.ports.stores import ObjectInfo
from tests.decisions.archive.build import LINE, at, info, whole

STEP = SEGMENT // 4


@dataclass(frozen=True)
class Commit:
    """Acknowledged at this minute; its record is the step that begins at `position`."""

    timeline: int
    position: int
    minute: int


@dataclass
class Primary:
    """Of one timeline. `position`: where its log ends; `archived`: up to where it was cut."""

    timeline: int
    position: int
    archived: int


@dataclass
class World:
    """One clock for all. An old primary may go on after it was left."""

    primaries: list[Primary] = field(default_factory=lambda: [Primary(1, 4, 4)])
    commits: list[Commit] = field(default_factory=list)
    objects: list[ObjectInfo] = field(default_factory=list)
    switches: dict[int, int] = field(default_factory=lambda: {1: 4})
    parents: dict[int, int] = field(default_factory=dict)
    began: dict[int, int] = field(default_factory=lambda: {1: 0})
    minute: int = 1

    def tick(self) -> int:
        self.minute += 1
        return self.minute

    def write(self, it: Primary) -> None:
        self.commits.append(Commit(it.timeline, it.position * STEP, self.tick()))
        it.position += 1

    def cut(self, it: Primary, back: int) -> None:
        """Up to its end, with the moment that it proves; or up to a little before it, with none."""
        stop = max(it.archived, it.position - back)
        moment = at(self.tick()) if stop == it.position else None
        self._add(Chunk(LINE, it.timeline, it.archived * STEP, stop * STEP, moment))
        it.archived = stop

    def back_up(self, it: Primary, writes: int) -> None:
        start, begun = it.position * STEP, at(self.tick())
        for _ in range(writes):
            self.write(it)
        stop, name = it.position * STEP, backup_name(begun, f"{len(self.objects):04x}")
        ended = at(self.tick())
        made = ManifestName(LINE, "base", name, it.timeline, start, stop, 1, ended)
        self.objects += [replace(each, modified=ended) for each in whole(made)]

    def fail_over(self, it: Primary, back: int) -> None:
        """To a timeline that left this one a little before its end, or far before it."""
        switch = max(self.switches[it.timeline], it.position - back)
        number = len(self.primaries) + 1
        self.switches[number], self.parents[number] = switch, it.timeline
        self.began[number] = self.minute
        self._add(History(LINE, number, it.timeline, switch * STEP))
        self.primaries.append(Primary(number, switch, switch - switch % 4))

    def _add(self, name: object) -> None:
        self.objects.append(info(name, modified=at(self.minute)))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = World()
    for _ in range(draw(st.integers(1, 24))):
        is_old = draw(st.integers(0, 4)) == 0
        it = draw(st.sampled_from(world.primaries)) if is_old else world.primaries[-1]
        match draw(st.integers(0, 6)):
            case 0 | 1:
                for _ in range(draw(st.integers(1, 4))):
                    world.write(it)
            case 2 | 3 | 4:
                world.cut(it, draw(st.integers(0, 2)))
            case 5:
                world.back_up(it, draw(st.integers(0, 2)))
            case _:
                if len(world.primaries) < 4:
                    world.fail_over(it, draw(st.integers(0, 6)))
    return world


def owed(world: World, plan: RestorePlan) -> set[Commit]:
    """Everything acknowledged up to its moment on the timelines that it follows."""
    return {
        each
        for timeline, begin, end in _legs(plan)
        for each in world.commits
        if each.timeline == timeline
        and begin <= each.position < end
        and at(each.minute) <= plan.moment
    }


def given_back(world: World, plan: RestorePlan) -> set[Commit]:
    """What the base holds, and what its log replays from there until the first byte is missing."""
    replayed = segment_start(plan.name.start)
    for timeline, begin, end in _legs(plan):
        position = segment_start(begin) if timeline != plan.name.timeline else replayed
        if position > replayed:
            break
        ours = sorted((each for each in plan.chunks if each.timeline == timeline), key=_order)
        for chunk in ours:
            if chunk.start <= position:
                position = max(position, min(chunk.stop, end))
        replayed = max(replayed, position)
    assert replayed >= plan.name.stop
    return {each for each in owed(world, plan) if each.position < replayed}


def _order(chunk: Chunk) -> tuple[int, int, int]:
    return chunk.order


def _legs(plan: RestorePlan) -> list[tuple[int, int, int]]:
    """Timelines with their begin and end, from the base's own on."""
    later = [each for each in plan.histories if each.timeline > plan.name.timeline]
    ends = [each.switch for each in later] + [1 << 64]
    begins = [(plan.name.timeline, 0), *((each.timeline, each.switch) for each in later)]
    return [(timeline, begin, end) for (timeline, begin), end in zip(begins, ends, strict=True)]
