"""The link between a gateway and a controller: digests one way, looks to make the other."""

from __future__ import annotations

import asyncio

import numpy as np
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from recovery.core import wire
from recovery.gateway import digest
from recovery.gateway.digest import DIGEST_SECONDS, Digest, FromController
from recovery.gateway.ownlook import look_ourselves
from recovery.gateway.state import State


async def serve_controller(socket: ServerConnection, state: State) -> None:
    """Send digests until the controller goes; do what it asks."""
    hearing = asyncio.create_task(_hear(socket, state))
    try:
        await _tell(socket, state)
    except ConnectionClosed:
        pass
    finally:
        hearing.cancel()


async def _tell(socket: ServerConnection, state: State) -> None:
    teller = Teller(state)
    while True:
        await socket.send(digest.encoder.encode(teller.next()))
        await asyncio.sleep(DIGEST_SECONDS)


class Teller:
    """Makes the digests of one link: whole the first time, then only what changed."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._sequence = 0
        self._hosts = 0
        self._boots: list[bytes] = []
        self._told: dict[tuple[str, str], object] = {}
        self._last = state.clock.monotonic()
        self._started = self._last

    def next(self) -> Digest:
        """The digest of now."""
        state, now = self._state, self._state.clock.monotonic()
        liveness = state.liveness
        gap, self._last = now - self._last, now
        hosts = tuple(liveness.hosts) if len(liveness.hosts) != self._hosts else None
        self._hosts = len(liveness.hosts)
        self._sequence += 1
        return Digest(
            gateway=state.name,
            sequence=self._sequence,
            running_ms=int((now - state.started) * 1000),
            gap_ms=int(gap * 1000),
            ages=digest.pack_ages(liveness.heard, now),
            sessions=self._sessions(),
            hosts=hosts,
            boots=self._changed_boots(),
            seen=self._changed_looks(now),
            counters=dict(liveness.counters + state.counters),
        )

    def _sessions(self) -> bytes:
        open_now = {host.bytes for host in self._state.sessions}
        return np.fromiter(
            (host in open_now for host in self._state.liveness.hosts), dtype=np.uint8
        ).tobytes()

    def _changed_boots(self) -> tuple[tuple[int, bytes], ...]:
        boots = self._state.liveness.boots
        known = self._boots + [b""] * (len(boots) - len(self._boots))
        changed = tuple((index, boot) for index, boot in enumerate(boots) if boot != known[index])
        self._boots = list(boots)
        return changed

    def _changed_looks(self, now: float) -> tuple[digest.Seen, ...]:
        changed = []
        for key, noted in self._state.looks.items():
            if self._told.get(key) is not noted:
                self._told[key] = noted
                changed.append(noted.seen(*key, now))
        return tuple(changed)


async def _hear(socket: ServerConnection, state: State) -> None:
    async for message in socket:
        if isinstance(message, bytes):
            _obey(digest.request_decoder.decode(message), state)


def _obey(request: FromController, state: State) -> None:
    if request.wake:
        state.wake.set()
    by_host = {session.host.hex: session for session in state.sessions.values()}
    for look in request.looks:
        peer = state.peers.get(look.target)
        if peer:
            looking = asyncio.create_task(look_ourselves(state, peer))
            state.looking.add(looking)
            looking.add_done_callback(state.looking.discard)
        for observer in look.observers:
            if peer and (session := by_host.get(observer)):
                session.send(wire.Look(peer=peer))
