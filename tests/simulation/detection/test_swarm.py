"""Thousands of random faults, and mutants of the rules that must not survive them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import pytest

from recovery.detection import blind, decide, grants, guard, verdicts
from recovery.detection.facts import (
    CONTROL_PLANE,
    LIVING,
    HostSight,
    Judgement,
    Loss,
    Ruling,
    Shape,
    Sighting,
    Step,
)
from recovery.detection.policy import Policy
from recovery.inventory.facts import Replace, Verdict
from tests.simulation.detection.faults import breaches, swarm

SEEDS = int(os.environ.get("TOCSIN_SEEDS", "480"))
CHUNKS = 8
KILLERS = (2, 5, 18, 19, 27, 29, 34, 50, 118, 590, 1445)
"""Seeds that kill a mutant, tried first so that the test is quick; the search goes on without."""


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_swarm_of_faults_makes_detection_break_a_rule(chunk: int) -> None:
    found = {seed: breaches(swarm(seed)) for seed in range(chunk, SEEDS, CHUNKS)}
    assert {seed: said for seed, said in found.items() if said} == {}


Patch = Callable[[pytest.MonkeyPatch], None]


def guard_by_percentage_only(patch: pytest.MonkeyPatch) -> None:
    def only_share(losses: Sequence[Loss], shape: Shape, policy: Policy, **_: object) -> Ruling:
        for name, size in shape.datacenters.items():
            if sum(1 for one in losses if one.datacenter == name) > size * 0.55:
                return Ruling(Step.ASK, ("too much of one datacenter",))
        return Ruling(Step.ALLOW, ("less than 55 % of each datacenter",))

    patch.setattr(grants, "guard", only_share)


def provisional_without_guard(patch: pytest.MonkeyPatch) -> None:
    def start(host: HostSight, judgement: Judgement, court: object) -> tuple[Replace, str]:
        return (Replace.PROVISIONAL if judgement.may_start else host.replace), ""

    patch.setattr(grants, "_provisional", start)


def missing_digest_is_silence(patch: pytest.MonkeyPatch) -> None:
    """With the two rules that would save it: all silent, too few vantage points."""
    for rule in ("_stale_digests", "_too_few_heard", "_too_few_vantage_points"):
        patch.setattr(blind, rule, lambda *_: [])


def stale_looks_count(patch: pytest.MonkeyPatch) -> None:
    """And nobody is asked afresh."""

    def refuse(host: HostSight, look: Sighting, policy: Policy) -> str:
        alive = look.is_serving or look.kernel in LIVING or look.observer == CONTROL_PLANE
        return "" if alive else verdicts._refuse_witness(host, look)

    def steady(host: HostSight, look: Sighting) -> str:
        shared = look.observer_domains & host.domains
        return "it shares a domain" if shared else ""

    patch.setattr(verdicts, "refuse_look", refuse)
    patch.setattr(verdicts, "_refuse_witness", steady)
    patch.setattr(decide, "choose_looks", lambda *_, **__: ())


def one_witness_is_enough(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verdicts, "are_independent", lambda looks, wanted: len(looks) > 0)


def neighbours_count_as_witnesses(patch: pytest.MonkeyPatch) -> None:
    def refuse(host: HostSight, look: Sighting) -> str:
        return "" if look.observer_verdict is Verdict.ALIVE else "itself in doubt"

    patch.setattr(verdicts, "_refuse_witness", refuse)


def sleepy_observers_count(patch: pytest.MonkeyPatch) -> None:
    def refuse(host: HostSight, look: Sighting) -> str:
        return "it shares a domain" if look.observer_domains & host.domains else ""

    patch.setattr(verdicts, "_refuse_witness", refuse)


def life_is_no_veto(patch: pytest.MonkeyPatch) -> None:
    real = verdicts.refuse_look

    def refuse(host: HostSight, look: Sighting, policy: Policy) -> str:
        lives = look.is_serving or look.kernel in LIVING
        return "ignored" if lives else real(host, look, policy)

    patch.setattr(verdicts, "refuse_look", refuse)


def no_regrace(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(blind, "_grace_left", lambda *_: 0.0)


def no_waiting_for_company(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(grants, "wait_for_company", lambda *_: None)


def datacenters_do_not_ask(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(guard, "_whole_datacenters", lambda *_: [])


def racks_need_not_fit(patch: pytest.MonkeyPatch) -> None:
    real = guard._rack

    def rack(*given: object) -> Ruling:
        ruling = real(*given)  # type: ignore[arg-type] # the arguments are only handed through
        return Ruling(Step.PACE, ruling.reasons)

    patch.setattr(guard, "_rack", rack)


def returning_hosts_are_believed_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verdicts, "_steady_wanted", lambda *_: 0.0)


MUTANTS: tuple[Patch, ...] = (
    guard_by_percentage_only,
    provisional_without_guard,
    missing_digest_is_silence,
    stale_looks_count,
    one_witness_is_enough,
    neighbours_count_as_witnesses,
    sleepy_observers_count,
    life_is_no_veto,
    no_regrace,
    no_waiting_for_company,
    datacenters_do_not_ask,
    racks_need_not_fit,
    returning_hosts_are_believed_at_once,
)
"""M10, M11, M12 of safety.md first, then our own."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_simulation_catches_a_mutant(mutant: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    assert any(breaches(swarm(seed)) for seed in (*KILLERS, *range(2000))), (
        "no seed notices this mutant"
    )
