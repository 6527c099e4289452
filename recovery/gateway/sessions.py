"""Agents' sockets: who it is, what it says, what it is told. One coroutine a session.

Invariant: nothing that an agent sends has an effect before its signature over our fresh nonce
was verified against the key pinned at enrolment; a second session of a host ends the first.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from collections.abc import Callable
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from django.db import DatabaseError
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from recovery.core import wire
from recovery.core.clock import Clock
from recovery.core.errors import BadMessage, Refused, TocsinError
from recovery.gateway import actions, queries
from recovery.gateway.inbox import Inbox
from recovery.gateway.state import Noted, Session, State
from recovery.gateway.witnesses import hear_witness
from recovery.inventory.actions import remember_host, welcome_host
from recovery.inventory.models import Host

log = structlog.get_logger()
MAX_LOOK_AGE_MS = 60_000


async def serve_agent(socket: ServerConnection, state: State) -> None:
    """One agent, from challenge to goodbye."""
    nonce = secrets.token_hex(32)
    try:
        await socket.send(wire.encode(wire.Challenge(nonce=nonce)))
        session = await _introduce(socket, state, nonce)
        await _talk(session, state)
    except TocsinError as refusal:
        state.counters[f"refused_{refusal.field or 'session'}"] += 1
        log.warning("session refused", reason=str(refusal), peer=socket.remote_address)
        await _refuse(socket, refusal)
    except ConnectionClosed:
        pass
    except DatabaseError as error:
        log.warning("rows are away", error=str(error))
        await socket.close(1013, "try again later")


async def _refuse(socket: ServerConnection, refusal: TocsinError) -> None:
    code = type(refusal).__name__.lower()
    frame = wire.Refusal(code=code, message=str(refusal), field=refusal.field)
    try:
        await socket.send(wire.encode(frame))
        await socket.close(1008, "refused")
    except ConnectionClosed:
        pass


async def _introduce(socket: ServerConnection, state: State, nonce: str) -> Session:
    frame = wire.decode_from_agent(await socket.recv())
    if isinstance(frame, wire.Enrol):
        enrolled = await _enrol(frame, state, nonce)
        await socket.send(wire.encode(enrolled))
        frame = wire.decode_from_agent(await socket.recv())
    if not isinstance(frame, wire.Hello):
        raise BadMessage("expected enrol or hello", field="type")
    host = await state.rows(_known_host, frame, nonce, state.clock)
    await state.rows(
        remember_host, host=host.pk, leader_epoch=frame.resumed_from, now=state.clock.now()
    )
    session = Session(host.pk, host.name, socket, host.quarantined_at is not None)
    session.is_witness = frame.witness
    session.send(
        wire.Welcome(
            heartbeat_to=state.heartbeat_to, quarantined=session.quarantined, epoch=state.epoch
        )
    )
    old = state.sessions.get(host.pk)
    state.sessions[host.pk] = session
    if old is not None:
        state.end(old, "another session of this host")
    state.stale_desired.add(host.pk)
    state.wake.set()
    return session


async def _enrol(frame: wire.Enrol, state: State, nonce: str) -> wire.Enrolled:
    exchange = _raw(frame.exchange_key, "exchange_key")
    _verify(frame.public_key, frame.signature, wire.enrol_bytes(nonce, exchange))
    ours = X25519PrivateKey.generate()
    shared = ours.exchange(X25519PublicKey.from_public_bytes(exchange))
    host = await state.rows(_spend_token, frame, shared, state.clock)
    state.liveness.know([(host.pk.bytes, host.heartbeat_key.secret)])
    return wire.Enrolled(
        host_id=host.pk.hex,
        exchange_key=base64.b64encode(ours.public_key().public_bytes_raw()).decode(),
    )


def _spend_token(frame: wire.Enrol, shared: bytes, clock: Clock) -> Host:
    pinned = Host.objects.filter(name=frame.host).first()
    if pinned is None:
        raise Refused(f"No host named {frame.host} is expected.", field="host")
    return actions.enrol(
        name=frame.host,
        token=frame.token,
        public_key=frame.public_key,
        heartbeat_key=wire.derive_heartbeat_key(shared, pinned.pk.bytes),
        now=clock.now(),
    )


def _known_host(frame: wire.Hello, nonce: str, clock: Clock) -> Host:
    host = Host.objects.filter(pk=_uuid(frame.host_id)).first()
    if host is None or not host.public_key:
        raise Refused("This host is not enrolled.", field="host_id", todo="Enrol it again.")
    if frame.protocol > wire.PROTOCOL:
        raise BadMessage(
            f"the agent speaks {frame.protocol}, this side {wire.PROTOCOL}", field="protocol"
        )
    try:
        signed = wire.hello_bytes(nonce, frame.boot)
    except ValueError as error:
        raise BadMessage("not hexadecimal", field="boot") from error
    _verify(host.public_key, frame.signature, signed)
    return welcome_host(
        host=host,
        boot=frame.boot,
        address=frame.address,
        probe_port=frame.probe_port,
        peer_port=frame.peer_port,
        agent_version=frame.agent_version,
        adapters=frame.adapters,
        now=clock.now(),
    )


def _verify(public_key: str, signature: str, signed: bytes) -> None:
    try:
        key = Ed25519PublicKey.from_public_bytes(_raw(public_key, "public_key"))
        key.verify(_raw(signature, "signature"), signed)
    except (InvalidSignature, ValueError) as error:
        raise BadMessage("does not verify", field="signature") from error


def _raw(text: str, field: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise BadMessage("not base64", field=field) from error


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadMessage("not a host id", field="host_id") from error


async def _talk(session: Session, state: State) -> None:
    """What is written into rows is heard in its order; what needs none waits behind nothing."""
    inbox = Inbox()
    reading = asyncio.create_task(_read(session, state, inbox))
    writing = asyncio.create_task(session.write())
    try:
        while (frame := await inbox.next()) is not None:
            try:
                await _hear(session, state, frame)
            except BadMessage as refusal:
                _object(session, state, refusal)
    finally:
        reading.cancel()
        writing.cancel()
        if state.sessions.get(session.host) is session:
            del state.sessions[session.host]


async def _read(session: Session, state: State, inbox: Inbox) -> None:
    """Until the socket ends, or its agent says more than can be heard."""
    try:
        async for message in session.socket:
            try:
                frame = wire.decode_from_agent(message)
                if not _hear_at_once(session, state, frame):
                    inbox.put(frame)
            except BadMessage as refusal:
                _object(session, state, refusal)
            except asyncio.QueueFull:
                state.counters["refused_inbox"] += 1
                await session.socket.close(1013, "more than can be heard")
    except ConnectionClosed:
        pass
    await inbox.end()


def _hear_at_once(session: Session, state: State, frame: wire.FromAgent) -> bool:
    """A renewal (B1), and what would be told as younger than it is for as long as it waited."""
    match frame:
        case wire.Renewal():
            state.ask_renewal(session, _replica(frame.replica), frame)
        case wire.Sighting():
            _hear_sighting(session, state, frame)
        case wire.Beat():
            state.liveness.accept(_raw(frame.datagram, "datagram"), state.clock.monotonic())
        case _:
            return False
    return True


def _object(session: Session, state: State, refusal: BadMessage) -> None:
    """Count it, and tell the agent what had no effect."""
    state.counters[f"refused_{refusal.field or 'frame'}"] += 1
    session.send(wire.Refusal(code="badmessage", message=str(refusal), field=refusal.field))


async def _hear(session: Session, state: State, frame: wire.FromAgent) -> None:
    now = state.clock.now()
    match frame:
        case wire.Report():
            await _hear_report(session, state, frame)
        case wire.Outcome():
            work: Callable[..., int] = actions.record_outcomes
            await state.rows(work, host=session.host, outcomes=[frame], now=now)
            state.stale_desired.add(session.host)
        case wire.DatabaseReport():
            await _hear_databases(session, state, frame)
        case wire.Cosigned():
            await hear_witness(session, state, frame)
        case _:
            raise BadMessage("not expected in an open session", field="type")


async def _hear_report(session: Session, state: State, frame: wire.Report) -> None:
    now = state.clock.now()
    if frame.full:
        held = frame.desired_version
        await state.rows(remember_host, host=session.host, desired_version=held, now=now)
    reported = await state.rows(actions.record_report, host=session.host, report=frame, now=now)
    if reported.strangers:
        state.counters["strangers"] += len(reported.strangers)
    if reported.changed or (frame.full and not reported.is_clean):
        state.stale_desired.add(session.host)
    if session.quarantined and session.reported and reported.is_clean:
        released = await state.rows(actions.release_quarantine, host=session.host, now=now)
        session.quarantined = not released
        if released:
            state.stale_desired.add(session.host)
    session.reported = session.reported or frame.full
    state.wake.set()


async def _hear_databases(session: Session, state: State, frame: wire.DatabaseReport) -> None:
    """What its servers do. Facts of other hosts' replicas are counted and refused (A3)."""
    now = state.clock.now()
    seen = await state.rows(actions.record_sights, host=session.host, report=frame, now=now)
    if seen.foreign:
        state.counters["foreign_replicas"] += len(seen.foreign)
        raise BadMessage(
            f"{', '.join(seen.foreign[:5])}: not a replica of this host", field="replicas"
        )
    if seen.outdated:
        state.stale_desired.add(session.host)
        state.wake.set()


def _replica(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadMessage("not a replica's id", field="replica") from error


def _hear_sighting(session: Session, state: State, frame: wire.Sighting) -> None:
    """Only what this very host saw, and only of a host that we know."""
    if frame.target not in state.peers or not 0 <= frame.age_ms <= MAX_LOOK_AGE_MS:
        raise BadMessage("not a host that it was asked to look at", field="target")
    key = (frame.target, session.host.hex)
    began = state.clock.monotonic() - frame.age_ms / 1000
    state.looks[key] = Noted(frame.kernel, frame.answering, frame.asked, began)


async def tell_desired(state: State) -> None:
    """Send the whole wanted picture to hosts for which it may have changed."""
    due = {host for host in state.stale_desired if host in state.sessions}
    state.stale_desired.clear()
    if not due:
        return
    wanted = await state.rows(queries.desired_of, due, epoch=state.epoch)
    for host, desired in wanted.items():
        if session := state.sessions.get(host):
            session.quarantined = desired.quarantined
            session.send(desired)
