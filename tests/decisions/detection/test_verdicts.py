"""Every row of the truth table, and every reason for which a look does not count."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from recovery.detection.facts import (
    CONTROL_PLANE,
    MOVES,
    Ground,
    HostSight,
    Kernel,
    Sighting,
)
from recovery.detection.policy import Policy
from recovery.detection.verdicts import judge
from recovery.inventory.facts import VERDICT_MOVES, Verdict

POLICY = Policy()
GROUND = Ground(fleet=12, live_datacenters=frozenset({"PAR", "OSU"}))
ANSWERS, RESETS, SILENT = Kernel.ANSWERS, Kernel.RESETS, Kernel.SILENT


def look(
    observer: str, kernel: Kernel, answering: int = 0, asked: int = 2, *, age: float = 1.0
) -> Sighting:
    """By a healthy observer named after its place: `OSU/b` stands in OSU, rack b."""
    place = observer.split("/", maxsplit=1)[0]
    return Sighting(
        observer=observer,
        kernel=kernel,
        answering=answering,
        asked=asked,
        age=age,
        observer_datacenter=place,
        observer_domains=frozenset({observer}),
        observer_steady=100.0,
    )


def own(kernel: Kernel) -> Sighting:
    return Sighting(CONTROL_PLANE, kernel, 0, 0, 1.0)


def host(*looks: Sighting, silence: float = 12.0, verdict: Verdict = Verdict.SUSPECT) -> HostSight:
    return HostSight(
        host="h",
        name="par-a1",
        datacenter="PAR",
        domains=frozenset({"PAR/a"}),
        silence=silence,
        verdict=verdict,
        sightings=looks,
    )


ROWS = {
    "heartbeat": (host(silence=0.5), Verdict.ALIVE),
    "heartbeat, containers sick": (
        host(look("PAR/b", ANSWERS), look("OSU/a", ANSWERS), silence=1.5),
        Verdict.ALIVE,
    ),
    "agent's port closed, containers answer": (
        host(look("PAR/b", RESETS, 2), look("OSU/a", RESETS, 2)),
        Verdict.AGENT_DOWN,
    ),
    "refuses peers as it always does, silent to us": (
        host(look("PAR/b", RESETS, 2), look("OSU/a", RESETS, 2), own(SILENT)),
        Verdict.ISOLATED,
    ),
    "kernel answers us, containers answer": (
        host(look("PAR/b", ANSWERS, 2), own(ANSWERS)),
        Verdict.AGENT_DOWN,
    ),
    "kernel lives, nothing to ask": (
        host(look("PAR/b", RESETS, 0, 0), look("OSU/a", RESETS, 0, 0)),
        Verdict.AGENT_DOWN,
    ),
    "kernel answers, containers don't": (
        host(look("PAR/b", ANSWERS), look("OSU/a", ANSWERS)),
        Verdict.HUNG,
    ),
    "kernel resets, containers don't": (
        host(look("PAR/b", RESETS), look("OSU/a", RESETS)),
        Verdict.HUNG,
    ),
    "kernel answers, one observer alone on containers": (
        host(look("PAR/b", ANSWERS)),
        Verdict.UNKNOWN,
    ),
    "silent to us, answers peers": (
        host(look("PAR/b", ANSWERS, 2), look("OSU/a", ANSWERS, 1), own(SILENT)),
        Verdict.ISOLATED,
    ),
    "contradiction: serves some, silent to others": (
        host(look("PAR/b", SILENT), look("PAR/c", SILENT), look("OSU/a", ANSWERS, 2)),
        Verdict.ISOLATED,
    ),
    "contradiction: kernel lives for some, nothing serves": (
        host(look("PAR/b", SILENT), look("OSU/b", SILENT), look("OSU/a", ANSWERS)),
        Verdict.UNKNOWN,
    ),
    "contradiction: answers us, silent to peers": (
        host(look("PAR/b", SILENT), look("OSU/b", SILENT), own(ANSWERS)),
        Verdict.UNKNOWN,
    ),
    "silent to two in other domains": (
        host(look("PAR/b", SILENT), look("OSU/a", SILENT), own(SILENT)),
        Verdict.LOST,
    ),
    "silent, no containers to ask": (
        host(look("PAR/b", SILENT, 0, 0), look("OSU/a", SILENT, 0, 0)),
        Verdict.LOST,
    ),
    "silent to one": (host(look("OSU/a", SILENT)), Verdict.UNKNOWN),
    "silent to two of one rack": (
        host(look("OSU/a", SILENT), replace(look("OSU/a", SILENT), observer="OSU/a2")),
        Verdict.UNKNOWN,
    ),
    "silent within its datacenter only": (
        host(look("PAR/b", SILENT), look("PAR/c", SILENT)),
        Verdict.UNKNOWN,
    ),
    "no observer can tell": (host(), Verdict.UNKNOWN),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_of_the_truth_table(name: str) -> None:
    sight, verdict = ROWS[name]
    judgement = judge(sight, GROUND, POLICY)
    assert judgement.verdict is verdict
    assert len(judgement.reason.split()) >= 4


QUIET = (look("PAR/b", SILENT), look("OSU/a", SILENT))
NOT_COUNTED = {
    "begun before the last heartbeat": {"age": 13.0},
    "too old": {"age": 11.0},
    "by a suspect": {"observer_verdict": Verdict.SUSPECT},
    "by an isolated host": {"observer_verdict": Verdict.ISOLATED},
    "by one who missed heartbeats meanwhile": {"observer_steady": 0.5},
    "by a neighbour in the rack": {"observer_domains": frozenset({"PAR/a", "x"})},
    "by the host itself": {"observer": "h"},
}


@pytest.mark.parametrize("name", NOT_COUNTED)
def test_a_look_that_does_not_count_is_no_witness_and_the_evidence_says_why(name: str) -> None:
    doubtful = replace(QUIET[1], **NOT_COUNTED[name])  # type: ignore[arg-type] # fields by name
    judgement = judge(host(QUIET[0], doubtful), GROUND, POLICY)
    assert judgement.verdict is Verdict.UNKNOWN
    assert any(said.startswith(doubtful.observer) for said in judgement.evidence.missing)


def test_a_fleet_of_three_is_never_judged_lost_nor_started_provisionally() -> None:
    small = Ground(3, frozenset({"PAR", "OSU"}))
    assert judge(host(*QUIET), small, POLICY).verdict is Verdict.UNKNOWN
    assert not judge(host(*QUIET, silence=3.0), small, POLICY).may_start


def test_in_a_fleet_of_one_datacenter_its_own_racks_suffice() -> None:
    alone = Ground(12, frozenset({"PAR"}))
    sight = host(look("PAR/b", SILENT), look("PAR/c", SILENT))
    assert judge(sight, alone, POLICY).verdict is Verdict.LOST


@pytest.mark.parametrize(
    ("silence", "verdict", "becomes"),
    [
        (2.0, Verdict.ALIVE, Verdict.ALIVE),
        (2.1, Verdict.ALIVE, Verdict.SUSPECT),
        (2.15, Verdict.SUSPECT, Verdict.SUSPECT),
        (2.2, Verdict.SUSPECT, Verdict.LOST),
    ],
)
def test_suspicion_comes_before_a_loss(silence: float, verdict: Verdict, becomes: Verdict) -> None:
    sight = host(*QUIET, silence=silence, verdict=verdict)
    assert judge(sight, GROUND, POLICY).verdict is becomes


def test_a_provisional_start_needs_a_fresh_failed_probe_and_time_to_contradict_it() -> None:
    one = (look("OSU/a", SILENT),)
    assert not judge(host(*one, silence=2.5), GROUND, POLICY).may_start
    assert judge(host(*one, silence=2.6), GROUND, POLICY).may_start
    seen = (*one, look("PAR/b", ANSWERS, 2))
    assert not judge(host(*seen, silence=2.6), GROUND, POLICY).may_start
    assert not judge(host(silence=2.6), GROUND, POLICY).may_start


def test_a_host_that_was_given_up_waits_with_a_countdown() -> None:
    back = replace(host(silence=0.3, verdict=Verdict.LOST), steady=4.0)
    judgement = judge(back, GROUND, POLICY)
    assert (judgement.verdict, judgement.hold) == (Verdict.LOST, 6.0)
    assert judge(replace(back, steady=10.0), GROUND, POLICY).verdict is Verdict.ALIVE


def test_who_comes_and_goes_waits_longer_each_time_up_to_a_limit() -> None:
    back = replace(host(silence=0.3, verdict=Verdict.LOST), steady=0.0)
    holds = [judge(replace(back, flaps=n), GROUND, POLICY).hold for n in (0, 5, 6, 7, 8, 100_000)]
    assert holds == [10.0, 10.0, 20.0, 40.0, 80.0, 300.0]


def test_what_was_replaced_only_ever_returns() -> None:
    assert {after for before, after in MOVES if before is Verdict.LOST} == {Verdict.ALIVE}
    assert judge(host(look("OSU/a", ANSWERS, 2), verdict=Verdict.LOST), GROUND, POLICY).verdict is (
        Verdict.LOST
    )


def test_detection_moves_only_where_the_row_may_move() -> None:
    assert all(after in VERDICT_MOVES[before] for before, after in MOVES)


def test_the_picture_of_the_verdicts_is_the_table() -> None:
    text = (Path(__file__).parents[3] / "docs/detection/verdicts.md").read_text()
    drawn = re.findall(r"^    ([a-z-]+) --> ([a-z-]+): (\w+)$", text, re.MULTILINE)
    assert {(Verdict(a), Verdict(b)): name for a, b, name in drawn} == MOVES
