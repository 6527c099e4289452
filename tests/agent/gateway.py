"""A small control plane for tests: the gateway's side of wire.py over real sockets."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from recovery.core import wire

F = TypeVar("F", bound=wire.Frame)


@dataclass
class Member:
    """One enrolled host, as the gateway knows it."""

    name: str
    host_id: str
    public_key: bytes
    key: bytes
    frames: list[wire.FromAgent] = field(default_factory=list)
    beats: list[tuple[float, wire.Heartbeat]] = field(default_factory=list)
    forged: int = 0
    hello: wire.Hello | None = None
    socket: ServerConnection | None = None
    containers: dict[str, wire.ContainerFact] = field(default_factory=dict)
    replicas: dict[str, wire.ReplicaFact] = field(default_factory=dict)


class Gateway:
    """Listens on `address`; `port` 0 lets the kernel choose."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        self.address, self.port = address, port
        self.members: dict[str, Member] = {}
        self.tokens: dict[str, str] = {}
        self.open_to_all = False
        self.quarantined = False
        self.epoch = 1
        self.refusals: list[wire.Refusal] = []
        self.heard = 0
        self.leaders: dict[str, int] = {}
        self._exchange = X25519PrivateKey.generate()
        self._server: Server | None = None
        self._datagrams: asyncio.DatagramTransport | None = None
        self._news = asyncio.Condition()
        self._versions = itertools.count(1)

    @property
    def url(self) -> str:
        return f"ws://{self.address}:{self.port}/agent"

    async def open(self) -> None:
        self._server = await serve(
            self._session, self.address, self.port, max_size=wire.MAX_FRAME, compression=None
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        loop = asyncio.get_running_loop()
        self._datagrams, _ = await loop.create_datagram_endpoint(
            lambda: _Ear(self), local_addr=(self.address, self.port)
        )

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        if self._datagrams is not None:
            self._datagrams.close()

    # ------------------------------------------------------------------ what tests ask

    def member(self, name: str) -> Member:
        for member in self.members.values():
            if member.name == name:
                return member
        raise LookupError(f"{name} has not enrolled")

    def frames(self, name: str, kind: type[F]) -> list[F]:
        return [f for f in self.member(name).frames if isinstance(f, kind)]

    async def until(self, holds: Callable[[], object], seconds: float = 60.0) -> None:
        """Waits until frames that arrived make it true; fails the test otherwise."""

        def held() -> bool:
            try:
                return bool(holds())
            except LookupError:
                return False

        async with asyncio.timeout(seconds):
            while not held():
                async with self._news:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.05):
                            await self._news.wait()

    async def send(self, name: str, frame: wire.Frame | str) -> None:
        socket = self.member(name).socket
        assert socket is not None
        await socket.send(frame if isinstance(frame, str) else wire.encode(frame))

    async def desire(
        self,
        name: str,
        *specs: wire.ContainerSpec,
        quarantined: bool = False,
        databases: tuple[wire.DatabaseSpec, ...] = (),
    ) -> wire.Desired:
        desired = wire.Desired(
            version=next(self._versions),
            epoch=self.epoch,
            quarantined=quarantined,
            containers=specs,
            databases=databases,
        )
        await self.send(name, desired)
        return desired

    def states(self, name: str) -> dict[str, str]:
        return {p: f.state for p, f in self.member(name).containers.items()}

    # ------------------------------------------------------------------ the gateway's side

    async def _session(self, socket: ServerConnection) -> None:
        nonce = secrets.token_hex(32)
        try:
            await socket.send(wire.encode(wire.Challenge(nonce=nonce)))
            member = await self._handshake(socket, nonce)
            if member is None:
                return
            member.socket = socket
            await socket.send(
                wire.encode(
                    wire.Welcome(
                        heartbeat_to=f"{self.address}:{self.port}",
                        quarantined=self.quarantined,
                        epoch=self.epoch,
                    )
                )
            )
            async for text in socket:
                await self._take(member, wire.decode_from_agent(text))
        except ConnectionClosed:
            return

    async def _handshake(self, socket: ServerConnection, nonce: str) -> Member | None:
        frame = wire.decode_from_agent(await socket.recv())
        if isinstance(frame, wire.Enrol):
            if not self.open_to_all and self.tokens.pop(frame.token, None) != frame.host:
                refusal = wire.Refusal(code="token", message="unknown or used", field="token")
                self.refusals.append(refusal)
                await socket.send(wire.encode(refusal))
                await socket.close()
                return None
            self._enrol(frame, nonce)
            member = self.member(frame.host)
            public = base64.b64encode(self._exchange.public_key().public_bytes_raw()).decode()
            await socket.send(
                wire.encode(wire.Enrolled(host_id=member.host_id, exchange_key=public))
            )
            frame = wire.decode_from_agent(await socket.recv())
        assert isinstance(frame, wire.Hello)
        member = self.members[frame.host_id]
        Ed25519PublicKey.from_public_bytes(member.public_key).verify(
            base64.b64decode(frame.signature), wire.hello_bytes(nonce, frame.boot)
        )
        member.hello = frame
        return member

    def _enrol(self, frame: wire.Enrol, nonce: str) -> None:
        public, exchange = base64.b64decode(frame.public_key), base64.b64decode(frame.exchange_key)
        Ed25519PublicKey.from_public_bytes(public).verify(
            base64.b64decode(frame.signature), wire.enrol_bytes(nonce, exchange)
        )
        host = uuid.uuid4()
        shared = self._exchange.exchange(X25519PublicKey.from_public_bytes(exchange))
        key = wire.derive_heartbeat_key(shared, host.bytes)
        self.members[str(host)] = Member(frame.host, str(host), public, key)

    async def _take(self, member: Member, frame: wire.FromAgent) -> None:
        member.frames.append(frame)
        if isinstance(frame, wire.Report):
            if frame.full:
                member.containers.clear()
            member.containers.update({fact.placement: fact for fact in frame.containers})
        elif isinstance(frame, wire.DatabaseReport):
            member.replicas = {fact.replica: fact for fact in frame.replicas}
        elif isinstance(frame, wire.Renewal):
            await self._renewed(member, frame)
        elif isinstance(frame, wire.Beat):
            self.beat(base64.b64decode(frame.datagram))
        async with self._news:
            self._news.notify_all()

    async def _renewed(self, member: Member, asked: wire.Renewal) -> None:
        """Grants it where this replica leads in this epoch; a row of its own in the real one."""
        if self.leaders.get(asked.replica) != asked.epoch or member.socket is None:
            return
        grant = wire.Grant(
            replica=asked.replica,
            epoch=asked.epoch,
            incarnation=asked.incarnation,
            sequence=asked.sequence,
        )
        await member.socket.send(wire.encode(grant))

    def beat(self, datagram: bytes) -> None:
        host = str(uuid.UUID(bytes=wire.peek_host(datagram)))
        member = self.members[host]
        heartbeat = wire.unpack_heartbeat(datagram, member.key)
        self.heard += 1
        member.beats.append((time.monotonic(), heartbeat))


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        self._gateway.beat(data)
