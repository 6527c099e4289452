"""Thousands of random faults, and the mutants that must not survive them.

`TOCSIN_FAILOVER_SEEDS` (or `make sim SEEDS=...`) sets how many.
"""

from __future__ import annotations

import os

import pytest

from tests.simulation.failover.faults import swarm
from tests.simulation.failover.mutants import MUTANTS, Mutant

SEEDS = int(os.environ.get("TOCSIN_FAILOVER_SEEDS", "20000"))
CHUNKS = 20
REACH = 6000
"""So many seeds are tried on a mutant before it is said to survive."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_swarm_of_faults_breaks_an_invariant_of_failover(chunk: int) -> None:
    found = {seed: swarm(seed).breaches for seed in range(chunk, SEEDS, CHUNKS)}
    assert {seed: said for seed, said in found.items() if said} == {}


KILLERS: dict[str, int] = {}
"""The first seed that notices each mutant; if it does no longer, all the others are searched."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_simulation_catches_a_mutant(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    first = KILLERS.get(mutant.__name__, 0)
    assert not swarm(first).breaches or not first, "without the mutant this seed is clean"
    mutant(monkeypatch)
    seeds = (first, *range(REACH))
    assert any(swarm(seed).breaches for seed in seeds), "no seed notices this mutant"
