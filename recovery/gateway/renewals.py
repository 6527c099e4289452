"""Leases: renewals in, committed in batches, grants out (B1, B2, B7).

Invariants: a grant leaves only after the row that it tells of has committed; a renewal of another
host's replica, of a revoked lease, a lower epoch or a number already seen gets no answer; nothing
else that this process does stands in their way: they have a connection of their own.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

import structlog
from django.db import DatabaseError

from recovery.core import wire
from recovery.core.leases import EchoWatch
from recovery.failover.actions.leases import Renewed, renew_leases
from recovery.failover.queries import lease_spacing
from recovery.gateway.state import Asked, State

log = structlog.get_logger()

BATCH_SECONDS = 0.1
"""How long renewals are gathered before they are committed together."""
KEEP_SECONDS = 1.0
"""A renewal whose row was locked at that moment is tried again for so long."""


class Renewals:
    """The renewals of one gateway. `echoes`: how far the way back is proven, by replica."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._echoes: dict[UUID, EchoWatch] = {}
        self._last: dict[UUID, wire.Grant] = {}
        self._spacing: dict[UUID, float] = {}

    async def run(self) -> None:
        """Until cancelled: gather, commit, grant."""
        while True:
            await self._state.renewing.wait()
            await asyncio.sleep(BATCH_SECONDS)
            self._state.renewing.clear()
            try:
                await self._round()
            except DatabaseError as error:
                log.warning("rows are away", work="renewals", error=str(error).strip())
                self._state.counters["renewals_lost"] += len(self._state.asked)
                self._state.asked.clear()

    async def _round(self) -> None:
        asked, self._state.asked = self._state.asked, {}
        if self._state.is_silent:
            return
        if unknown := asked.keys() - self._spacing.keys():
            self._spacing |= await self._state.renew(lease_spacing, unknown)
        due = {pk: one for pk, one in asked.items() if self._is_heard(pk, one)}
        for pk in asked.keys() - due.keys():
            self._repeat(pk, asked[pk])
        if not due:
            return
        began = self._state.clock.monotonic()
        wanted = [_renewed(pk, one.frame, one.session.host) for pk, one in due.items()]
        granted = set(await self._state.renew(renew_leases, renewals=wanted))
        self._state.renewal_seconds = self._state.clock.monotonic() - began
        self._grant({pk: due[pk] for pk in granted})
        self._keep({pk: due[pk] for pk in due.keys() - granted})

    def _is_heard(self, replica: UUID, asked: Asked) -> bool:
        """B7: the primary has heard our last grants, or not so many of them were sent."""
        if replica not in self._spacing:
            return True
        echo = self._echoes.setdefault(replica, EchoWatch(self._spacing[replica]))
        frame = asked.frame
        return echo.may_grant(
            epoch=frame.epoch,
            incarnation=frame.incarnation,
            echo=frame.echo,
            now=self._state.clock.monotonic(),
        )

    def _grant(self, granted: dict[UUID, Asked]) -> None:
        """After the commit."""
        now = self._state.clock.monotonic()
        for replica, asked in granted.items():
            frame = asked.frame
            grant = wire.Grant(
                replica=frame.replica,
                epoch=frame.epoch,
                incarnation=frame.incarnation,
                sequence=frame.sequence,
            )
            if replica in self._echoes:
                self._echoes[replica].granted(frame.sequence, now)
            self._last[replica] = grant
            asked.session.send(grant)
        self._state.counters["grants"] += len(granted)

    def _repeat(self, replica: UUID, asked: Asked) -> None:
        """Our grants do not seem to arrive: the last one again, which gives nothing new."""
        self._state.counters["grants_withheld"] += 1
        last, frame = self._last.get(replica), asked.frame
        if last and (last.epoch, last.incarnation) == (frame.epoch, frame.incarnation):
            asked.session.send(last)

    def _keep(self, ungranted: dict[UUID, Asked]) -> None:
        """Not granted: refused by the row, or its row was locked: the latter is worth a retry."""
        now = self._state.clock.monotonic()
        for replica, asked in ungranted.items():
            if now - asked.at < KEEP_SECONDS:
                self._state.asked.setdefault(replica, asked)
                self._state.renewing.set()
            else:
                self._state.counters["renewals_ungranted"] += 1


def _renewed(replica: UUID, frame: wire.Renewal, host: UUID) -> Renewed:
    return Renewed(
        replica=replica,
        host=host,
        epoch=frame.epoch,
        incarnation=frame.incarnation,
        sequence=frame.sequence,
        echo=frame.echo,
        position=frame.position,
    )
