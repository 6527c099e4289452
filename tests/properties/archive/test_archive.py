"""Whatever was written, lost, cut twice or left behind: what coverage promises is there byte for
byte, losing objects promises less, and retention takes nothing that the last days need."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.core.archive import (
    SEGMENT,
    Chunk,
    History,
    Line,
    ManifestName,
    Part,
    RestorePlan,
    RetentionPolicy,
    backup_name,
    coverage,
    parse,
    plan_restore,
    retention,
)
from recovery.core.archive.names import instant
from recovery.core.ports.stores import ObjectInfo
from tests.decisions.archive.build import BEGAN, LINE, at, info, whole

STEP = SEGMENT // 4
LINES = st.builds(
    Line,
    st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True),
)
LSN = st.integers(0, 2**64 - 1)
TIMELINES = st.integers(1, 2**32 - 1)
MOMENTS = st.integers(0, 10**13 - 1).map(instant)
BACKUPS = st.integers(0, 0xFFFF).map(lambda number: backup_name(BEGAN, f"{number:04x}"))
NUMBERS = st.integers(0, 99999)
NAMES = st.one_of(
    st.builds(Part, LINES, st.sampled_from(["base", "snapshot"]), BACKUPS, NUMBERS),
    st.builds(ManifestName, LINES, st.just("base"), BACKUPS, TIMELINES, LSN, LSN, NUMBERS, MOMENTS),
    st.builds(
        ManifestName,
        LINES,
        st.just("snapshot"),
        BACKUPS,
        *[st.just(0)] * 3,
        NUMBERS,
        MOMENTS,
    ),
    st.builds(
        lambda line, timeline, ends, moment: Chunk(line, timeline, min(ends), max(ends), moment),
        LINES,
        TIMELINES,
        st.tuples(LSN, LSN),
        MOMENTS,
    ),
    st.builds(History, LINES, TIMELINES, TIMELINES, LSN),
)


@given(NAMES)
def test_a_name_is_parsed_to_what_it_was_formatted_from(
    name: Part | ManifestName | Chunk | History,
) -> None:
    assert parse(str(name)) == name


@given(st.text(max_size=80))
def test_whatever_is_no_name_of_ours_is_none(text: str) -> None:
    found = parse(text)
    assert found is None or str(found) == text


@st.composite
def archives(draw: st.DrawFn) -> list[ObjectInfo]:
    """A primary that wrote, failed over, was backed up; chunks cut anyhow, some of them lost."""
    objects: list[ObjectInfo] = []
    timeline, position, minute = 1, 4, 0.0
    for number in range(draw(st.integers(1, 3))):
        first = position - position % 4
        for _ in range(draw(st.integers(0, 6))):
            if draw(st.integers(0, 3)) == 0:
                stop = position * STEP
                name = ManifestName(
                    LINE,
                    "base",
                    backup_name(at(minute), f"{len(objects):04x}"),
                    timeline,
                    stop,
                    stop,
                    draw(st.integers(0, 2)),
                    at(minute),
                )
                objects += whole(name)
            length = draw(st.integers(0, 5))
            minute += draw(st.integers(1, 600))
            moment = draw(st.sampled_from([at(minute), None]))
            chunk = Chunk(LINE, timeline, first * STEP, (position + length) * STEP, moment)
            objects.append(info(chunk, modified=at(minute)))
            position += length
            first = position - draw(st.integers(0, 1)) * min(2, position - first)
        switch = max(4, position - draw(st.integers(0, 2)))
        objects.append(info(History(LINE, number + 2, timeline, switch * STEP)))
        timeline, position = number + 2, switch
    return objects


LOST = st.sets(st.integers(0, 60), max_size=3)


def without(objects: list[ObjectInfo], lost: set[int]) -> list[ObjectInfo]:
    return [each for number, each in enumerate(objects) if number not in lost]


@given(archives(), LOST)
@settings(max_examples=150)
def test_every_byte_of_a_promised_chain_is_there(objects: list[ObjectInfo], lost: set[int]) -> None:
    there = without(objects, lost)
    for backup in coverage(there).backups:
        if not backup.is_restorable:
            continue
        reach, begin = backup.chain.reach, backup.name.start - backup.name.start % SEGMENT
        assert reach.lsn >= backup.name.stop
        covered = {
            step
            for chunk in backup.chain.chunks
            for step in range(chunk.start // STEP, chunk.stop // STEP)
        }
        assert set(range(begin // STEP, reach.lsn // STEP)) <= covered
        assert {str(each) for each in backup.chain.chunks} <= {each.name for each in there}


@given(archives(), LOST)
@settings(max_examples=150)
def test_whoever_loses_a_chunk_or_a_piece_is_promised_no_more(
    objects: list[ObjectInfo], lost: set[int]
) -> None:
    histories = {n for n, each in enumerate(objects) if "/history-" in each.name}
    before, after = coverage(objects), coverage(without(objects, lost - histories))
    if after.newest is not None:
        assert before.newest is not None
        assert after.newest.order[:2] <= before.newest.order[:2]


@given(archives(), LOST, st.integers(-60, 4000))
@settings(max_examples=150)
def test_a_plan_is_made_exactly_for_the_moments_of_a_window(
    objects: list[ObjectInfo], lost: set[int], minute: int
) -> None:
    there, to = without(objects, lost), at(minute)
    seen, found = coverage(there), plan_restore(there, {}, to)
    inside = any(begin <= to <= end for begin, end in seen.windows)
    assert isinstance(found, RestorePlan) == inside
    if isinstance(found, RestorePlan):
        assert set(found.parts) <= {each.name for each in there}
        assert found.name.moment is not None
        assert found.name.moment <= to


def _moments(objects: list[ObjectInfo], since: datetime) -> list[tuple[datetime, datetime]]:
    windows = coverage(objects).windows
    return [(max(begin, since), end) for begin, end in windows if end >= since]


POLICIES = st.builds(
    RetentionPolicy,
    backups=st.integers(1, 3),
    days=st.integers(0, 3).map(float),
    gap=st.sampled_from([timedelta(hours=1), timedelta(days=400)]),
)


@given(archives(), LOST, st.integers(0, 5000), POLICIES, st.data())
@settings(max_examples=150)
def test_retention_killed_at_any_point_takes_nothing_that_is_promised(
    objects: list[ObjectInfo],
    lost: set[int],
    minute: int,
    policy: RetentionPolicy,
    data: st.DataObject,
) -> None:
    there, now = without(objects, lost), at(minute)
    gone = retention(there, now, policy)
    done = gone[: data.draw(st.integers(0, len(gone)))]
    left = [each for each in there if each.name not in done]
    since = now - timedelta(days=policy.days)
    before, after = coverage(there), coverage(left)
    assert after.moment == before.moment
    assert _moments(left, since) == _moments(there, since)
    whole_before = sum(each.is_restorable for each in before.backups)
    assert sum(each.is_restorable for each in after.backups) >= min(policy.backups, whole_before)
