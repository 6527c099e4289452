"""All database servers of this host: from the list to the replicas, from grants to leases, and the
report. It needs no control plane to go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from recovery.adapters.databases.choice import engine_for
from recovery.adapters.fencing.fences import Fences
from recovery.adapters.fencing.nftables import NftablesGate
from recovery.adapters.fencing.watchdog import WatchdogGate
from recovery.agent.backups.exporting.ordered import Exports
from recovery.agent.backups.keeper import BackupKeeper
from recovery.agent.backups.ordered import Restores
from recovery.agent.databases import asking, letters
from recovery.agent.databases.approved import Approvals
from recovery.agent.databases.doors import Door, Reply, Request
from recovery.agent.databases.endings import Endings
from recovery.agent.databases.leash import Leash
from recovery.agent.databases.orders import DatabaseOrders
from recovery.agent.databases.records import Records
from recovery.agent.databases.replica import Replica
from recovery.agent.databases.tools import Tools
from recovery.core.clock import SystemClock
from recovery.core.ending import end
from recovery.core.errors import BadMessage
from recovery.core.gates import Gate, GateKind
from recovery.core.ports import EngineFailed, Place
from recovery.core.wire import (
    DatabaseReport,
    DatabaseSpec,
    Frame,
    Grant,
    Member,
    ReplicaFact,
)

_log = logging.getLogger("tocsin.agent.databases")
REPORT_SECONDS = 1.0
LEAST_SECONDS = 0.02
"""Between two reports: several changes of one moment are told together."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Where this host keeps its databases, and how its gate is made."""

    folder: Path
    address: str
    also: tuple[str, ...]
    peer_port: int
    gate: GateKind
    boot: str
    approvals: Approvals = field(default_factory=Approvals)


