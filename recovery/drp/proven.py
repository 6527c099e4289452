"""Whether a fence that is done is also proven, from what it told. Pure.

Invariant: what nobody proved is never shown as a plain "done", whoever said that it is.
"""

from __future__ import annotations

import re

from recovery.drp.facts import Kind, StepState

_TOLD = re.compile(r"(\d+) of (\d+) databases are proven not to be written to there\.")


def tell_proven(proven: int, all_: int) -> str:
    """As a fence tells it, and as it is read here."""
    return f"{proven} of {all_} databases are proven not to be written to there."


def unproven_word(kind: str, state: str, said: str, *, by_word: bool) -> str:
    """What stands in place of "done"; empty where it is proven, or is no fence that is done."""
    if kind != Kind.FENCE_DATACENTER or state != StepState.DONE:
        return ""
    told = list(_TOLD.finditer(said))
    if not told:
        return "done, not proven" if by_word else ""
    left = int(told[-1][2]) - int(told[-1][1])
    return f"done, not proven ({left})" if left else ""
