"""`make chaos ROUNDS=30`: rounds of loss and `kill -9`; SEED= replays, ROUND= plays one alone.

Results are appended to `TOCSIN_CHAOS` (a folder, otherwise var/chaos) as JSON lines, so that an
interrupted run goes on where it stopped.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.chaos.plan import plan_round
from tests.chaos.rounds import Result, play
from tests.support.kept import folder, keep_line, say, where_to_begin
from tests.support.stack import whole_stack


def main() -> int:
    """Play, keep, say; 1 when any round found a fault."""
    rounds = int(os.environ.get("ROUNDS", "30"))
    kept = folder() / "rounds.jsonl"
    seed, first = where_to_begin(kept, rounds, counted="round")
    numbers = [int(os.environ["ROUND"])] if "ROUND" in os.environ else range(first, rounds + 1)
    say(f"seed {seed}: rounds {numbers[0]} to {numbers[-1]}, results in {kept}")
    bad = 0
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-chaos-") as home,
        whole_stack(Path(home) / "var") as stack,
    ):
        hosts = sorted(stack.verdicts())
        for number in numbers:
            result = play(stack, seed, plan_round(seed, number, hosts))
            keep(kept, result)
            bad += not result.ok
    say(f"{len(numbers) - bad} of {len(numbers)} rounds without a fault (seed {seed})")
    return int(bad > 0)


def keep(kept: Path, result: Result) -> None:
    """One line, durable before the next round begins."""
    keep_line(kept, result.as_json())
    say(f"{'ok ' if result.ok else 'BAD'} {result.plan}")
    say(
        f"    replaced after {result.replaced} s, quiet after {result.quiet} s,"
        f" {result.acknowledged} acknowledged, {result.released} released,"
        f" {result.looks} looks at what really runs; died: {', '.join(result.died) or 'nothing'}"
    )
    for fault in result.faults:
        say(f"    FAULT {fault}")


if __name__ == "__main__":
    sys.exit(main())
