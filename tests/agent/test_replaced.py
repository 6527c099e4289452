"""What an agent does with data that a restore takes the place of: pure, and on plain folders."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Coroutine
from dataclasses import replace
from itertools import product
from pathlib import Path

import msgspec
import pytest

from recovery.agent.backups.ordered import Note, Restores
from recovery.agent.databases.approved import Approvals
from recovery.agent.databases.decide import decide
from recovery.agent.databases.facts import Act, Deed, Origin, Picture, Wait
from recovery.agent.databases.leash import Leash, Sight
from recovery.agent.databases.orders import DatabaseOrders
from recovery.agent.databases.replica import Replica
from recovery.core.errors import Refused
from recovery.core.ports import Place
from recovery.core.wire import DatabaseOrder, DatabaseSpec, DatabaseVerb
from recovery.core.wire.backups import RestoreResult, RestoreSpec
from tests.agent.databases.test_gate_of_a_server import RecordingGate, tools

SPEC = DatabaseSpec(
    replica="a",
    database="d",
    name="shop",
    engine="valkey",
    version="9",
    role="primary",
    epoch=2,
    port=1,
    secret="x",
    members=(),
    adopts="r-1",
)
RESULT = RestoreResult(backup="b", moment=1, canary=1, timeline=0, size=1, seconds=1.0, speed=1.0)


def picture(**changes: object) -> Picture:
    plain = {
        "spec": SPEC,
        "role": "primary",
        "led": 1,
        "is_made": True,
        "is_running": False,
        "is_fresh": False,
        "quarantined": False,
        "is_adopted": False,
    }
    return Picture(**(plain | changes))  # type: ignore[arg-type]


def test_what_runs_ends_and_what_is_staged_takes_its_place_and_nothing_else_starts() -> None:
    def deed(**changes: object) -> Deed | None:
        answer = decide(picture(**({"is_fresh": True} | changes)))
        return answer.deed if isinstance(answer, Act) else None

    assert deed(is_running=True, is_staged=True) is Deed.STOP
    assert deed(is_running=True) is None, "nothing could take its place: what runs goes on"
    assert deed(is_staged=True) is Deed.ADOPT, "also where nobody answers for its list any more"
    assert deed(is_staged=True, is_fresh=False) is None, "given up while this host was away?"
    assert deed(is_running=True, is_fresh=False) is None, "what serves goes on"
    assert deed(is_staged=True, is_made=False) is Deed.ADOPT, "killed between the two renames"
    waits = decide(picture(is_fresh=True))
    assert isinstance(waits, Wait), "the old data are not started"
    assert "are not here" in waits.reason
    assert deed(is_adopted=True) is Deed.START
    assert deed(is_adopted=True, is_fresh=False) is None, "it may have been given up meanwhile"
    assert deed(is_adopted=True, is_running=True, is_fresh=False) is None, "what serves goes on"


def test_what_was_given_up_never_starts_and_what_was_there_before_is_put_back_by_any_list() -> None:
    for fresh, quarantined, made in product((True, False), repeat=3):
        seen = picture(
            spec=msgspec.structs.replace(SPEC, adopts="", gave_up=("r-1",)),
            is_fresh=fresh,
            quarantined=quarantined,
            is_made=made,
            is_adopted=True,
            is_given_up=True,
        )
        runs = decide(replace(seen, is_running=True, may_return=True))
        assert isinstance(runs, Act)
        assert runs.deed is Deed.STOP
        back = decide(replace(seen, may_return=True))
        assert isinstance(back, Act)
        assert back.deed is Deed.RETURN
        lost = decide(seen)
        assert isinstance(lost, Wait), "neither these nor empty ones"
        assert "restore it anew" in lost.reason


@pytest.fixture
async def restores(tmp_path: Path) -> Restores:
    """One is staged and proven beside older data."""
    place = tmp_path / "engine"
    for folder, word in ((place, "old"), (place / "staged-r-1", "new")):
        (folder / "data").mkdir(parents=True)
        (folder / "data" / "word").write_text(word)
    note = tmp_path / "backups" / "restores" / "r-1.json"
    note.parent.mkdir(parents=True)
    note.write_bytes(msgspec.json.encode(Note(database=SPEC, result=RESULT)))
    return await opened(tmp_path)


async def opened(folder: Path) -> Restores:
    """By an agent that has just begun."""
    place = Place(folder / "engine", "")
    made = Restores(folder / "backups", lambda spec: place, lambda: None, lambda name: True)
    await made.open()
    return made


def words(folder: Path) -> list[str]:
    """What lies there of data: the name of its folder, and the word in it."""
    return [f"{path.parent.name[:4]} {path.read_text()}" for path in folder.rglob("word")]


async def test_what_was_there_is_kept_and_the_mark_names_the_restore(
    restores: Restores, tmp_path: Path
) -> None:
    assert restores.is_staged(SPEC)
    assert restores.origin(SPEC).adopted == ""
    await restores.take_place(SPEC)
    found = sorted(word.split()[1] for word in words(tmp_path / "engine" / "data"))
    kept = [word.split()[1] for word in words(tmp_path / "engine" / "kept")]
    assert (found, kept) == (["new"], ["old"])
    assert restores.origin(SPEC).adopted == "r-1"
    assert not restores.is_staged(SPEC)
    assert left(tmp_path) == []


def left(folder: Path) -> list[str]:
    """What lies there of what was staged."""
    found = [path.name for path in folder.rglob("*")]
    return [name for name in found if "r-1" in name and ".r-1" not in name]


async def test_while_an_order_about_it_is_carried_out_the_list_waits(
    restores: Restores, tmp_path: Path
) -> None:
    """The order may be removing it."""
    async with restores._turns["r-1"]:
        with pytest.raises(Refused, match="is being carried out"):
            await restores.take_place(SPEC)
    assert words(tmp_path / "engine" / "data") == ["data old"]
    assert len(left(tmp_path)) == 2, "both the data and their note"


GIVEN_UP = msgspec.structs.replace(SPEC, epoch=3, adopts="", gave_up=("r-1",))


class Killed(BaseException):
    """The agent is gone."""


class Mortal:
    """Dies at its so manieth rename, before it or right after."""

    def __init__(self, patch: pytest.MonkeyPatch, dies_at: int, *, after: bool) -> None:
        self._left, self._after, self.died = dies_at, after, False
        real = Path.rename

        def rename(path: Path, target: Path) -> Path:
            self._left -= 1
            if self._left or self.died:
                return real(path, target)
            self.died = True
            if self._after:
                real(path, target)
            raise Killed

        patch.setattr(Path, "rename", rename)

    async def lives(self, act: Callable[[], Coroutine[None, None, object]]) -> bool:
        try:
            await act()
        except Killed:
            return False
        return True


def in_place(folder: Path) -> str:
    """The word of the data that would serve."""
    found = folder / "engine" / "data" / "word"
    return found.read_text() if found.exists() else ""


def kept(folder: Path) -> list[str]:
    return sorted(path.read_text() for path in folder.glob("engine/kept/*/word"))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", [1, 2])
async def test_killed_at_each_rename_it_is_gone_on_with_or_gone_back_from(
    restores: Restores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int, after: bool
) -> None:
    """Whichever way it is decided afterwards: adopted after all, or given up and discarded."""
    copy = tmp_path / "given-up"
    with monkeypatch.context() as patch:
        mortal = Mortal(patch, dies_at, after=after)
        assert not await mortal.lives(lambda: restores.take_place(SPEC))
        shutil.copytree(tmp_path / "engine", copy / "engine")
        shutil.copytree(tmp_path / "backups", copy / "backups")
    await restores.take_place(SPEC)
    assert (in_place(tmp_path), kept(tmp_path)) == ("new", ["old"])
    assert restores.origin(SPEC).adopted == "r-1"
    other = await opened(copy)
    await other.carry_out(order("discard", GIVEN_UP))
    origin = other.origin(GIVEN_UP)
    if origin.is_given_up:
        assert origin.may_return
        await other.put_back(GIVEN_UP)
    assert in_place(copy) == "old", "also when nothing was in place, and nothing is staged any more"
    assert not other.origin(GIVEN_UP).is_given_up


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", [1, 2])
async def test_killed_while_it_puts_back_what_was_there_it_is_there_after_the_next_turn(
    restores: Restores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int, after: bool
) -> None:
    await restores.take_place(SPEC)
    assert restores.origin(GIVEN_UP).adopted == "r-1", "it says so while it has them"
    with monkeypatch.context() as patch:
        mortal = Mortal(patch, dies_at, after=after)
        assert not await mortal.lives(lambda: restores.put_back(GIVEN_UP))
    again = await opened(tmp_path)
    while again.origin(GIVEN_UP).is_given_up:
        await again.put_back(GIVEN_UP)
    assert (in_place(tmp_path), kept(tmp_path)) == ("old", ["new"]), "nothing is lost"
    assert again.origin(GIVEN_UP) == Origin()


async def test_two_that_were_given_up_are_gone_back_from_one_after_the_other(
    restores: Restores, tmp_path: Path
) -> None:
    """The second took the place of the first before that one's data were put back."""
    await restores.take_place(SPEC)
    second = msgspec.structs.replace(SPEC, adopts="r-2")
    folder = tmp_path / "engine" / "staged-r-2" / "data"
    folder.mkdir(parents=True)
    (folder / "word").write_text("newer")
    note = Note(database=second, result=RESULT)
    (tmp_path / "backups" / "restores" / "r-2.json").write_bytes(msgspec.json.encode(note))
    again = await opened(tmp_path)
    await again.take_place(second)
    assert in_place(tmp_path) == "newer"
    both = msgspec.structs.replace(GIVEN_UP, gave_up=("r-2", "r-1"))
    await again.put_back(both)
    assert again.origin(both).adopted == "r-1"
    await again.put_back(both)
    assert in_place(tmp_path) == "old"
    assert again.origin(both) == Origin()


