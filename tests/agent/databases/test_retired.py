"""A server that is not in the list any more ends, however far its start has come."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from recovery.agent.databases.keeper import DatabaseKeeper, Setting
from recovery.core.clock import system
from recovery.core.wire import DatabaseSpec, Member
from tests.agent.conftest import free_port
from tests.agent.databases.conftest import end_servers, watchdogs
from tests.support.waiting import until

PATIENCE = 20.0


def keeper_in(folder: Path) -> DatabaseKeeper:
    setting = Setting(folder, "127.0.0.1", (), 0, "watchdog", "this boot")
    return DatabaseKeeper(
        setting,
        system,
        sign=lambda _: "",
        tell=lambda _: None,
        is_fresh=lambda: True,
        is_quarantined=lambda: False,
    )


def starter(name: str) -> DatabaseSpec:
    port = free_port()
    member = Member(
        replica=name, host="h", address="127.0.0.1", port=port, peer_port=1, role="primary"
    )
    return DatabaseSpec(
        replica=name,
        database="d",
        name="baskets",
        engine="valkey",
        version="9",
        role="primary",
        epoch=1,
        port=port,
        secret="s" * 32,
        members=(member,),
    )


@pytest.mark.parametrize("seconds", [0.0, 0.3, 0.6, None])
async def test_a_server_ends_with_its_list_however_far_its_start_has_come(
    seconds: float | None,
) -> None:
    """`None`: it has started."""
    with TemporaryDirectory(prefix="tocsin-gone-") as name:
        folder = Path(name)
        keeper = keeper_in(folder)
        try:
            await keeper.take((starter("a"),))
            if seconds is None:
                await until_running(keeper)
            else:
                await asyncio.sleep(seconds)
            async with asyncio.timeout(5.0):
                await keeper.take(())
            over = asyncio.Event()
            keeper.after_endings(over.set)
            async with asyncio.timeout(PATIENCE):
                await over.wait()
            assert not watchdogs(folder), "nothing of it runs"
            assert (folder / "a" / "record.retired.json").exists() or not seconds
            assert not (folder / "a" / "record.json").exists()
        finally:
            await keeper.close()
            end_servers(folder)


async def test_one_that_is_listed_again_while_it_ends_is_taken_up_afterwards() -> None:
    with TemporaryDirectory(prefix="tocsin-gone-") as name:
        folder, spec = Path(name), starter("a")
        keeper = keeper_in(folder)
        try:
            await keeper.take((spec,))
            await until_running(keeper)
            await keeper.take(())
            assert not keeper.facts()
            await keeper.take((spec,))
            assert not keeper.facts(), "two would mind one server"
            over = asyncio.Event()
            keeper.after_endings(over.set)
            async with asyncio.timeout(PATIENCE):
                await over.wait()
            assert [fact.replica for fact in keeper.facts()] == ["a"]
        finally:
            await keeper.close()
            end_servers(folder)


async def until_running(keeper: DatabaseKeeper) -> None:
    await until(lambda: [fact.state for fact in keeper.facts()] == ["running"], PATIENCE)
