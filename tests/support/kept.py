"""Results of long runs as JSON lines: an interrupted run goes on where it stopped."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.running import ROOT


def folder() -> Path:
    """`TOCSIN_CHAOS`, otherwise var/chaos."""
    found = Path(os.environ.get("TOCSIN_CHAOS", ROOT / "var" / "chaos"))
    found.mkdir(parents=True, exist_ok=True)
    return found


def where_to_begin(kept: Path, last: int, *, counted: str) -> tuple[int, int]:
    """The seed and the first number: those of an interrupted run, unless SEED names another.
    `counted`: what each line is one of, by the name of its number."""
    given = os.environ.get("SEED", "")
    if lines := lines_of(kept):
        line = lines[-1]
        if line[counted] < last and given in ("", str(line["seed"])):
            return int(line["seed"]), int(line[counted]) + 1
    return int(given) if given else secrets.randbelow(1_000_000), 1


def lines_of(kept: Path) -> list[dict[str, Any]]:
    """Everything that was kept there."""
    return [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []


def keep_line(kept: Path, line: Mapping[str, object]) -> None:
    """Durable before the next one begins."""
    with kept.open("a") as out:
        out.write(json.dumps(line, default=str) + "\n")
        out.flush()
        os.fsync(out.fileno())


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