async def test_what_was_there_and_is_not_kept_any_more_is_replaced_by_nothing(
    restores: Restores, tmp_path: Path
) -> None:
    await restores.take_place(SPEC)
    shutil.rmtree(tmp_path / "engine" / "kept")
    origin = restores.origin(GIVEN_UP)
    assert (origin.is_given_up, origin.may_return) == (True, False)
    with pytest.raises(Refused, match="not here any more"):
        await restores.put_back(GIVEN_UP)
    assert in_place(tmp_path) == "new", "for an engineer's hands; it does not start"


async def test_a_note_whose_data_are_gone_stops_nothing_a_second_time(
    restores: Restores, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "engine" / "staged-r-1")
    with pytest.raises(Refused, match="nothing of this restore"):
        await restores.take_place(SPEC)
    assert not restores.is_staged(SPEC)
    assert in_place(tmp_path) == "old"


async def test_a_server_is_not_started_by_an_order_on_data_that_were_given_up(
    restores: Restores, tmp_path: Path
) -> None:
    """One that the failover's cycle gave may come before its list has put the old ones back."""
    await restores.take_place(SPEC)
    own = replace(
        tools(tmp_path, RecordingGate()),
        leash=lambda replica: Idle(tmp_path / replica),
        restored=restores,
    )
    replica = Replica(GIVEN_UP, own)
    orders = DatabaseOrders({"a": replica}.get, own.clock, restores, Approvals())
    for verb in ("restart", "promote"):
        done = await orders.carry_out(order(verb, GIVEN_UP))
        assert (done.state, done.detail[:40]) == (
            "unknown",
            "its data are of a restore that was given",
        )
    assert not replica.server.is_running
    await replica.close()


