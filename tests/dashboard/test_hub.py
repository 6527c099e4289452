"""The hub: newest only, nobody waits for a stuck peer, no tick without a database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping

from django.db import OperationalError

from dashboard.hub import COME_BACK, SIGN_IN_AGAIN, Draw, Hub, Mailbox
from dashboard.permissions import Role


class FakeSource:
    """Rows that a test sets by hand."""

    def __init__(self) -> None:
        self.revision = self.looks = 0
        self.draws: list[tuple[Role, tuple[str, ...]]] = []
        self.good: dict[str, Role] = {}
        self.is_away = False

    def marker(self) -> object:
        if self.is_away:
            raise OperationalError("gone")
        return self.revision

    def look(self) -> Draw:
        self.looks += 1

        def draw(role: Role, topics: Iterable[str]) -> Mapping[str, str]:
            self.draws.append((role, tuple(topics)))
            return {topic: f"<p>{topic} {role} {self.revision}</p>" for topic in topics}

        return draw

    def roles(self, who: Mapping[str, int]) -> Mapping[str, Role]:
        return {key: role for key, role in self.good.items() if key in who}

    def stamp(self) -> Mapping[str, object]:
        return {"tick": "now", "build": "b"}

    def close(self) -> None:
        pass


def box(hub: Hub, source: FakeSource, name: str, role: Role = Role.VIEWER) -> Mailbox:
    source.good[name] = role
    made = Mailbox(session=name, person=1, role=role, topics=frozenset({"fleet", "voice"}))
    hub.join(made)
    return made


async def taken(made: Mailbox) -> dict[str, str]:
    async with asyncio.timeout(30):
        return await made.take()


async def test_who_joins_gets_everything_and_a_tick() -> None:
    source = FakeSource()
    hub = Hub(source)
    one = box(hub, source, "a")
    await hub.look(0.0)
    assert set(await taken(one)) == {"fleet", "voice", "tick"}


async def test_a_topic_is_drawn_once_a_role_however_many_look() -> None:
    source = FakeSource()
    hub = Hub(source)
    for n in range(50):
        box(hub, source, f"v{n}")
        box(hub, source, f"r{n}", Role.RESPONDER)
    await hub.look(0.0)
    assert len(source.draws) == 2
    assert source.looks == 1, "no row is read twice for two roles"


async def test_who_joins_between_two_ticks_gets_what_was_drawn_unless_a_row_has_changed() -> None:
    """Pages that dial again while drawing is slow must not make it slower."""
    source = FakeSource()
    hub = Hub(source)
    box(hub, source, "a")
    await hub.look(0.0)
    second = box(hub, source, "b")
    await hub.look(1.0)
    assert set(await taken(second)) == {"fleet", "voice", "tick"}
    assert len(source.draws) == 1
    third = box(hub, source, "c")
    third.topics |= {"menu"}
    await hub.look(2.0)
    assert set(await taken(third)) == {"fleet", "menu", "voice", "tick"}
    assert source.draws[1:] == [(Role.VIEWER, ("menu",))]
    source.revision = 1
    fourth = box(hub, source, "d")
    await hub.look(3.0)
    assert "1</p>" in (await taken(fourth))["fleet"]
    await hub.look(6.0)
    assert len(source.draws) == 4, "at a tick everything is drawn anew"


async def test_only_what_differs_is_sent() -> None:
    source = FakeSource()
    hub = Hub(source)
    one = box(hub, source, "a")
    await hub.look(0.0)
    await taken(one)
    await hub.look(1.0)
    assert not one.waiting
    source.revision = 1
    await hub.look(2.0)
    assert set(await taken(one)) == {"fleet", "voice"}


async def test_a_stuck_connection_holds_the_newest_only_and_stalls_nobody() -> None:
    source = FakeSource()
    hub = Hub(source)
    stuck, quick = box(hub, source, "stuck"), box(hub, source, "quick")
    for revision in range(1, 200):
        source.revision = revision
        await hub.look(revision / 4)
        assert json.loads((await taken(quick))["fleet"])["content"].endswith(f"{revision}</p>")
    assert len(stuck.waiting) == 3
    assert "199" in stuck.waiting["fleet"]


async def test_without_a_database_there_is_no_tick() -> None:
    source = FakeSource()
    hub = Hub(source)
    one = box(hub, source, "a")
    await hub.look(0.0)
    await taken(one)
    source.is_away = True
    await hub.look(10.0)
    assert not one.waiting
    source.is_away = False
    await hub.look(11.0)
    assert "tick" in await taken(one)


async def test_who_signed_out_is_closed_at_the_next_tick() -> None:
    source = FakeSource()
    hub = Hub(source)
    one = box(hub, source, "a")
    await hub.look(0.0)
    del source.good["a"]
    await hub.look(5.0)
    assert one.close_code == SIGN_IN_AGAIN


async def test_a_changed_role_comes_back_with_the_new_one() -> None:
    source = FakeSource()
    hub = Hub(source)
    one = box(hub, source, "a", Role.RESPONDER)
    await hub.look(0.0)
    source.good["a"] = Role.VIEWER
    await hub.look(5.0)
    assert one.close_code == COME_BACK


async def test_a_drained_process_sends_everybody_elsewhere() -> None:
    source = FakeSource()
    hub = Hub(source)
    one = box(hub, source, "a")
    hub.drain()
    assert one.close_code == COME_BACK
