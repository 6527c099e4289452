"""Each file of tests is in exactly one part of a whole run: none is lost between two commands."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from tests.architecture.sources import ROOT, tracked_files

Parts = dict[str, tuple[str, ...]]
NAMED = ("STACKS", "ROWS", "UNHURRIED", "CALM", "APART")
WITHIN = {"APART": "STACKS", "UNHURRIED": "ROWS"}
"""What the Makefile names; everything else is the unit part, which leaves these out. What stands
apart is left out of the stacks, and the unhurried of the rows (`WITHIN`)."""


def parts() -> Parts:
    text = (ROOT / "Makefile").read_text()
    lines = dict(re.findall(r"^([A-Z]+) := (.*)$", text, flags=re.MULTILINE))
    return {name: tuple(lines[name].split()) for name in NAMED}


def files() -> set[str]:
    found = (path for path in tracked_files() if path.parts[0] == "tests")
    return {path.as_posix() for path in found if re.fullmatch(r"test_.*\.py", path.name)}


def is_below(file: str, names: tuple[str, ...]) -> bool:
    return any(PurePosixPath(file).is_relative_to(name) for name in names)


def homes(file: str, named: Parts) -> list[str]:
    """The parts that run a file."""
    found = [name for name in NAMED if is_below(file, named[name])]
    left_out = {WITHIN[name] for name in found if name in WITHIN and len(found) == 2}
    return [name for name in found if name not in left_out] or ["unit"]


def misplaced(named: Parts, all_files: set[str]) -> list[str]:
    """What is in two parts, and what is named and holds nothing."""
    twice = [f"{file}: {where}" for file in all_files if len(where := homes(file, named)) != 1]
    names = [name for each in named.values() for name in each]
    empty = [name for name in names if not any(is_below(file, (name,)) for file in all_files)]
    return sorted([*twice, *empty, *(name for name in names if names.count(name) > 1)])


def test_each_file_is_in_exactly_one_part_and_each_name_of_the_makefile_holds_one() -> None:
    assert misplaced(parts(), files()) == []


@pytest.mark.parametrize(
    ("part", "name", "said"),
    [
        ("CALM", "tests/stories", "tests/stories/test_a.py: ['STACKS', 'CALM']"),
        ("CALM", "tests/gone", "tests/gone"),
        ("APART", "tests/pure/test_b.py", "tests/pure/test_b.py: ['CALM', 'APART']"),
        ("STACKS", "tests/stories", "tests/stories"),
    ],
)
def test_what_is_in_two_parts_or_in_none_is_seen(part: str, name: str, said: str) -> None:
    named: Parts = dict.fromkeys(NAMED, ())
    named |= {"STACKS": ("tests/stories",), "CALM": ("tests/pure",)}
    all_files = {"tests/stories/test_a.py", "tests/pure/test_b.py", "tests/rest/test_c.py"}
    assert misplaced(named, all_files) == []
    assert said in misplaced(named | {part: (*named[part], name)}, all_files)


def test_the_unit_part_leaves_out_what_the_others_run_and_the_others_run_it() -> None:
    text = (ROOT / "Makefile").read_text()
    _, body = text.split("\nunit: ", 1)
    told = [each for each in body.splitlines()[:10] if "-m pytest" in each][1:]
    rows, rest, unhurried, calm, stacks = told
    for name in set(NAMED) - {"UNHURRIED"}:
        assert f"$({name}:%=--ignore=%)" in rest
    assert rows.endswith(" $(UNHURRIED:%=--ignore=%) $(ROWS) -- \\")
    assert unhurried.endswith(" $(UNHURRIED) -- \\")
    assert calm.endswith(" $(CALM) -- \\")
    assert "$(APART:%=--ignore=%) $$each" in stacks
    assert "for each in $(STACKS)" in stacks