def order(verb: DatabaseVerb, database: DatabaseSpec) -> DatabaseOrder:
    named = RestoreSpec(restore="r-1", store=None, key="k")
    return DatabaseOrder(operation="op", epoch=1, verb=verb, database=database, restore=named)


class Idle(Leash):
    """Of a server that does not run."""

    async def hold(self) -> Sight:
        return Sight(
            pid=0,
            watchdog=0,
            ended="",
            is_paused=False,
            is_primary=True,
            is_gate=False,
            epoch=0,
            fenced=0,
            left=0.0,
        )


async def test_once_it_serves_a_list_that_asks_for_it_no_more_ends_no_server(
    restores: Restores, tmp_path: Path
) -> None:
    """What its data are of is judged by the list that holds now: by the one before they would be
    of another restore than wanted, and a server that serves would end."""
    await restores.take_place(SPEC)
    plain = tools(tmp_path, RecordingGate())
    own = replace(plain, leash=lambda replica: Idle(tmp_path / replica), restored=restores)
    replica = Replica(SPEC, own)
    await replica.look()
    assert replica.picture().is_adopted
    await replica.take(msgspec.structs.replace(SPEC, adopts=""))
    await replica.adopt()
    assert replica.picture().is_adopted
    await replica.take(msgspec.structs.replace(SPEC, adopts="r-2"))
    await replica.adopt()
    assert not replica.picture().is_adopted, "these data are of another one"
    await replica.close()
