"""The port of gates, with its suite in tests/adapters/fencing."""

from __future__ import annotations

from typing import Literal, Protocol

GateKind = Literal["nftables", "watchdog"]


class Gate(Protocol):
    """What lets clients' writes through to the primaries of this host (safety.md B4).

    Invariants: a guarded replica is closed unless a lease runs, and closes at its deadline by
    itself, whatever became of the agent; what was fenced stays closed at that epoch and below,
    over every restart. Deadlines are BOOTTIME of this host.
    """

    kind: GateKind

    async def guard(self, replica: str, port: int, peers: tuple[str, ...]) -> None:
        """Closed from now on, except to these addresses and while a lease runs; one that runs
        already goes on. To be called before its server starts, and whenever its peers change."""

    async def extend(self, replica: str, epoch: int, deadline: float) -> None:
        """Open until then. Raises `Refused` at or below a fence, or when its time is over."""

    async def close(self, replica: str) -> None:
        """In doubt: closed until the next `extend`."""

    async def fence(self, operation: str, replica: str, epoch: int) -> str:
        """Closed at this epoch and below, for good. The receipt: the host's signature (base64)
        over `wire.receipt_bytes`, given only once it is closed."""

    async def left(self, replica: str) -> float:
        """Seconds for which it stays open; 0 when it is closed."""

    async def arm(
        self, replica: str, port: int, peers: tuple[str, ...], epoch: int, deadline: float
    ) -> None:
        """A primary that ran without a lease is bound to one: guarded, and open until then. To
        be called before its first renewal is sent; nothing where it is guarded already."""

    async def release(self, replica: str, port: int) -> None:
        """Not guarded any more: it has no lease (starter plans, nobody who could take over)."""
