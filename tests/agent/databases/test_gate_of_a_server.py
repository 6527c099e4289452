"""Whom the agent lets pass a closed gate, by what the server behind it can tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from recovery.adapters.databases.choice import engine_for
from recovery.adapters.fencing.fences import Fences
from recovery.agent.backups.ordered import Restores
from recovery.agent.databases.leash import Leash
from recovery.agent.databases.records import Records
from recovery.agent.databases.server import Server
from recovery.agent.databases.tools import Tools
from recovery.core import wire
from recovery.core.clock import SystemClock
from recovery.core.gates import GateKind
from recovery.core.ports import Place
from recovery.core.wire import EngineName

TERMS = wire.LeaseTerms(every=0.5, timeout=0.7, length=6.0, early=0.0)


class RecordingGate:
    """Notes whom it was told to exempt."""

    kind: GateKind = "nftables"

    def __init__(self) -> None:
        self.exempt: tuple[str, ...] | None = None
        self.is_released = False

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

    async def release(self, replica: str, port: int) -> None:
        self.is_released = True


def _member(replica: str, address: str, role: wire.ReplicaRole) -> wire.Member:
    return wire.Member(
        replica=replica, host=replica, address=address, port=15000, peer_port=1, role=role
    )


def _spec(
    engine: EngineName, version: str, role: wire.ReplicaRole, lease: wire.LeaseTerms | None
) -> wire.DatabaseSpec:
    """Of replica "a"; who else there is leads where it does not."""
    other: wire.ReplicaRole = "standby" if role == "primary" else "primary"
    return wire.DatabaseSpec(
        replica="a", database="d", name="shop", engine=engine, version=version, role=role,
        epoch=2, port=15000, secret="x", lease=lease,
        members=(_member("a", "10.0.0.1", role), _member("b", "10.0.0.2", other)),
    )  # fmt: skip


def tools(folder: Path, gate: RecordingGate) -> Tools:
    """Of a host without a control plane and without peers."""
    clock = SystemClock()

    async def ask(spec: wire.DatabaseSpec, member: wire.Member, span: float) -> bool | None:
        return None

    return Tools(
        clock=clock,
        records=Records(folder / "records", "boot", clock.boottime()),
        fences=Fences(folder / "fences.json"),
        gate=gate,
        leash=lambda replica: Leash(folder / replica),
        engine=lambda spec: engine_for(spec, Place(folder / "engine", "127.0.0.1")),
        ask=ask,
        send=lambda renewal: None,
        is_fresh=lambda: True,
        is_quarantined=lambda: False,
        changed=lambda: None,
        restored=Restores(folder, lambda spec: Place(folder, ""), lambda: None, lambda _: True),
    )


def _server(folder: Path, gate: RecordingGate, spec: wire.DatabaseSpec) -> Server:
    return Server(spec, tools(folder, gate), lambda: None)


@pytest.mark.parametrize(
    ("engine", "version", "exempt"),
    [("postgresql", "18", ("10.0.0.2",)), ("valkey", "9", ())],
)
async def test_a_peers_address_passes_only_where_the_server_admits_nobody_else_from_it(
    tmp_path: Path, engine: EngineName, version: str, exempt: tuple[str, ...]
) -> None:
    """From a standby's host an application would write past the gate of a Valkey."""
    gate = RecordingGate()
    server = _server(tmp_path, gate, _spec(engine, version, "primary", TERMS))
    await server.guard()
    assert gate.exempt == exempt
    await server.close()


@pytest.mark.parametrize("role", ["standby", "out"])
async def test_a_former_primary_keeps_its_gate_until_its_data_follow_another(
    tmp_path: Path, role: wire.ReplicaRole
) -> None:
    """Its agent stood still while another was promoted, which leads without a lease: nobody could
    take over from it. Its server still runs behind the closed gate."""
    gate = RecordingGate()
    server = _server(tmp_path, gate, _spec("valkey", "9", role, None))
    await server.note(role="primary", led=1)
    await server.guard()
    assert (gate.exempt, gate.is_released) == ((), False)
    await server.note(role="standby", led=0)
    await server.guard()
    assert gate.is_released
    await server.close()
