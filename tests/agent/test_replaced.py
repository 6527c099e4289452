"""What an agent does with data that a restore takes the place of: pure, and on plain folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from recovery.agent.backups.ordered import Note, Restores
from recovery.agent.databases.decide import decide
from recovery.agent.databases.facts import Act, Deed, Picture, Wait
from recovery.agent.databases.leash import Leash, Sight
from recovery.agent.databases.replica import Replica
from recovery.core.errors import Refused
from recovery.core.ports import Place
from recovery.core.wire import DatabaseSpec
from recovery.core.wire.backups import RestoreResult
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

    assert deed(is_running=True) is Deed.STOP
    assert deed(is_running=True, is_staged=True) is Deed.STOP
    assert deed(is_staged=True) is Deed.ADOPT, "also where nobody answers for its list any more"
    assert deed(is_staged=True, is_fresh=False) is None, "given up while this host was away?"
    assert deed(is_running=True, is_fresh=False) is None, "what serves goes on"
    assert deed(is_staged=True, is_made=False) is Deed.ADOPT, "killed between the two renames"
    waits = decide(picture(is_fresh=True))
    assert isinstance(waits, Wait), "the old data are not started"
    assert "are not here" in waits.reason
    assert deed(is_adopted=True) is Deed.START


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
    made = Restores(
        tmp_path / "backups", lambda spec: Place(place, ""), lambda: None, lambda name: True
    )
    await made.open()
    return made


def words(folder: Path) -> list[str]:
    """What lies there of data: the name of its folder, and the word in it."""
    return [f"{path.parent.name[:4]} {path.read_text()}" for path in folder.rglob("word")]


async def test_what_was_there_is_kept_and_the_mark_names_the_restore(
    restores: Restores, tmp_path: Path
) -> None:
    assert restores.is_staged(SPEC)
    assert restores.adopted(SPEC) == ""
    await restores.take_place(SPEC)
    found = sorted(word.split()[1] for word in words(tmp_path / "engine" / "data"))
    kept = [word.split()[1] for word in words(tmp_path / "engine" / "kept")]
    assert (found, kept) == (["new"], ["old"])
    assert restores.adopted(SPEC) == "r-1"
    assert not restores.is_staged(SPEC)
    assert left(tmp_path) == []


def left(folder: Path) -> list[str]:
    """What lies there of restores."""
    return [path.name for path in folder.rglob("*") if "r-1" in path.name]


async def test_while_an_order_about_it_is_carried_out_the_list_waits(
    restores: Restores, tmp_path: Path
) -> None:
    """The order may be removing it."""
    async with restores._turns["r-1"]:
        with pytest.raises(Refused, match="is being carried out"):
            await restores.take_place(SPEC)
    assert words(tmp_path / "engine" / "data") == ["data old"]
    assert len(left(tmp_path)) == 2, "both the data and their note"


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
