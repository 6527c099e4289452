"""The next step of a volume that is lent, over whatever the provider may have of it."""

from __future__ import annotations

from itertools import product

from recovery.backups.facts import LoanState
from recovery.backups.lending import Act, next_step
from recovery.core.ports.snapshots import Volume

KINDS = (None, (False, False), (True, False), (False, True))


def test_one_volume_is_lent_and_none_is_left_in_every_case() -> None:
    for state, *kinds in product((LoanState.WANTED, LoanState.READY, LoanState.OVER), KINDS, KINDS):
        made = [
            Volume(f"vol-{n}", "snap-1", is_ready, is_broken=is_broken)
            for n, kind in enumerate(kinds)
            if kind is not None
            for is_ready, is_broken in [kind]
        ]
        step = next_step(state, made)
        if state is LoanState.OVER:
            assert step.act is (Act.DELETE if made else Act.FORGET)
            assert set(step.spare) == {one.id for one in made}
            continue
        broken = {one.id for one in made if one.is_broken}
        assert (step.act is Act.MAKE) == (state is LoanState.WANTED and not made)
        if broken:
            assert (step.act, set(step.spare)) == (Act.DELETE, broken)
        elif step.act is Act.LEND:
            assert {step.volume, *step.spare} == {one.id for one in made}
            assert next(one for one in made if one.id == step.volume).is_ready
