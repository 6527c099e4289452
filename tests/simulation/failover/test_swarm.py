"""Thousands of random faults, and the mutants that must not survive them.

`TOCSIN_FAILOVER_SEEDS` (or `make sim SEEDS=...`) sets how many.
"""

from __future__ import annotations

import os

import pytest

from tests.simulation.failover.faults import swarm
from tests.simulation.failover.mutants import MUTANTS, Mutant

SEEDS = int(os.environ.get("TOCSIN_FAILOVER_SEEDS", "6000"))
"""In every run the same: each known mutant is noticed by one of the first 2734."""
CHUNKS = 20
REACH = 6000
"""So many seeds are tried on a mutant before it is said to survive."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_swarm_of_faults_breaks_an_invariant_of_failover(chunk: int) -> None:
    found = {seed: swarm(seed).breaches for seed in range(chunk, SEEDS, CHUNKS)}
    assert {seed: said for seed, said in found.items() if said} == {}


KILLERS = {
    "m1_deadline_from_the_reply": 2733,
    "m2_no_drift_margin": 115,
    "m3_wall_clock": 774,
    "m4_no_regrace": 77,
    "m5_agent_as_the_only_fence": 15,
    "m6_no_compare_and_swap": 977,
    "m7_no_epoch_in_the_data_path": 166,
    "m8_no_echo": 10,
    "m9_no_promise_check": 13,
    "late_orders_are_obeyed": 2153,
    "revoked_leases_are_renewed": 2153,
    "reports_older_than_the_stop_count": 2109,
    "a_first_sight_is_young": 25,
}
"""The first seed that notices each mutant; if it does no longer, all the others are searched."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_simulation_catches_a_mutant(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    first = KILLERS.get(mutant.__name__, 0)
    assert not swarm(first).breaches or not first, "without the mutant this seed is clean"
    mutant(monkeypatch)
    seeds = (first, *range(REACH))
    assert any(swarm(seed).breaches for seed in seeds), "no seed notices this mutant"
