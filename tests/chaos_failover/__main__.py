"""`make chaos-failover N=60`: random schedules; SEED= replays, SCHEDULE= plays one alone.

Results are appended to `TOCSIN_CHAOS` (a folder, otherwise var/chaos) as JSON lines, one for
each schedule: an interrupted run goes on where it stopped. `TOCSIN_LAB_MODE=netns` (as root) runs
it behind the kernel's gate, otherwise it is behind the watchdogs'.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recovery.lab import clocks
from tests.chaos_failover import seats
from tests.chaos_failover.plan import plan_schedule
from tests.chaos_failover.rounds import WELL_SECONDS, NotAtRest, Result, play
from tests.chaos_failover.table import table
from tests.support.kept import folder, keep_line, lines_of, say, where_to_begin
from tests.support.stack import Stack, whole_stack

MOST_STACKS = 20
DATABASES = ("async-pg", "cache-valkey", "sync-pg")


def main() -> int:
    """Play, keep, say; 1 when any schedule found a fault."""
    count = int(os.environ.get("N", "15"))
    mode = "netns" if os.environ.get("TOCSIN_LAB_MODE") == "netns" else "relay"
    alone = int(os.environ.get("SCHEDULE", "0"))
    kept = folder() / f"failover-{mode}{'-alone' if alone else ''}.jsonl"
    seed, first = where_to_begin(kept, count, counted="schedule")
    numbers = [alone] if alone else list(range(first, count + 1))
    say(f"seed {seed}: schedules {numbers[0]} to {numbers[-1]}, mode {mode}, results in {kept}")
    waiting = list(rounds(numbers))
    for _ in range(MOST_STACKS):
        if waiting:
            play_on_one_stack(mode, seed, waiting, kept)
    if waiting:
        say(f"not played: {waiting}")
    ours = [line for line in lines_of(kept) if line["seed"] == seed]
    say(table(ours))
    return int(bool(waiting) or any(not line["ok"] for line in ours))


def play_on_one_stack(mode: str, seed: int, waiting: list[list[int]], kept: Path) -> None:
    """Round after round, taken from the front, until one leaves something that does not get whole
    again: its line says so, and the next one has a Tocsin of its own."""
    with tempfile.TemporaryDirectory(prefix="tocsin-chaos-") as home, stack_in(home, mode) as stack:
        while waiting:
            plans = [plan_schedule(seed, number, DATABASES) for number in waiting[0]]
            try:
                results = play(stack, seed, plans)
            except NotAtRest as why:
                say(f"    Tocsin is started anew: {why}")
                return
            for result in results:
                keep_line(kept, result.as_json())
                tell(result)
            waiting.pop(0)


@contextmanager
def stack_in(home: str, mode: str) -> Iterator[Stack]:
    """A whole Tocsin with the small lab and its databases."""
    assert clocks.DEBIAN.exists(), "no clock can be stepped here: apt-get install faketime"
    more = {
        "TOCSIN_LAB_DATABASES": "1",
        "TOCSIN_LAB_FILE": str(seats.LAB_FILE),
        "TOCSIN_LAB_MODE": mode,
        "TOCSIN_STANDBY_WELL": str(WELL_SECONDS),
        clocks.ASKED: str(clocks.DEBIAN),
    }
    with whole_stack(Path(home) / "var", **more) as stack:
        stack.api("GET", "/state")  # its token, before anything is away
        yield stack


def rounds(numbers: list[int]) -> Iterator[list[int]]:
    """Those that befall at once: one of each database."""
    size = len(DATABASES)
    for first in sorted({(number - 1) // size for number in numbers}):
        yield [number for number in numbers if (number - 1) // size == first]


def tell(result: Result) -> None:
    """What a person reads of it."""
    say(f"{'ok ' if result.ok else 'BAD'} {result.plan}")
    say(
        f"    {result.acknowledged} acknowledged, longest gap {result.longest_gap} s,"
        f" {result.lost} lost, whole after {result.whole} s, {result.rested} s of rest before"
        f" {result.seconds} s; {'; '.join(result.failovers) or 'no failover'}"
    )
    for fault in result.faults:
        say(f"    FAULT {fault}")


if __name__ == "__main__":
    sys.exit(main())
