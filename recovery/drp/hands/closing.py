"""Can this database still be written to in a datacenter that is fenced? Pure.

Invariant: *proven* is said of a lease that ended on the leader's own clock and that nobody could
prolong unseen, of a receipt that an agent signed, or of a failover's own proof; of everything else
it is said that it is not, and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recovery.failover.proofs.prolonging import Prolonging
from recovery.operations.facts import UNDER_WAY, OperationState

AGAIN_SECONDS = 5.0
"""A gate that could not be closed is asked for again."""


class Standing(StrEnum):
    """`ask`: its agent is to be ordered to close the gate · `tell`: its standbys are to be told to
    promise nothing further · `waits`: it is not known yet."""

    PROVEN = "proven"
    ASK = "ask"
    TELL = "tell"
    WAITS = "waits"
    UNPROVEN = "unproven"


NOBODY = Prolonging()


@dataclass(frozen=True, slots=True)
class Held:
    """A database whose primary is in the datacenter. `is_heard`: its agent answers; `left`: seconds
    of the primary's lease, None: it lives by none; `more`: who may have given it more, by the rule
    of every promotion across datacenters; `is_told`: its standbys were told a moment ago; `proof`:
    of its failover, `is_gate`: it says of the gate itself that it is closed; `receipt`, `quiet`,
    `detail`: of the newest order to close the gate, seconds ago."""

    name: str
    host: str
    is_heard: bool
    left: float | None = None
    more: Prolonging = NOBODY
    is_told: bool = False
    proof: str = ""
    is_gate: bool = False
    receipt: OperationState | None = None
    quiet: float = 0.0
    detail: str = ""


def judge(held: Held) -> tuple[Standing, str]:
    """With a sentence about it, which names its host."""
    where = f"{held.name} on {held.host}"
    standing, said = _proven(held) or _by_lease(held) or (Standing.UNPROVEN, _doubt(held))
    return standing, f"{where}: {said}"


def _proven(held: Held) -> tuple[Standing, str] | None:
    if held.proof and (held.is_gate or held.more.is_over):
        return Standing.PROVEN, held.proof
    if held.receipt is OperationState.DONE:
        return Standing.PROVEN, "its agent closed the gate and signed for it."
    if held.left is not None and held.left <= 0 and held.more.is_over:
        return Standing.PROVEN, "its lease has ended."
    return None


def _by_lease(held: Held) -> tuple[Standing, str] | None:
    """What comes next; None: nobody there could say more."""
    if held.left is not None and held.left > 0:
        return Standing.WAITS, f"its lease ends in {held.left:.0f} s."
    if held.is_heard:
        return _asked(held)
    return None if held.left is None else _prolonged(held)


def _prolonged(held: Held) -> tuple[Standing, str] | None:
    """By those who answer; None: what is left to doubt is who does not."""
    more = held.more
    if more.open:
        names = ", ".join(one.name for one in more.open)
        said = f"its lease has ended; {names} may promise it more, and is told not to."
        return (Standing.WAITS if held.is_told else Standing.TELL), said
    if more.kept is not None:
        said = f"its lease has ended, but {more.kept.name} promised it {more.kept.left:.0f} s more."
        return Standing.WAITS, said
    return None


def _asked(held: Held) -> tuple[Standing, str]:
    if held.receipt in UNDER_WAY:
        return Standing.WAITS, "its agent is to close the gate."
    if held.receipt is not None and held.quiet < AGAIN_SECONDS:
        return Standing.WAITS, f"its gate was not closed: {held.detail}"
    return Standing.ASK, "its agent is ordered to close the gate and to sign for it."


def _doubt(held: Held) -> str:
    if held.left is None:
        return "it lives by no lease that could end, and nobody there answered."
    return (
        f"its lease has ended, but {held.more.named}, unheard, may have prolonged it unseen; nobody"
        " has said that it is gone."
    )
