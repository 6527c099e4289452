"""Whom the agent lets pass a closed gate, by what the server behind it can tell."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from recovery.adapters.databases.choice import engine_for
from recovery.adapters.fencing.fences import Fences
from recovery.agent.databases.leash import Leash
from recovery.agent.databases.records import Records
from recovery.agent.databases.server import Server
from recovery.agent.databases.tools import Tools
from recovery.core import wire
from recovery.core.clock import SystemClock
from recovery.core.gates import GateKind
from recovery.core.ports import Place

TERMS = wire.LeaseTerms(every=0.5, timeout=0.7, length=6.0, early=0.0)


class RecordingGate:
    """Notes whom it was told to exempt."""

    kind: GateKind = "nftables"

    def __init__(self) -> None:
        self.exempt: tuple[str, ...] | None = None

    async def guard(self, replica: str, port: int, peers: tuple[str, ...]) -> None:
        self.exempt = peers

    async def extend(self, replica: str, epoch: int, deadline: float) -> None: ...

    async def close(self, replica: str) -> None: ...

    async def fence(self, operation: str, replica: str, epoch: int) -> str:
        return ""

    async def left(self, replica: str) -> float:
        return 0.0

    async def arm(
        self, replica: str, port: int, peers: tuple[str, ...], epoch: int, deadline: float
    ) -> None: ...

    async def release(self, replica: str, port: int) -> None: ...


def _member(replica: str, address: str, role: wire.ReplicaRole) -> wire.Member:
    return wire.Member(
        replica=replica, host=replica, address=address, port=15000, peer_port=1, role=role
    )


@pytest.mark.parametrize(
    ("engine", "version", "exempt"),
    [("postgresql", "18", ("10.0.0.2",)), ("valkey", "9", ())],
)
async def test_a_peers_address_passes_only_where_the_server_admits_nobody_else_from_it(
    tmp_path: Path,
    engine: Literal["postgresql", "valkey"],
    version: str,
    exempt: tuple[str, ...],
) -> None:
    """From a standby's host an application would write past the gate of a Valkey."""
    gate, clock = RecordingGate(), SystemClock()
    members = (_member("a", "10.0.0.1", "primary"), _member("b", "10.0.0.2", "standby"))
    spec = wire.DatabaseSpec(
        replica="a", database="d", name="shop", engine=engine, version=version, role="primary",
        epoch=1, port=15000, secret="x", members=members, lease=TERMS,
    )  # fmt: skip

    async def ask(spec: wire.DatabaseSpec, member: wire.Member, span: float) -> bool | None:
        return None

    tools = Tools(
        clock=clock,
        records=Records(tmp_path / "records", "boot", clock.boottime()),
        fences=Fences(tmp_path / "fences.json"),
        gate=gate,
        leash=lambda replica: Leash(tmp_path / replica),
        engine=lambda spec: engine_for(spec, Place(tmp_path / "engine", "127.0.0.1")),
        ask=ask,
        send=lambda renewal: None,
        is_fresh=lambda: True,
        is_quarantined=lambda: False,
        changed=lambda: None,
    )
    server = Server(spec, tools, lambda: None)
    await server.guard()
    assert gate.exempt == exempt
    await server.close()
