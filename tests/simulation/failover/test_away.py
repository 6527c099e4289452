"""Without Tocsin everybody serves; a primary alone is fenced exactly when it lives by a lease."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from recovery.core.leases import AgentLease
from tests.simulation.failover.away import away

SEEDS = 600
Patch = pytest.MonkeyPatch


def test_tocsin_goes_at_any_moment_and_no_primary_is_doubled_or_fenced_without_need() -> None:
    runs = {seed: away(seed) for seed in range(SEEDS)}
    assert {seed: world.breaches for seed, (world, _) in runs.items() if world.breaches} == {}
    bound = [is_bound for _, is_bound in runs.values()]
    assert min(bound.count(False), bound.count(True)) > SEEDS / 10, (
        "Tocsin goes before and after the primary has heard of its lease"
    )


def _nobody_is_asked_for_promises(patch: Patch) -> None:
    patch.setattr(AgentLease, "wants_promise", lambda self, now: False)


def _a_round_of_promises_needs_no_answers(patch: Patch) -> None:
    real = AgentLease.wants_promise

    def wants(self: AgentLease, now: float) -> bool:
        found = real(self, now)
        if found:
            self.promised(now)
        return found

    patch.setattr(AgentLease, "wants_promise", wants)


MUTANTS = (
    _nobody_is_asked_for_promises,
    _a_round_of_promises_needs_no_answers,
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__[1:])
def test_it_notices_a_rule_that_is_missing(
    mutant: Callable[[Patch], None], monkeypatch: Patch
) -> None:
    mutant(monkeypatch)
    assert any(away(seed)[0].breaches for seed in range(SEEDS))
