"""Restores by order: a host brings a database back beside its place, and serves it once the list
says so. Real agents and servers; the agent killed half-way; bad archives; its old host back."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from recovery.adapters.backups.directory import DirectoryStore
from recovery.core import wire
from recovery.core.archive import coverage, told
from recovery.core.archive.names import milliseconds
from recovery.core.clock import system
from recovery.core.wire.backups import (
    BackupSpec,
    RestoreFact,
    RestoreResult,
    RestoreSpec,
    StoreSpec,
)
from tests.agent.databases.conftest import A, B, Pair, pair  # noqa: F401 - a fixture
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(300)
KEY = b"k" * 32
NAME = "doors"
"""The first base of a database of this name waits for no other's."""
AT_ONCE = {"checkpoint_completion_target": "0"}


@dataclass
class Notes:
    """A starter database on host A, archived into one store; host B has the keys."""

    pair: Pair
    store: DirectoryStore
    story: str = ""

    @property
    def place(self) -> StoreSpec:
        return StoreSpec(name="replica 2", kind="folder", folder=str(self.store.folder))

    def spec(self, host: str, epoch: int) -> wire.DatabaseSpec:
        """The one replica of it, on this host."""
        member = msgspec.structs.replace(
            self.pair._member(A),
            address=self.pair.hosts[host].address,
            host=self.pair.hosts[host].name,
        )
        return msgspec.structs.replace(
            self.pair.spec(A),
            epoch=epoch,
            members=(member,),
            lease=None,
            synchronous=False,
            settings=self.pair.spec(A).settings | AT_ONCE,
            backup=BackupSpec(key="k1", stores=(self.place,)),
        )

    def give_keys(self, host: str, key: bytes = KEY) -> None:
        folder = self.backups(host)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "keys").touch(mode=0o600)
        (folder / "keys").write_text(f"k1 {base64.b64encode(key).decode()}\n")

    def backups(self, host: str) -> Path:
        return self.pair.hosts[host].folder / "state" / "databases" / "backups"

    async def send(
        self,
        host: str,
        verb: wire.DatabaseVerb,
        *,
        operation: str,
        epoch: int = 1,
        **fields: object,
    ) -> wire.DatabaseOrder:
        spec = RestoreSpec(restore="r-1", store=self.place, key="k1")
        order = wire.DatabaseOrder(
            operation=f"{self.story} {operation}",
            epoch=1,
            verb=verb,
            database=self.spec(host, epoch),
            restore=msgspec.structs.replace(spec, **fields),
        )
        await self.pair.gateway.send(self.pair.hosts[host].name, order)
        return order

    async def outcome(self, host: str, order: wire.DatabaseOrder) -> wire.Outcome:
        name = self.pair.hosts[host].name

        def told() -> list[wire.Outcome]:
            found = self.pair.gateway.frames(name, wire.Outcome)
            return [each for each in found if each.operation == order.operation]

        await self.pair.gateway.until(told)
        return told()[-1]

    async def ordered(
        self, verb: wire.DatabaseVerb, operation: str, epoch: int = 1, **fields: object
    ) -> wire.Outcome:
        return await self.outcome(
            B, await self.send(B, verb, operation=operation, epoch=epoch, **fields)
        )

    def facts(self) -> list[RestoreFact]:
        """Everything that host B ever told of restores."""
        name = self.pair.hosts[B].name
        frames = self.pair.gateway.frames(name, wire.DatabaseReport)
        return [fact for frame in frames for fact in frame.restores]

    def is_running(self) -> bool:
        """By the newest word of host B."""
        frames = self.pair.gateway.frames(self.pair.hosts[B].name, wire.DatabaseReport)
        return any(fact.state == "running" for fact in (frames[-1].restores if frames else ()))

    def left(self) -> list[str]:
        """What lies on host B of restores."""
        state = self.pair.hosts[B].folder / "state" / "databases"
        found = [*state.rglob("staged-*"), *state.rglob("restore-*"), *state.rglob("restores/*")]
        return [path.name for path in found]

    async def serve(self, epoch: int) -> None:
        """The list of host B names it as primary, and what was staged becomes its data."""
        name = self.pair.hosts[B].name
        await self.pair.gateway.desire(name, databases=(self.spec(B, epoch),))
        done = await self.ordered("adopt", f"op-adopt-{epoch}", epoch=epoch)
        assert (done.state, done.detail) == ("done", "its data are in place")
        await self.until_serving(B, epoch)

    async def until_serving(self, host: str, epoch: int) -> None:
        def serves() -> bool:
            fact = self.pair.gateway.member(self.pair.hosts[host].name).replicas.get(A)
            return fact is not None and (fact.epoch, fact.state, fact.is_writable) == (
                epoch,
                "running",
                True,
            )

        await self.pair.gateway.until(serves)

    async def numbers(self, host: str) -> set[int]:
        return await self.pair.writer(host).numbers()


