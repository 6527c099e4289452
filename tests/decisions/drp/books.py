"""The runbooks that are shipped, and ways to spoil one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from recovery.drp.runbooks.faults import BadRunbook
from recovery.drp.runbooks.reading import read_runbook
from recovery.drp.runbooks.schema import Runbook

FOLDER = Path(__file__).parents[3] / "deploy" / "runbooks"
NAMES = ("datacenter-lost", "datacenter-unreachable", "evacuation", "return")


@cache
def raw(name: str = "datacenter-lost") -> str:
    return (FOLDER / f"{name}.yaml").read_text()


@cache
def book(name: str = "datacenter-lost") -> Runbook:
    return read_runbook(raw(name).encode(), f"{name}.yaml")


def faults(text: str) -> list[str]:
    """What is said about it, one line a fault."""
    try:
        read_runbook(text.encode(), "x.yaml")
    except BadRunbook as error:
        return [str(fault) for fault in error.faults]
    return []


def spoilt(old: str, new: str, times: int = 1) -> list[str]:
    """Of the first runbook with this in place of that."""
    assert old in raw()
    return faults(raw().replace(old, new, times))
