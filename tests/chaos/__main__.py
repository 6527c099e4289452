"""`make chaos ROUNDS=30`: rounds of loss and `kill -9`; SEED= replays, ROUND= plays one alone.

Results are appended to `TOCSIN_CHAOS` (a folder, otherwise var/chaos) as JSON lines, so that an
interrupted run goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
from pathlib import Path

from tests.chaos.plan import plan_round
from tests.chaos.rounds import Result, play
from tests.support.running import ROOT
from tests.support.stack import whole_stack


def main() -> int:
    """Play, keep, say; 1 when any round found a fault."""
    rounds = int(os.environ.get("ROUNDS", "30"))
    folder = Path(os.environ.get("TOCSIN_CHAOS", ROOT / "var" / "chaos"))
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "rounds.jsonl"
    seed, first = where_to_begin(kept, rounds)
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


def where_to_begin(kept: Path, rounds: int) -> tuple[int, int]:
    """The seed and the first round: those of an interrupted run, unless SEED names another."""
    lines = kept.read_text().splitlines() if kept.exists() else []
    given = os.environ.get("SEED", "")
    if lines:
        last = json.loads(lines[-1])
        if last["round"] < rounds and given in ("", str(last["seed"])):
            return int(last["seed"]), int(last["round"]) + 1
    return int(given) if given else secrets.randbelow(1_000_000), 1


def keep(kept: Path, result: Result) -> None:
    """One line, durable before the next round begins."""
    with kept.open("a") as out:
        out.write(json.dumps(result.as_json()) + "\n")
        out.flush()
        os.fsync(out.fileno())
    say(f"{'ok ' if result.ok else 'BAD'} {result.plan}")
    say(
        f"    replaced after {result.replaced} s, quiet after {result.quiet} s,"
        f" {result.acknowledged} acknowledged, {result.released} released,"
        f" {result.looks} looks at what really runs; died: {', '.join(result.died) or 'nothing'}"
    )
    for fault in result.faults:
        say(f"    FAULT {fault}")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