@pytest.fixture
async def notes(pair: Pair, folder_store: DirectoryStore) -> Notes:  # noqa: F811
    """Written to, archived up to its newest write; then its host is gone."""
    notes = Notes(pair, folder_store)
    pair.name = NAME
    for host in (A, B):
        notes.give_keys(host)
        pair.hosts[host].start()
        await pair.enrolled(host)
    name = pair.hosts[A].name
    await pair.gateway.desire(name, databases=(notes.spec(A, 1),))
    await pair.gateway.desire(pair.hosts[B].name)
    await notes.until_serving(A, 1)
    writer = pair.writer(A)
    await writer.make_table()
    for number in (1, 2, 3):
        assert await writer.try_write(number)
    written = system.now()

    async def covers() -> bool:
        moment = coverage(await folder_store.list(f"{NAME}/")).moment
        return moment is not None and moment >= written

    await until(covers, 90)
    return notes


async def test_a_database_comes_back_on_another_host_and_its_old_copy_is_set_aside(
    notes: Notes,
) -> None:
    pair_ = notes.pair
    await pair_.hosts[A].stop()
    done = await notes.ordered("restore", "op-1")
    assert done.state == "done", done.detail
    result = msgspec.json.decode(done.detail, type=RestoreResult)
    moment = coverage(await notes.store.list(f"{NAME}/")).moment
    assert result.moment == milliseconds(moment)
    assert result.canary > 0
    assert result.size > 1 << 20
    assert notes.facts()[-1].state == "staged" or notes.left(), "it is counted while it waits"
    again = await notes.ordered("restore", "op-2")
    assert again.detail == done.detail, "another order for it reports what was done"
    await notes.serve(2)
    assert await notes.numbers(B) == {1, 2, 3}
    assert notes.left() == []
    again = await notes.ordered("adopt", "op-3", epoch=2)
    assert again.state == "done", "the same is so already"
    await pair_.back(A)
    await pair_.gateway.desire(pair_.hosts[A].name, databases=())
    await until(lambda: not _is_reached(notes, A))
    assert list((pair_.hosts[A].folder / "state" / "databases" / A / "engine").rglob("PG_VERSION"))
    assert not await pair_.writer(A).try_write(9, 2.0)
    assert await notes.numbers(B) == {1, 2, 3}


async def test_what_a_host_had_once_never_leads_when_the_database_comes_back_to_it(
    notes: Notes,
) -> None:
    """It was restored on B, and is restored on A again, where its first copy lies: the list that
    names A comes before the restored data are in place."""
    pair_, gateway = notes.pair, notes.pair.gateway
    await pair_.hosts[A].stop()
    assert (await notes.ordered("restore", "op-1")).state == "done"
    await notes.serve(2)
    name = pair_.hosts[A].name
    await pair_.back(A)
    await gateway.desire(name, databases=())
    await until(lambda: not _is_reached(notes, A))
    await pair_.hosts[B].stop()
    order = await notes.send(A, "restore", operation="op-2", restore="r-2")
    done = await notes.outcome(A, order)
    assert done.state == "done", done.detail
    engine = pair_.hosts[A].folder / "state" / "databases" / A / "engine"
    assert list(engine.rglob("kept/*/PG_VERSION")), "it is set aside, not gone"
    await gateway.desire(name, databases=(notes.spec(A, 3),))
    await gateway.until(lambda: _told(notes).epoch == 3)
    assert (_told(notes).state, _told(notes).is_writable) == ("absent", False)
    adopt = await notes.send(A, "adopt", operation="op-3", epoch=3, restore="r-2")
    assert (await notes.outcome(A, adopt)).state == "done"
    await notes.until_serving(A, 3)
    assert await notes.numbers(A) == {1, 2, 3}


def _told(notes: Notes) -> wire.ReplicaFact:
    """Host A's newest word of it."""
    member = notes.pair.gateway.member(notes.pair.hosts[A].name)
    return member.replicas.get(A) or wire.ReplicaFact(
        replica=A, epoch=0, state="absent", role="out"
    )


def _is_reached(notes: Notes, host: str) -> bool:
    state = notes.pair.hosts[host].folder / "state" / "databases" / A / "engine"
    return any(state.rglob("postmaster.pid"))


