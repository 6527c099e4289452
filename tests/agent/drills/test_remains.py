"""What is left of a drill is found and removed, and nobody else's is ever touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from recovery.agent.drills import remains
from tests.agent.drills.test_drills import asleep_in


def test_no_path_is_looked_at_but_those_of_its_own_names(tmp_path: Path) -> None:
    home = tmp_path / "drills" / "drp-1-x"
    staged = home / "staged-r" / "restore-1.partial"
    staged.mkdir(parents=True)
    found = remains.places_of(home)
    assert {home, staged.parent, staged} <= set(found)
    ours = f"tocsin-{os.geteuid()}-"
    others = [place for place in found if not place.is_relative_to(home)]
    assert all(place.name.startswith(ours) for place in others)
    remains.remove(home)
    assert remains.remains_of(home, tmp_path / "note") == ()


@pytest.fixture
def laid(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A home, and a place under /tmp that follows from it, where anybody may lay something."""
    home = tmp_path / "drills" / "drp-1-x"
    place = next(one for one in remains.places_of(home) if one.parent == Path("/tmp"))
    try:
        yield home, place
    finally:
        if place.is_dir() and not place.is_symlink():
            place.rmdir()
        place.unlink(missing_ok=True)


def test_a_link_in_a_drill_s_place_leads_nobody_to_strangers(
    tmp_path: Path, laid: tuple[Path, Path]
) -> None:
    home, place = laid
    others = tmp_path / "others"
    others.mkdir()
    (others / "data").write_text("x")
    place.symlink_to(others)
    stranger = asleep_in(others)
    try:
        assert remains.remains_of(home, tmp_path / "note") == (f"folder {place}",)
        remains.remove(home)
        assert remains.remains_of(home, tmp_path / "note") == (), "the clean-up has an end"
        assert stranger.poll() is None
        assert (others / "data").exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_what_another_user_laid_into_a_drill_s_place_is_none_of_it(
    tmp_path: Path, laid: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, place = laid
    monkeypatch.setattr(remains, "owners", lambda: frozenset({os.geteuid() + 1}))
    place.mkdir()
    stranger = asleep_in(place)
    try:
        assert remains.remains_of(home, tmp_path / "note") == ()
        remains.remove(home)
        assert stranger.poll() is None
        assert place.exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_plain_file_in_a_drill_s_place_is_removed(
    tmp_path: Path, laid: tuple[Path, Path]
) -> None:
    home, place = laid
    place.write_text("x")
    remains.remove(home)
    assert remains.remains_of(home, tmp_path / "note") == ()
