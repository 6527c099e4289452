"""The agent of one host: identity, beats, sessions, orders, containers and peers, put together.

Invariant: every part runs without the control plane; losing it changes nothing here.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from recovery.agent import identity as identities
from recovery.agent.beats import CRASH_LOOPING, QUARANTINED, Beats, parse_address
from recovery.agent.config import Config, boot_id
from recovery.agent.databases.approved import Approvals
from recovery.agent.databases.keeper import DatabaseKeeper, Setting
from recovery.agent.desired import Book
from recovery.agent.disk import private_folder, write_atomic
from recovery.agent.engines import engine_for
from recovery.agent.journal import Journal
from recovery.agent.keeper import Keeper
from recovery.agent.link import Link
from recovery.agent.orders import Orders
from recovery.agent.peers import Peers
from recovery.agent.witness import Witness
from recovery.core import wire
from recovery.core.clock import SystemClock, system
from recovery.core.consent import Party
from recovery.core.errors import BadMessage, Refused

_log = logging.getLogger("tocsin.agent")
VERSION = "0.1.0"
FULL_REPORT_SECONDS = 30.0


class Agent:
    """All parts of one host's agent. It is the `Host` of its links."""

    def __init__(self, config: Config, clock: SystemClock = system) -> None:
        state = private_folder(config.state_path)
        self._config, self._clock = config, clock
        self._boot = boot_id(config)
        self._identity = identities.load(state / "identity.json")
        self._book = Book(state / "desired.json", in_quarantine=_is_new_boot(state, self._boot))
        self._keeper = Keeper(
            engine_for(config, self._boot),
            self._book,
            clock,
            address=config.container_address,
            grace=config.stop_grace_seconds,
            changed=self._report_changes,
        )
        self._databases = self._keeper_of_databases(state / "databases")
        self._orders = Orders(
            Journal(state / "journal.jsonl", self._boot),
            self._book,
            self._keeper,
            clock,
            boot=self._boot,
            tell=self._tell,
            databases=self._databases.orders,
        )
        self._witness = Witness(
            state / "witness.json",
            config.name,
            self._identity.signing.public_key().public_bytes_raw(),
            self._identity.signing.sign,
            clock,
        )
        self._peers = Peers(clock, config.listen_address, self._tell)
        self._beats = Beats(
            config,
            self._identity,
            clock,
            self._boot,
            flags=self._flags,
            by_socket=self._tell,
            paused=self._paused,
        )
        self._links = [Link(url, self, config.ca_file) for url in config.control]
        self._reported: dict[str, wire.ContainerFact] = {}
        self._enrolling = asyncio.Lock()
        self._writing = asyncio.Lock()

    def _keeper_of_databases(self, folder: Path) -> DatabaseKeeper:
        config = self._config
        setting = Setting(
            folder=folder,
            address=config.container_address,
            also=config.also_listen,
            peer_port=config.peer_port,
            gate="nftables" if config.gate == "nftables" else "watchdog",
            boot=self._boot,
            approvals=approvals_of(config),
        )
        return DatabaseKeeper(
            setting,
            self._clock,
            sign=self._identity.sign,
            tell=self._tell,
            is_fresh=lambda: self._book.is_fresh,
            is_quarantined=lambda: self._book.quarantined,
        )

    async def run(self) -> None:
        """Until cancelled. Containers stay when it ends."""
        await self._keeper.round()
        await self._databases.open(self._book.databases)
        self._orders.resume()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keeper.run(), name="keeper")
                group.create_task(self._databases.run(), name="databases")
                group.create_task(self._beats.run(), name="beats")
                group.create_task(self._report_fully(), name="full reports")
                for link in self._links:
                    group.create_task(link.run(), name=link.url)
        finally:
            self._peers.close()
            self._beats.close()
            await self._orders.close()
            await self._databases.close()
            await self._keeper.close()

    # ------------------------------------------------------------------ the session's questions

    async def greet(self, challenge: wire.Challenge, link: Link) -> wire.Enrol | wire.Hello:
        if self._identity.is_enrolled:
            return self._hello(challenge)
        if self._enrolling.locked():
            raise BadMessage("waits for the enrolment that another session began")
        async with self._enrolling:
            token = await asyncio.to_thread(self._token)
            return self._identity.enrol(token, self._config.name, challenge.nonce)

    async def enrolled(self, frame: wire.Enrolled, challenge: wire.Challenge) -> wire.Hello:
        await asyncio.to_thread(self._identity.accept, frame)
        _log.info("enrolled as %s", frame.host_id)
        return self._hello(challenge)

    async def welcomed(self, frame: wire.Welcome, link: Link) -> None:
        address = parse_address(frame.heartbeat_to)
        if address is not None:
            self._beats.targets[link.url] = address
        else:
            self._beats.targets.pop(link.url, None)
        self._book.await_desired(frame.quarantined)
        await self._orders.raise_epoch(frame.epoch)
        link.send(self._full_report())
        for outcome in self._orders.recent():
            link.send(outcome)
        self._beats.beat()
        self._databases.report()
        self._peers.tell_all()

    def refused(self, frame: wire.Refusal) -> None:
        """A control plane that does not know this host any more is asked anew, once a newer join
        token than the identity lies there."""
        if frame.field == "host_id" and self._has_newer_token():
            self._identity.forget()
        _log.warning("refused: %s %s (%s)", frame.code, frame.message, frame.field)

    async def take(self, frame: wire.FromGateway, link: Link) -> None:
        match frame:
            case wire.Grant():
                await self._databases.granted(frame)
            case wire.Order() | wire.DatabaseOrder():
                await self._orders.take(frame)
            case wire.Desired():
                await self._take_desired(frame, link)
            case wire.Probe(peers=peers):
                self._peers.watch(peers)
            case wire.Look(peer=peer):
                self._peers.look(peer)
            case wire.Checkpoint():
                link.send(await asyncio.to_thread(self._witness.take, frame))
            case wire.Refusal():
                self.refused(frame)
            case _:
                _log.info("a %s outside of the handshake", type(frame).__name__)

    async def _take_desired(self, desired: wire.Desired, link: Link) -> None:
        stale = desired.epoch < self._orders.epoch
        reason = (
            f"epoch {desired.epoch} is below {self._orders.epoch}"
            if stale
            else self._book.refusal(desired)
        )
        if reason:
            field = "epoch" if stale else "version"
            link.send(wire.Refusal(code="stale", message=reason, field=field))
            return
        await self._orders.raise_epoch(desired.epoch)
        async with self._writing:
            await asyncio.to_thread(self._book.take, desired)
        await self._databases.take(desired.databases)
        await self._keeper.round()
        if desired.quarantined:  # it is trusted again once what it is not to run has ended
            self._databases.after_endings(lambda: link.send(self._full_report()))

    # ------------------------------------------------------------------ what it says

    def _hello(self, challenge: wire.Challenge) -> wire.Hello:
        return wire.Hello(
            host_id=self._identity.host_id,
            boot=self._boot,
            agent_version=VERSION,
            protocol=wire.PROTOCOL,
            signature=self._identity.sign_hello(challenge.nonce, self._boot),
            address=self._config.address,
            probe_port=self._config.probe_port,
            peer_port=self._config.peer_port,
            resumed_from=self._orders.epoch,
            adapters=(self._config.adapter,),
            witness=True,
        )

    def _token(self) -> str:
        try:
            return Path(self._config.token_file).read_text().strip()
        except OSError as error:
            raise BadMessage(
                f"no join token yet ({self._config.token_file}: {error.strerror})",
                field="token_file",
            ) from error

    def _has_newer_token(self) -> bool:
        token, kept = Path(self._config.token_file), self._identity.path
        try:
            return token.stat().st_mtime > kept.stat().st_mtime
        except OSError:
            return False

    def _tell(self, frame: wire.Frame) -> None:
        for link in self._links:
            link.send(frame)

    def _full_report(self) -> wire.Report:
        facts = self._keeper.facts()
        return wire.Report(
            full=True, containers=tuple(facts.values()), desired_version=self._book.version
        )

    def _report_changes(self) -> None:
        """Tells what differs from the last report; what vanished is told as stopped once."""
        facts = self._keeper.facts()
        changed = [fact for key, fact in facts.items() if self._reported.get(key) != fact]
        gone = [fact for key, fact in self._reported.items() if key not in facts]
        changed += [_stopped(fact) for fact in gone]
        self._reported = facts
        if self._book.quarantined:
            self._tell(self._full_report())
        elif changed:
            self._tell(
                wire.Report(
                    full=False, containers=tuple(changed), desired_version=self._book.version
                )
            )

    async def _report_fully(self) -> None:
        while True:
            await asyncio.sleep(FULL_REPORT_SECONDS)
            self._tell(self._full_report())

    def _flags(self) -> int:
        flags = QUARANTINED if self._book.quarantined else 0
        return flags | (CRASH_LOOPING if self._keeper.is_crash_looping() else 0)

    def _paused(self, seconds: float) -> None:
        """This host slept: old looks are void, and what runs is told anew."""
        _log.warning("slept for %.1f s", seconds)
        self._peers.forget()
        self._keeper.wake()
        self._tell(self._full_report())


def _stopped(fact: wire.ContainerFact) -> wire.ContainerFact:
    return wire.ContainerFact(
        placement=fact.placement,
        application=fact.application,
        container=fact.container,
        generation=fact.generation,
        state="stopped",
        port=fact.port,
        restarts=fact.restarts,
    )


def _is_new_boot(state: Path, boot: str) -> bool:
    """Whether the host started anew since its agent last ran; the new boot is noted."""
    path = state / "boot"
    known = path.exists() and path.read_text().strip() == boot
    if not known:
        write_atomic(path, boot.encode())
    return not known


def approvals_of(config: Config) -> Approvals:
    """What this host's own file says of who may approve, and where."""
    return Approvals(
        pins=Path(config.pins) if config.pins else None,
        party=Party(config.party, frozenset(config.origins)),
        realm="drill" if config.realm == "drill" else "production",
    )


def require_token(config: Config) -> None:
    """A fresh host needs to know where its join token will be."""
    if not config.token_file and not (config.state_path / "identity.json").exists():
        raise Refused("this host has no identity and no token_file", field="token_file")