async def test_an_agent_killed_in_the_middle_begins_anew_and_reports_it_once(notes: Notes) -> None:
    host = notes.pair.hosts[B]
    await host.stop()
    member = notes.pair.gateway.member(host.name)
    member.socket = None
    host.spawn()
    await notes.pair.enrolled(B)
    await notes.pair.gateway.desire(host.name)
    order = await notes.send(B, "restore", operation="op-1")
    await notes.pair.gateway.until(notes.is_running)
    host.kill()
    assert any(name.startswith("r-1") for name in notes.left()), "the note came before the data"
    member.socket = None
    host.spawn()
    done = await notes.outcome(B, order)
    assert done.state == "done", done.detail
    await notes.pair.gateway.until(lambda: notes.facts()[-1].state == "staged")
    assert not any(name.startswith("restore-") and "partial" in name for name in notes.left())
    await notes.serve(2)
    assert await notes.numbers(B) == {1, 2, 3}
    assert notes.left() == []


async def test_what_serves_nobody_leaves_nothing(notes: Notes) -> None:
    """One database and two agents for all of these: each begins where nothing is left."""
    for story in (
        what_is_called_off_leaves_nothing,
        a_test_restore_tells_what_it_read_and_leaves_nothing,
        what_cannot_be_restored_says_why_and_what_can,
        a_store_that_is_away_is_named,
        nothing_is_adopted_where_nothing_was_restored,
    ):
        await story(replace(notes, story=story.__name__))
        assert notes.left() == []


async def what_is_called_off_leaves_nothing(notes: Notes) -> None:
    order = await notes.send(B, "restore", operation="op-1")
    await notes.pair.gateway.until(notes.is_running)
    assert (await notes.ordered("discard", "op-2")).state == "done"
    ended = await notes.outcome(B, order)
    assert (ended.state, ended.detail) == (
        "failed",
        "It was called off; nothing of it is left.",
    )
    assert notes.left() == []
    done = await notes.ordered("restore", "op-3")
    assert done.state == "done", done.detail
    assert (await notes.ordered("discard", "op-4")).state == "done"
    assert notes.left() == []
    refused = await notes.ordered("adopt", "op-5", epoch=2)
    assert (refused.state, refused.detail) == ("refused", "this host has no such replica")


async def a_test_restore_tells_what_it_read_and_leaves_nothing(notes: Notes) -> None:
    done = await notes.ordered("restore", "op-1", scratch=True)
    result = msgspec.json.decode(done.detail, type=RestoreResult)
    assert 0 < result.canary <= result.moment
    assert result.speed > 0
    assert notes.left() == []


async def nothing_is_adopted_where_nothing_was_restored(notes: Notes) -> None:
    name = notes.pair.hosts[B].name
    await notes.pair.gateway.desire(name, databases=(notes.spec(B, 2),))
    await notes.pair.gateway.until(lambda: A in notes.pair.gateway.member(name).replicas)
    refused = await notes.ordered("adopt", "op-1", epoch=2)
    assert refused.state == "failed"
    assert "nothing of this restore is here" in refused.detail
    assert notes.pair.gateway.member(name).replicas[A].state == "absent", (
        "and nothing empty is made"
    )


async def what_cannot_be_restored_says_why_and_what_can(notes: Notes) -> None:
    await notes.pair.hosts[A].stop()  # else its archive goes on meanwhile
    objects = await notes.store.list(f"{NAME}/")
    newest = coverage(objects).moment
    assert newest is not None
    late = milliseconds(newest + timedelta(hours=1))
    refused = await notes.ordered("restore", "op-late", to=late)
    assert refused.state == "refused"
    assert f"newest moment that can be restored is {told(newest)}" in refused.detail
    notes.give_keys(B, b"x" * 32)
    wrong = await notes.ordered("restore", "op-key")
    assert wrong.state == "refused"
    assert "key" in wrong.detail
    notes.give_keys(B)
    part = next(each for each in objects if "/part-" in each.name)
    path = notes.store.folder / part.name
    whole = path.read_bytes()
    path.write_bytes(whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
    broken = await notes.ordered("restore", "op-flip")
    assert broken.state == "refused"
    assert part.name in broken.detail
    path.write_bytes(whole)
    old = replace_version(notes.spec(B, 1))
    order = wire.DatabaseOrder(
        operation="op-old",
        epoch=1,
        verb="restore",
        database=old,
        restore=RestoreSpec(restore="r-1", store=notes.place, key="k1"),
    )
    await notes.pair.gateway.send(notes.pair.hosts[B].name, order)
    other = await notes.outcome(B, order)
    assert other.state in {"refused", "failed"}
    assert "PostgreSQL" in other.detail
    assert notes.left() == []


def replace_version(spec: wire.DatabaseSpec) -> wire.DatabaseSpec:
    return msgspec.structs.replace(spec, version="15")


async def a_store_that_is_away_is_named(notes: Notes) -> None:
    away = replace(notes, store=DirectoryStore("replica 2", notes.store.folder / "gone"))
    failed = await away.ordered("restore", "op-1")
    assert failed.state in {"refused", "failed"}
    assert "replica 2" in failed.detail
    assert notes.left() == []
