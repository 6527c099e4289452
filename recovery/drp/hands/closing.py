"""Can this database still be written to in a datacenter that is fenced? Pure.

Invariant: *proven* is said of a lease that ended on the leader's own clock and that nobody could
prolong unseen, of a receipt that an agent signed, or of a failover's own proof; of everything else
it is said that it is not, and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recovery.operations.facts import UNDER_WAY, OperationState

AGAIN_SECONDS = 5.0
"""A gate that could not be closed is asked for again."""


class Standing(StrEnum):
    """`ask`: its agent is to be ordered to close the gate · `waits`: it is not known yet."""

    PROVEN = "proven"
    ASK = "ask"
    WAITS = "waits"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Held:
    """A database whose primary is in the datacenter. `is_heard`: its agent answers; `left`: seconds
    of the primary's lease, None: it lives by none; `silent`: who could have promised it more,
    unheard; `is_gone`: the provider, or somebody on site, said that the datacenter is gone;
    `proof`: of its failover; `receipt`, `quiet`, `detail`: of the newest order to close the gate,
    seconds ago."""

    name: str
    host: str
    is_heard: bool
    left: float | None = None
    silent: tuple[str, ...] = ()
    is_gone: bool = False
    proof: str = ""
    receipt: OperationState | None = None
    quiet: float = 0.0
    detail: str = ""


def judge(held: Held) -> tuple[Standing, str]:
    """With a sentence about it, which names its host."""
    where = f"{held.name} on {held.host}"
    if held.proof:
        return Standing.PROVEN, f"{where}: {held.proof}"
    if held.receipt is OperationState.DONE:
        return Standing.PROVEN, f"{where}: its agent closed the gate and signed for it."
    if held.left is not None and held.left <= 0 and (held.is_gone or not held.silent):
        return Standing.PROVEN, f"{where}: its lease has ended."
    if held.left is not None and held.left > 0:
        return Standing.WAITS, f"{where}: its lease ends in {held.left:.0f} s."
    if held.is_heard:
        return _asked(held, where)
    return Standing.UNPROVEN, f"{where}: {_doubt(held)}"


def _asked(held: Held, where: str) -> tuple[Standing, str]:
    if held.receipt in UNDER_WAY:
        return Standing.WAITS, f"{where}: its agent is to close the gate."
    if held.receipt is not None and held.quiet < AGAIN_SECONDS:
        return Standing.WAITS, f"{where}: its gate was not closed: {held.detail}"
    return Standing.ASK, f"{where}: its agent is ordered to close the gate and to sign for it."


def _doubt(held: Held) -> str:
    if held.left is None:
        return "it lives by no lease that could end, and nobody there answers."
    return (
        f"its lease has ended, but {', '.join(held.silent)}, unheard, may have prolonged it unseen;"
        " nobody has said that the datacenter is gone."
    )
