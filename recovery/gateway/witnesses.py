"""Hosts as witnesses of the audit log: a few are shown the newest checkpoint at a time.

Invariants: a cosignature is kept only if the key pinned at the host's enrolment verifies it; a
witness that refuses rings. Who was not asked for the longest is asked first, so that all hosts
of a fleet come to keep a checkpoint, whatever their number and whoever never answers. Whatever
rows of the log say, or are gone, costs an offer or an answer: no session, no lease, no gateway.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.db import DatabaseError

from recovery.alarms import actions as alarms
from recovery.alarms.facts import Severity
from recovery.audit import actions, queries
from recovery.audit.facts import Actor
from recovery.core import wire
from recovery.core.errors import BadMessage
from recovery.core.tlog.checkpoints import open_checkpoint
from recovery.core.tlog.notes import COSIGNATURE, BadNote, VerifierKey, split_note
from recovery.core.tlog.witness import read_cosignature
from recovery.gateway.state import Session, State
from recovery.inventory.models import Host

log = structlog.get_logger()
OFFER_SECONDS = 10.0
AT_ONCE = 3
FORKED = "audit-fork"
UNREADABLE = "audit-unreadable"
NEVER = float("-inf")
ACTOR = Actor("gateway", "witnesses")


@dataclass(frozen=True, slots=True)
class Offer:
    """The newest checkpoint, with the way to it from each size that a witness may have kept and
    whose rows are all there."""

    size: int
    key: str
    note: str
    proofs: Mapping[int, tuple[str, ...]]

    def frame(self, old: int) -> wire.Checkpoint:
        return wire.Checkpoint(key=self.key, note=self.note, old=old, proof=self.proofs[old])


def witness_keys() -> dict[str, VerifierKey]:
    """Host → the key that it cosigns with: the one pinned at its enrolment."""
    rows = Host.objects.exclude(public_key="").values_list("name", "public_key")
    return {name: _key(name, public) for name, public in rows}


async def offer_checkpoint(state: State) -> None:
    """Show the newest checkpoint to those that have not seen it, a few at a time."""
    try:
        await _offer(state)
    except DatabaseError:
        raise
    except Exception as error:  # altered rows must not end the gateway: its leases would end
        log.exception("no checkpoint can be offered")
        await state.rows(_ring_unreadable, repr(error), state.clock.now())


async def _offer(state: State) -> None:
    waiting = {s.host: s for s in state.sessions.values() if s.is_witness}
    if not waiting or state.is_silent:
        return
    if not state.has_read_witnesses:
        state.witnessed = await state.rows(_seen_before)
        state.has_read_witnesses = True
    size = await state.rows(_newest_size)
    asked = whose_turn(waiting, size, state.witnessed, state.asked_at)
    if not size or not asked:
        return
    for host in asked:
        state.asked_at[host] = state.clock.monotonic()
    olds = {host: state.witnessed.get(host, 0) for host in asked}
    offer = await state.rows(_make_offer, set(olds.values()))
    if offer is None:
        return
    for host, old in olds.items():
        if old in offer.proofs:
            waiting[host].send(offer.frame(old))
    if lost := set(olds.values()) - offer.proofs.keys():
        raise LookupError(f"no way from {min(lost)} to {offer.size} leaves: rows are gone")
    await state.rows(_end_unreadable, state.clock.now())


def whose_turn(
    waiting: Collection[UUID],
    size: int,
    witnessed: Mapping[UUID, int],
    asked_at: Mapping[UUID, float],
) -> list[UUID]:
    """Of those that have not cosigned `size`, the few that were not asked for the longest."""
    behind = [host for host in waiting if witnessed.get(host, 0) != size]
    behind.sort(key=lambda host: (asked_at.get(host, NEVER), witnessed.get(host, 0), host))
    return behind[:AT_ONCE]


async def hear_witness(session: Session, state: State, frame: wire.Cosigned) -> None:
    """What a witness made of it. Rows that are away or altered lose the answer alone: it is asked
    for again, and the session, with its leases, goes on."""
    state.counters[f"witness_{frame.judgement}"] += 1
    try:
        await _hear(session, state, frame)
    except BadMessage:
        raise
    except Exception:
        log.exception("a witness's answer is lost", host=session.name)


async def _hear(session: Session, state: State, frame: wire.Cosigned) -> None:
    now = state.clock.now()
    if frame.judgement == "conflict":
        state.witnessed[session.host] = max(0, frame.kept)
        return
    if frame.judgement == "refuse":
        state.refusing.add(session.host)
        await state.rows(_ring, session.name, frame, now)
        return
    await state.rows(_keep_cosignature, session, frame)
    state.witnessed[session.host] = frame.size
    state.refusing.discard(session.host)
    if frame.reason:
        await state.rows(_ring, session.name, frame, now)
    elif not state.refusing & state.sessions.keys():
        await state.rows(_all_clear, now)


def _newest_size() -> int:
    newest = queries.newest_checkpoint()
    return newest.size if newest else 0


def _seen_before() -> dict[UUID, int]:
    hosts = dict(Host.objects.values_list("name", "pk"))
    return {hosts[name]: size for name, size in queries.witnessed().items() if name in hosts}


def _make_offer(olds: set[int]) -> Offer | None:
    newest = queries.newest_checkpoint()
    if newest is None:
        return None
    origin = split_note(newest.note)[0].partition("\n")[0]
    key = next((k for k in queries.log_keys() if k.partition("+")[0] == origin), None)
    if key is None:
        raise LookupError(f"no key of {origin} is there")
    proofs = {}
    for old in olds:
        with contextlib.suppress(LookupError):
            proofs[old] = _proof(old, newest.size)
    return Offer(newest.size, key, newest.note, proofs)


def _proof(old: int, size: int) -> tuple[str, ...]:
    """Empty where the witness has seen more than there is: it will say so, and that rings."""
    if old > size:
        return ()
    return tuple(base64.b64encode(h).decode() for h in queries.prove_consistency(old, size))


def _keep_cosignature(session: Session, frame: wire.Cosigned) -> None:
    mark = queries.checkpoint_of(frame.size)
    public = Host.objects.values_list("public_key", flat=True).get(pk=session.host)
    key = _key(session.name, public)
    if mark is None:
        raise BadMessage(f"there is no checkpoint of {frame.size} leaves", field="size")
    try:
        read_cosignature(mark.note, frame.line, key)
    except BadNote as error:
        raise BadMessage(str(error), field="line") from error
    actions.add_cosignature(size=frame.size, witness=session.name, key=str(key), line=frame.line)


def _ring(host: str, frame: wire.Cosigned, now: datetime) -> None:
    """People, at once: with the checkpoint that the host has kept, if the log has signed it."""
    log.error("a witness objects", host=host, reason=frame.reason, evidence=frame.evidence)
    anew = "The audit log began anew, or a host lost what it had kept of it"
    alarms.raise_alarm(
        key=FORKED,
        severity=Severity.PAGE,
        title=anew if frame.judgement == "cosign" else "A witness refuses the audit log",
        body=f"{host}: {frame.reason}. {_weigh(frame)} Look first: manage.py audit verify.",
        incident=None,
        actor=Actor("agent", host),
        reason=f"{host}: {frame.reason}"[:300],
        now=now,
    )


def _weigh(frame: wire.Cosigned) -> str:
    for text in queries.log_keys():
        try:
            kept = open_checkpoint(frame.evidence, VerifierKey.parse(text))
        except BadNote:
            continue
        return f"It has kept a checkpoint of {kept.size} leaves with our log's signature."
    return "What it has kept bears no signature of this log."


def _all_clear(now: datetime) -> None:
    alarms.end_alarms(
        keys=[FORKED],
        actor=ACTOR,
        reason="No witness objects any more: the log grows from what they kept.",
        now=now,
    )


def _ring_unreadable(said: str, now: datetime) -> None:
    alarms.raise_alarm(
        key=UNREADABLE,
        severity=Severity.PAGE,
        title="Rows of the sealed audit log are gone or damaged",
        body=f"Hosts are shown no checkpoint: {said[:300]}. Look first: manage.py audit verify.",
        incident=None,
        actor=ACTOR,
        reason="No checkpoint can be proven from the rows that are there.",
        now=now,
    )


def _end_unreadable(now: datetime) -> None:
    alarms.end_alarms(
        keys=[UNREADABLE], actor=ACTOR, reason="Checkpoints are offered again.", now=now
    )


def _key(name: str, public: str) -> VerifierKey:
    return VerifierKey(name, base64.b64decode(public), COSIGNATURE)