class DatabaseKeeper:
    """The databases of one host."""

    def __init__(
        self,
        setting: Setting,
        clock: SystemClock,
        *,
        sign: Callable[[bytes], str],
        tell: Callable[[Frame], None],
        is_fresh: Callable[[], bool],
        is_quarantined: Callable[[], bool],
    ) -> None:
        self._setting, self._clock, self._tell = setting, clock, tell
        records = Records(setting.folder, setting.boot, clock.boottime())
        fences = Fences(setting.folder / "fences.json")
        self._leashes: dict[str, Leash] = {}
        self._replicas: dict[str, Replica] = {}
        self._news = asyncio.Event()
        self._restores = Restores(
            setting.folder / "backups", self._place, self._news.set, self._replicas.__contains__
        )
        gate: Gate = (
            NftablesGate(fences, sign, clock)
            if setting.gate == "nftables"
            else WatchdogGate(self._leash, fences, sign)
        )
        self._tools = Tools(
            clock=clock,
            records=records,
            fences=fences,
            gate=gate,
            leash=self._leash,
            engine=lambda spec: engine_for(spec, self._place(spec)),
            ask=self._ask,
            send=tell,
            is_fresh=is_fresh,
            is_quarantined=is_quarantined,
            changed=self._news.set,
            restored=self._restores,
        )
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._unusable: dict[str, ReplicaFact] = {}
        self._door = Door(self._answer)
        self._backups = BackupKeeper(setting.folder / "backups", self._place)
        self._numbers = 0
        self._listed: dict[str, DatabaseSpec] = {}
        self._endings = Endings(self._put_away, self._take_up)
        self.after_endings = self._endings.after
        self.orders = self._orders()

    def _orders(self) -> DatabaseOrders:
        return DatabaseOrders(
            self._replicas.get,
            self._clock,
            self._restores,
            self._setting.approvals,
            self._unsure,
            exports=Exports(self._setting.folder / "backups", self._place),
        )

    # ------------------------------------------------------------------ life

    async def open(self, listed: tuple[DatabaseSpec, ...]) -> None:
        """Takes up what this host keeps, from its disk, and answers peers."""
        await self._restores.open()
        kept = [self._tools.records.get(name).spec for name in self._tools.records.replicas()]
        newest = {spec.replica: spec for spec in kept if spec is not None}
        for spec in listed:
            known = newest.get(spec.replica)
            if known is None or spec.epoch >= known.epoch:
                newest[spec.replica] = spec
        for spec in newest.values():
            await self._take(spec)
        if self._setting.peer_port:
            await self._door.open(self._setting.address, self._setting.peer_port)

    async def run(self) -> None:
        """Reports, for ever. A replica that nobody minds any more ends the agent: its supervisor
        starts it again, within the lease."""
        while True:
            for task in self._tasks.values():
                if task.done():
                    task.result()
            self._endings.check()
            self._backups.follow([(each.spec, each.fact()) for each in self._replicas.values()])
            self.report()
            self._news.clear()
            await asyncio.sleep(LEAST_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REPORT_SECONDS - LEAST_SECONDS):
                    await self._news.wait()

    async def close(self) -> None:
        """Lets go of everything; servers, watchdogs and open gates stay as they are."""
        await self._door.close()
        await self._backups.close()
        await self._restores.close()
        await self._endings.close()
        await end(self._tasks.values())
        for replica in self._replicas.values():
            await replica.close()
        for leash in self._leashes.values():  # a fence asks also of what is in no list
            leash.close()

    # ------------------------------------------------------------------ for the session

    async def take(self, listed: tuple[DatabaseSpec, ...]) -> None:
        """A list that a control plane confirmed. Nothing here waits for a server."""
        self._listed = {spec.replica: spec for spec in listed}
        for name in [name for name in self._replicas if name not in self._listed]:
            self._endings.begin(self._replicas.pop(name), self._tasks.pop(name))
        for spec in listed:
            if spec.replica not in self._endings:  # else it is taken up once that is over
                await self._take(spec)
        for replica in self._replicas.values():
            replica.forgive()

    async def granted(self, grant: Grant) -> None:
        replica = self._replicas.get(grant.replica)
        if replica is not None:
            await replica.server.granted(grant)
            replica.wake()

    def report(self) -> None:
        """What all of them are now; nothing where there are none."""
        facts, restores = self.facts(), self._restores.facts()
        if facts or restores:
            backups = self._backups.facts()
            self._tell(DatabaseReport(replicas=facts, backups=backups, restores=restores))

    def facts(self) -> tuple[ReplicaFact, ...]:
        known = tuple(replica.fact() for replica in self._replicas.values())
        return known + tuple(self._unusable.values())

    # ------------------------------------------------------------------ replicas

    async def _take(self, spec: DatabaseSpec) -> None:
        if (replica := self._replicas.get(spec.replica)) is None:
            try:
                replica = Replica(spec, self._tools)
            except EngineFailed as error:
                self._unusable[spec.replica] = ReplicaFact(
                    replica=spec.replica,
                    epoch=spec.epoch,
                    state="failed",
                    role=spec.role,
                    detail=str(error)[:300],
                )
                return
            self._unusable.pop(spec.replica, None)
            self._replicas[spec.replica] = replica
            self._tasks[spec.replica] = asyncio.create_task(
                replica.run(), name=f"replica {spec.replica}"
            )
        await replica.take(spec)

    async def _put_away(self, name: str) -> None:
        """Nothing of it runs any more."""
        await asyncio.to_thread(self._tools.records.retire, name)
        if (leash := self._leashes.pop(name, None)) is not None:
            leash.close()

    async def _take_up(self, name: str) -> None:
        """It may have come into the list again while it ended."""
        if (spec := self._listed.get(name)) is not None:
            await self._take(spec)

    def _unsure(self, name: str) -> str:
        if name in self._endings:
            return "it is not in the list any more, and is about to end"
        if name in self._unusable:
            return "its record cannot be read: whether its server runs is not known"
        return ""

    def _place(self, spec: DatabaseSpec) -> Place:
        folder = self._tools.records.folder_of(spec.replica) / "engine"
        return Place(folder, self._setting.address, also=self._setting.also)

    def _leash(self, replica: str) -> Leash:
        if replica not in self._leashes:
            self._leashes[replica] = Leash(self._tools.records.folder_of(replica))
        return self._leashes[replica]

    # ------------------------------------------------------------------ peers

    async def _ask(self, spec: DatabaseSpec, member: Member, span: float) -> bool | None:
        self._numbers += 1
        question = letters.Question(
            replica=spec.replica,
            to=member.replica,
            epoch=spec.epoch,
            incarnation=self._tools.records.incarnation,
            number=self._numbers,
            span=span,
        )
        patience = spec.lease.timeout if spec.lease else 1.0
        try:
            answer = await asking.ask(
                spec.secret,
                spec.name,
                member,
                question,
                source=self._setting.address,
                patience=patience,
            )
        except asking.NoAnswer:
            return None
        if not answer.promised:
            _log.warning("%s: %s promises nothing: %s", spec.name, member.host, answer.reason)
        return answer.promised

    async def _answer(self, request: Request) -> Reply:
        """One request at the door."""
        words = request.path.split("/")
        if len(words) != 4 or words[:2] != ["", "databases"]:
            return Reply(404)
        replica = next((r for r in self._replicas.values() if r.spec.name == words[2]), None)
        if replica is None:
            return Reply(404)
        if (request.method, words[3]) == ("POST", "promise"):
            return await _promised(replica, request)
        if request.method == "GET" and words[3] in ("primary", "standby"):
            return _health(replica, words[3])
        return Reply(404)


async def _promised(replica: Replica, request: Request) -> Reply:
    secret = replica.spec.secret
    try:
        question = letters.read_question(secret, request.body, request.seal)
    except BadMessage:
        return Reply(403)
    if replica.member(question.replica) is None:
        return Reply(403)
    return Reply(200, *letters.sealed(secret, await replica.promise(question)))


def _health(replica: Replica, wanted: str) -> Reply:
    """Whether a load balancer may send it what wants a primary, or a standby."""
    fact = replica.fact()
    is_up = fact.state == "running" and fact.role == wanted
    if wanted == "primary":
        is_up = is_up and fact.is_writable and fact.gate != "closed"
    told = {name: getattr(fact, name) for name in ("epoch", "role", "state", "gate")}
    return Reply(200 if is_up else 503, json.dumps(told).encode() + b"\n")
