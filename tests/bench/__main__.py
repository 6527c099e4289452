"""`make bench`: the pure cores in short form, then crash to service on the lab.

`python -m tests.bench` (KILLS=20, SPACING=61 seconds, SEED=1) · `… pure` without the lab ·
`… kills` the lab alone · `… idle MINUTES=30` · `… failover`.
Results also as JSON in TOCSIN_BENCH (var/bench).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench import failover, heartbeats, idle, kills
from tests.support.running import ROOT
from tests.support.stack import whole_stack

PARTS = ("pure", "kills", "idle", "failover")


def main(words: list[str]) -> int:
    """Run what the words name; 1 when something that must be 0 is not."""
    given = {**os.environ, **dict(word.split("=", 1) for word in words if "=" in word)}
    named = [word for word in words if "=" not in word] or ["pure", "kills"]
    if unknown := set(named) - set(PARTS):
        sys.stderr.write(f"{', '.join(sorted(unknown))}: not one of {', '.join(PARTS)}\n")
        return 2
    if "pure" in named:
        keep("heartbeats", dict(heartbeats.main()))
        for module in ("detection", "placement"):
            print(f"\n{module}")
            short = [sys.executable, "-m", f"tests.bench.{module}", "--small"]
            subprocess.run(short, cwd=ROOT, check=True)
    ok = True
    if "kills" in named:
        ok = _on_the_lab("kills", given)
    if "idle" in named:
        ok = _on_the_lab("idle", given) and ok
    if "failover" in named:
        ok = failover.main(given) and ok
    return 0 if ok else 1


def _on_the_lab(part: str, given: dict[str, str]) -> bool:
    seed = int(given.get("SEED", "1"))
    print(f"\n{part}, on the lab (seed {seed})", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-bench-") as home,
        whole_stack(Path(home) / "var") as stack,
    ):
        if part == "idle":
            found = idle.weather(stack, float(given.get("MINUTES", "30")), seed)
            keep("idle", dict(found))
            return idle.report(found)
        count, spacing = int(given.get("KILLS", "20")), float(given.get("SPACING", "61"))
        report = kills.report(kills.measure(stack, count, seed, spacing))
        keep("kills", report)
        return not report["not_replaced"]


def keep(name: str, figures: dict[str, object]) -> None:
    """The newest figures of this part as JSON."""
    folder = Path(os.environ.get("TOCSIN_BENCH", ROOT / "var" / "bench"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
