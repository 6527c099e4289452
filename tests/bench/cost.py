"""What Tocsin's own processes take while nothing happens: CPU and memory, with and without stores.

`python -m tests.bench.cost` (SECONDS=60). Quiet: nobody looks at a page, no host is lost.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.failovers.telling import Bases
from tests.support.running import wait_for
from tests.support.stack import Stack, whole_stack

SETTLE = 45.0
POINTS = "SELECT count(*) FROM backups_archivesight WHERE moment IS NULL"


def main(words: list[str]) -> int:
    given = dict(word.split("=", 1) for word in words)
    seconds = float(given.get("SECONDS", "60"))
    found = {name: _measured(name == "with", seconds) for name in ("without", "with")}
    print(f"\n{seconds:.0f} s of an idle lab with databases: % of one core, MiB")
    print(f"{'':<14}{'without stores':>18}{'with stores':>18}")
    for name in sorted(found["with"] | found["without"]):
        cells = [found[side].get(name, (0.0, 0.0)) for side in ("without", "with")]
        print(f"{name:<14}" + "".join(f"{cpu:>10.1f} %{mib:>6.0f}" for cpu, mib in cells))
    return 0


def _measured(has_stores: bool, seconds: float) -> dict[str, tuple[float, float]]:
    more = {"TOCSIN_LAB_DATABASES": "1", "TOCSIN_LAB_STORES": str(int(has_stores))}
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-cost-") as home,
        whole_stack(Path(home) / "var", **more) as stack,
    ):
        Bases(stack).settle()
        if has_stores:
            wait_for(lambda: stack.rows(POINTS) == [(0,)], 300)
        time.sleep(SETTLE)
        before = _spent(stack)
        time.sleep(seconds)
        after = _spent(stack)
        found = {
            name: (100 * (after[name][0] - before[name][0]) / seconds, after[name][1])
            for name in after
            if name in before and name not in ("lab", "keeper")
        }
        columns = zip(*found.values(), strict=True)
        cpu, mib = (sum(column) for column in columns)
        return found | {"all of Tocsin": (cpu, mib)}


def _spent(stack: Stack) -> dict[str, tuple[float, float]]:
    """Seconds of CPU and MiB of each process of Tocsin, its children with it."""
    found = {}
    for each in stack.running.status()["processes"]:
        if not each["is_up"] or each["name"] == "lab":
            continue
        process = psutil.Process(each["pid"])
        family = [process, *process.children(recursive=True)]
        seconds = sum(sum(one.cpu_times()[:2]) for one in family)
        found[each["name"]] = (seconds, sum(one.memory_info().rss for one in family) / 2**20)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
