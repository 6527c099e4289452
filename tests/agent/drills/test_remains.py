"""What is left of a drill is found and removed, and nobody else's is ever touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from recovery.adapters.containers import proc
from recovery.agent.drills import remains
from recovery.core.wire.drills import what_of
from recovery.drp.plan import Thing
from tests.agent.databases.test_approved import mandate, word
from tests.agent.drills.test_drills import asleep_in, kept, listed, placed, started, until


def at(folder: Path) -> remains.Spot:
    return remains.Spot(folder / "drills" / "drp-1-x", folder / "drill-containers" / "drp-1-x")


def test_no_path_is_looked_at_but_those_of_its_own_names(tmp_path: Path) -> None:
    spot = at(tmp_path)
    home = spot.home
    staged = home / "staged-r" / "restore-1.partial"
    staged.mkdir(parents=True)
    found = remains.places_of(spot)
    assert {spot.seat, home, staged.parent, staged} <= set(found)
    ours = f"tocsin-{os.geteuid()}-"
    others = [place for place in found if not place.is_relative_to(tmp_path)]
    assert all(place.name.startswith(ours) for place in others)
    remains.remove(spot)
    assert remains.remains_of(spot, tmp_path / "note") == ()


@pytest.fixture
def laid(tmp_path: Path) -> Iterator[tuple[remains.Spot, Path]]:
    """A spot, and a place under /tmp that follows from it, where anybody may lay something."""
    spot = at(tmp_path)
    place = next(one for one in remains.places_of(spot) if one.parent == Path("/tmp"))
    try:
        yield spot, place
    finally:
        if place.is_dir() and not place.is_symlink():
            place.rmdir()
        place.unlink(missing_ok=True)


def test_a_link_in_a_drill_s_place_leads_nobody_to_strangers(
    tmp_path: Path, laid: tuple[remains.Spot, Path]
) -> None:
    spot, place = laid
    others = tmp_path / "others"
    others.mkdir()
    (others / "data").write_text("x")
    place.symlink_to(others)
    stranger = asleep_in(others)
    try:
        assert remains.remains_of(spot, tmp_path / "note") == (f"folder {place}",)
        remains.remove(spot)
        assert remains.remains_of(spot, tmp_path / "note") == (), "the clean-up has an end"
        assert stranger.poll() is None
        assert (others / "data").exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_what_another_user_laid_into_a_drill_s_place_is_none_of_it(
    tmp_path: Path, laid: tuple[remains.Spot, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    spot, place = laid
    monkeypatch.setattr(remains, "owners", lambda: frozenset({os.geteuid() + 1}))
    place.mkdir()
    stranger = asleep_in(place)
    try:
        assert remains.remains_of(spot, tmp_path / "note") == ()
        remains.remove(spot)
        assert stranger.poll() is None
        assert place.exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_what_is_in_its_own_folder_is_left_of_it_whoever_owns_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that ran as root before: it cannot be removed, and is not gone."""
    spot = at(tmp_path)
    spot.home.mkdir(parents=True)
    monkeypatch.setattr(remains, "owners", frozenset[int])
    assert remains.remains_of(spot, tmp_path / "note") == (f"folder {spot.home}",)


def test_a_plain_file_in_a_drill_s_place_is_removed(
    tmp_path: Path, laid: tuple[remains.Spot, Path]
) -> None:
    spot, place = laid
    place.write_text("x")
    remains.remove(spot)
    assert remains.remains_of(spot, tmp_path / "note") == ()


RUNAWAY = """
import pathlib, subprocess, sys, time
words = [sys.executable, "-c", "import time; time.sleep(120)"]
child = subprocess.Popen(words, start_new_session=True, cwd="/")
pathlib.Path("child.new").write_text(str(child.pid))
pathlib.Path("child.new").rename("child")
time.sleep(120)
"""


async def test_a_process_that_left_its_application_s_session_and_folder_is_left_and_ended(
    tmp_path: Path,
) -> None:
    wish = started("drp-1-x")
    assert wish.container is not None
    command = ("{python}", "-c", RUNAWAY)
    wish = replace(wish, container=replace(wish.container, command=command))
    signed = replace(placed(), things=(Thing("application:id-shop", what_of(wish)),))
    words = (word(mandate(signed)),)
    spot = at(tmp_path / "state")
    async with kept(tmp_path) as keeper:
        await keeper.take(listed(1, wish, words=words))
        await until(keeper, lambda _: (spot.seat / "child").exists())
        child = int((spot.seat / "child").read_text())
        assert child in remains.processes_of(spot)
        other = at(tmp_path / "another-host")
        assert child not in remains.processes_of(other), "the same name of another host"
        await keeper.take(listed(2))
        await until(keeper, lambda one: not one.left)
    found = proc.stat(child)
    assert found is None or not found.is_alive
