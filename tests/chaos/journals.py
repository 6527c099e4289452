"""What the agents' own disks say: which operations they acted upon, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec

from recovery.agent.journal import Line


def journaled(lab: Path) -> dict[str, Counter[str]]:
    """Host → operation → how many intents its journal holds (a torn last line is not one)."""
    found: dict[str, Counter[str]] = {}
    decoder = msgspec.json.Decoder(Line)
    for path in sorted(lab.glob("hosts/*/state/journal.jsonl")):
        data = path.read_bytes()
        lines = [decoder.decode(raw) for raw in data[: data.rfind(b"\n") + 1].splitlines()]
        orders = [line.order.operation for line in lines if line.order is not None]
        found[path.parent.parent.name] = Counter(orders)
    return found


def faults_of(
    journals: Mapping[str, Counter[str]], operations: Mapping[str, tuple[str, str]]
) -> list[str]:
    """Against the rows (operation → its host and state): nothing acted upon twice, by another
    host, or without its row; nothing done that the host has no memory of acting upon."""
    faults = []
    for host, intents in journals.items():
        for operation, times in intents.items():
            owner, state = operations.get(operation, ("", "no row"))
            if times > 1:
                faults.append(f"{host} acted {times} times upon operation {operation}")
            if owner != host:
                faults.append(f"{host} acted upon operation {operation} of {owner or 'nobody'}")
            if state in {"waiting", "withdrawn"}:
                faults.append(f"{host} acted upon operation {operation}, which is {state}")
    return faults
