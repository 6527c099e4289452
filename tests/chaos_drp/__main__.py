"""`make chaos-drp N=15`: runs of a recovery plan under `kill -9`; SEED= replays, ROUND= plays one;
BOOK=disaster loses a datacenter first, on a lab of its own in each round.

Results are appended to `TOCSIN_CHAOS` (a folder, otherwise var/chaos) as JSON lines, so that an
interrupted series goes on where it stopped.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos_drp import book, checks, disaster
from tests.chaos_drp.ground import Ground, settle
from tests.chaos_drp.people import People
from tests.chaos_drp.plan import plan_round
from tests.chaos_drp.rounds import Result, play
from tests.support.kept import folder, keep_line, say, where_to_begin
from tests.support.running import ROOT
from tests.support.stack import whole_stack

PREFIX = "tocsin-chaos-"
LAB_FILE = ROOT / "tests" / "chaos_failover" / "lab.yaml"


def main() -> int:
    """Play, keep, say; 1 when any round found a fault."""
    count = int(os.environ.get("N", "15"))
    is_disaster = os.environ.get("BOOK", "") == "disaster"
    kept = folder() / ("drp-disaster.jsonl" if is_disaster else "drp.jsonl")
    seed, first = where_to_begin(kept, count, counted="round")
    numbers = [int(os.environ["ROUND"])] if "ROUND" in os.environ else range(first, count + 1)
    say(f"seed {seed}: rounds {numbers[0]} to {numbers[-1]}, results in {kept}")
    bad = 0
    for result in (lose if is_disaster else run)(seed, numbers):
        keep_line(kept, result.as_json())
        tell(result)
        bad += not result.ok
    say(f"{len(numbers) - bad} of {len(numbers)} rounds without a fault (seed {seed})")
    return int(bad > 0)


def run(seed: int, numbers: Iterable[int]) -> Iterator[Result]:
    """Nothing is lost: every round on one ground."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as home, ground_in(home) as ground:
        for number in numbers:
            yield whole(ground, play(People(ground), seed, plan_round(seed, number)))


def lose(seed: int, numbers: Iterable[int]) -> Iterator[Result]:
    """What burnt does not come back: a ground for each round."""
    for number in numbers:
        plan = plan_round(seed, number, disaster.WITHIN)
        with (
            tempfile.TemporaryDirectory(prefix=PREFIX) as home,
            disaster.ground_in(home) as ground,
        ):
            yield whole(ground, play(disaster.Losers(ground), seed, plan))


def whole(ground: Ground, result: Result) -> Result:
    """With what the log itself says of it."""
    result.faults += checks.sealed(ground)
    return result


@contextmanager
def ground_in(home: str) -> Iterator[Ground]:
    """A whole Tocsin with a small lab, its people and its runbook."""
    with whole_stack(Path(home) / "var", TOCSIN_LAB_FILE=str(LAB_FILE)) as stack:
        yield settle(stack, book.raw())


def tell(result: Result) -> None:
    say(f"{'ok ' if result.ok else 'BAD'} {result.plan}")
    say(
        f"    DRP-{result.run:04d} ran {result.ran} s, {result.approvals} approvals;"
        f" refused: {result.refused or 'nothing'}; died in the middle of:"
    )
    for each in result.during:
        say(f"    {each}")
    for fault in result.faults:
        say(f"    FAULT {fault}")


if __name__ == "__main__":
    sys.exit(main())
