"""What a database had acknowledged at a moment, to those that it served then."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from recovery.core.archive import Chunk, ManifestName, RestorePlan, parse
from tests.decisions.archive.build import at
from tests.properties.archive.worlds import STEP, Commit, World, given_back


@st.composite
def wound_back(draw: st.DrawFn) -> World:
    """Backed up from its beginning, archived at every step, and taken back in time again and again.
    An old primary may go on alone."""
    world = World()
    world.back_up(world.primaries[0], 0)
    world.cut(world.primaries[0], 0)
    for _ in range(draw(st.integers(2, 10))):
        is_old = draw(st.integers(0, 7)) == 0
        it = draw(st.sampled_from(world.primaries)) if is_old else world.primaries[-1]
        match draw(st.integers(0, 6)):
            case 0 if len(world.primaries) < 5:
                left = draw(st.sampled_from(world.primaries))
                world.fail_over(left, draw(st.integers(0, 6)))
            case 1:
                world.back_up(it, draw(st.integers(0, 1)))
            case _:
                for _ in range(draw(st.integers(1, 3))):
                    world.write(it)
                world.cut(it, draw(st.integers(0, 1)))
    return world


def served(world: World, minute: int) -> set[Commit]:
    """By the newest primary of then, and by those whose history it had."""
    lead = max(each for each, began in world.began.items() if began <= minute)
    return {
        each
        for timeline, end in _path(world, lead)
        for each in world.commits
        if each.timeline == timeline and each.position < end and each.minute <= minute
    }


def brought(world: World, plan: RestorePlan) -> set[Commit]:
    """By its log, and before that by its base."""
    older = dict(list(_path(world, plan.name.timeline))[1:])
    return given_back(world, plan) | {
        each for each in world.commits if each.position < older.get(each.timeline, 0)
    }


def never_came(world: World, commits: set[Commit]) -> bool:
    """Whether none of these was ever archived."""
    chunks = [each for each in _named(world) if isinstance(each, Chunk)]
    return not any(
        chunk.timeline == each.timeline and chunk.start <= each.position < chunk.stop
        for chunk in chunks
        for each in commits
    )


def is_split(world: World, minute: int) -> bool:
    """Whether an old primary still spoke when a new one wrote that had said nothing yet: of that
    time the archive cannot tell."""
    for timeline, began in world.began.items():
        words = {each: _words(world, each) for each in world.began}
        first = min([w for each in words if each >= timeline for w in words[each]], default=1000)
        spoke = any(began <= w < first for each in words if each < timeline for w in words[each])
        if began <= minute < first and (spoke or first - began > 60):
            return True
    return False


def _words(world: World, timeline: int) -> list[int]:
    """The minutes at which it said something of its own."""
    begin = world.switches[timeline] * STEP
    return [
        round((each.moment - at(0)).total_seconds() / 60)
        for each in _named(world)
        if each.timeline == timeline and each.moment is not None
        if isinstance(each, ManifestName) or each.stop >= begin
    ]


def _path(world: World, timeline: int) -> Iterator[tuple[int, int]]:
    """With the position at which each was left."""
    yield timeline, 1 << 64
    while timeline in world.parents:
        end, timeline = world.switches[timeline] * STEP, world.parents[timeline]
        yield timeline, end


def _named(world: World) -> Iterator[Chunk | ManifestName]:
    found = (parse(each.name) for each in world.objects)
    return (each for each in found if isinstance(each, Chunk | ManifestName))
