"""The folder of runbooks: every file in it, and what is wrong with those that are not taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from recovery.drp.runbooks.faults import BadRunbook
from recovery.drp.runbooks.reading import read_runbook
from recovery.drp.runbooks.schema import Runbook


@dataclass(frozen=True, slots=True)
class Written:
    """One file. `runbook` None: `wrong` says why."""

    path: Path
    raw: bytes
    runbook: Runbook | None
    wrong: BadRunbook | None = None


def read_folder(folder: Path) -> Mapping[str, Written]:
    """By file name; one bad file keeps no other from being read."""
    return {path.name: _read(path) for path in sorted(folder.glob("*.yaml"))}


def _read(path: Path) -> Written:
    raw = path.read_bytes()
    try:
        return Written(path, raw, read_runbook(raw, path.name))
    except BadRunbook as wrong:
        return Written(path, raw, None, wrong)
