"""What restored rows say of a database against what its agents see (B11). Pure.

Invariants: the epoch that is decided is above every epoch that anybody has told, so none is used
twice (I-CP-4); who leads is read from the agents and never promoted; where that is not certain
nobody leads by this decision, and the failover asks for its proofs as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """One replica, by its agent's newest word. `is_heard`: since these rows are in doubt."""

    replica: str
    host: str
    is_heard: bool = False
    role: str = ""
    epoch: int = 0
    is_running: bool = False
    is_writable: bool = False

    @property
    def leads(self) -> bool:
        return self.is_heard and self.role == "primary" and self.is_running


@dataclass(frozen=True, slots=True)
class Recorded:
    """One database by the rows. `primary`: whom they hold for it, or nobody."""

    name: str
    epoch: int
    primary: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """`primary` is to lead it at `epoch`. `is_seen`: its agent says that it leads. `differs`: what
    the rows did not know, in clauses; `missing`: hosts of its copies that were not heard;
    `refusal`: why it cannot be settled."""

    name: str
    primary: str
    epoch: int
    is_seen: bool = False
    differs: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    refusal: str = ""


def reconcile(recorded: Recorded) -> Reconciled:
    """Who leads it, and from which epoch on."""
    told = [claim for claim in recorded.claims if claim.is_heard]
    highest = max([recorded.epoch, *(claim.epoch for claim in told)])
    missing = tuple(claim.host for claim in recorded.claims if not claim.is_heard)
    leader, refusal = _leader(recorded, told, is_whole=not missing)
    return Reconciled(
        recorded.name,
        leader.replica if leader else recorded.primary,
        highest + 1,
        leader is not None,
        _differences(recorded, leader, highest),
        missing,
        refusal,
    )


def _leader(
    recorded: Recorded, told: Sequence[Claim], *, is_whole: bool
) -> tuple[Claim | None, str]:
    """The one that leads by the highest epoch; a shut one only when everybody was heard, since a
    successor may be among those who were not."""
    leading = [claim for claim in told if claim.leads]
    if not leading:
        return None, ""
    newest = max(claim.epoch for claim in leading)
    first = [claim for claim in leading if claim.epoch == newest]
    if len(first) > 1:
        names = " and ".join(claim.host for claim in first)
        return None, (
            f"{recorded.name}: {names} both say that they lead epoch {newest}. Stop the server that"
            " is wrong, then settle."
        )
    (leader,) = first
    return (leader, "") if leader.is_writable or is_whole else (None, "")


def _differences(recorded: Recorded, leader: Claim | None, highest: int) -> tuple[str, ...]:
    found = []
    if highest > recorded.epoch:
        found.append(f"its agents know epoch {highest}, the rows {recorded.epoch}")
    if leader is not None and leader.replica != recorded.primary:
        found.append(f"{leader.host} leads it, the rows name another")
    return tuple(found)
