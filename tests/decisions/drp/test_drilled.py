"""Where a thing of a drill goes, and what proves that it is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from recovery.core.wire.backups import RestoreResult
from recovery.drp.drills.decide import Seat, seat, unbelievable, unproven
from recovery.drp.drills.facts import MOST_THINGS, THING_MOVES, HostSight, Looked, twin

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)
HOST = HostSight("k1", "drill-1", 1024, quiet=1.0)


def test_the_emptiest_host_that_is_heard_takes_it_on_a_port_of_its_own() -> None:
    busy = replace(HOST, key="k2", name="drill-2", taken=500, ports=frozenset({21000}))
    assert seat([busy, HOST], 160) == Seat("k1", "drill-1", 21000)
    assert seat([busy], 160) == Seat("k2", "drill-2", 21001)


@pytest.mark.parametrize(
    ("hosts", "said"),
    [
        ([], "There is no host for drills"),
        ([replace(HOST, quiet=None)], "No drill host is heard (drill-1, within 10 s)"),
        ([replace(HOST, quiet=11.0)], "No drill host is heard"),
        ([replace(HOST, taken=900)], "160 MiB are needed, at most 124 MiB are free"),
        ([replace(HOST, things=MOST_THINGS)], "The drill hosts are full"),
    ],
)
def test_without_room_there_is_a_sentence_and_no_other_place(
    hosts: list[HostSight], said: str
) -> None:
    found = seat(hosts, 160)
    assert isinstance(found, str)
    assert said in found


DONE = RestoreResult(
    backup="b1", moment=1_795_939_200_000, canary=0, timeline=2, size=48, seconds=2.0, speed=3e7
)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("moment", 10**18), ("moment", -1), ("canary", 4_102_444_800_001), ("size", 2**64),
        ("seconds", float("nan")), ("seconds", 1e300), ("speed", float("inf")), ("speed", -1.0),
    ],
)  # fmt: skip
def test_figures_that_no_page_could_show_are_not_believed(field: str, value: float) -> None:
    assert unbelievable(DONE) == ""
    assert f"cannot be: {field} " in unbelievable(structs.replace(DONE, **{field: value}))


def looked(revision: int = 5, seconds: float = 1.0, **more: object) -> Looked:
    return Looked((1, revision), NOW + timedelta(seconds=seconds), {}, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sight", "said"),
    [
        (None, "never reported"),
        (looked(4), "has not reported since"),
        (looked(5, -1.0), "has not reported since"),
        (looked(trouble="it could not look"), "it could not look"),
        (replace(looked(), left={"x": ("folder /d",)}), "still has of it: folder /d."),
        (looked(), ""),
        (replace(looked(), left={"y": ("folder /e",)}), ""),
        (Looked((2, 1), NOW + timedelta(seconds=1), {}), ""),
    ],
)
def test_gone_is_what_its_host_has_looked_for_since_it_was_told(
    sight: Looked | None, said: str
) -> None:
    why = unproven("x", ((1, 5), NOW), sight)
    assert said in why if said else why == ""


@settings(max_examples=50)
@given(st.lists(st.uuids(), min_size=2, max_size=20, unique=True))
def test_a_twin_is_nobody_s_id_and_nobody_else_s_twin(ids: list[object]) -> None:
    twins = [twin(str(one)) for one in ids]
    assert len(set(twins) | {str(one) for one in ids}) == 2 * len(ids)
    assert twins == [twin(str(one)) for one in ids]


def test_what_is_gone_never_comes_back() -> None:
    assert THING_MOVES["gone"] == frozenset()
    assert {state for state, to in THING_MOVES.items() if "gone" in to} == {"removing"}
