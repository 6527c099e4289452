"""A clone holds what it needs, and nothing of the machine that it was written on."""

from __future__ import annotations

import re

from tests.architecture.sources import ROOT, tracked_files

MACHINE = re.compile(r"/(?:work|root)/|index-u" + r"rl|--extra-ind" + r"ex|find-l" + r"inks\s*=")
MAY_NAME_OPTIONS = {"Makefile"}
TEXT = {".py", ".txt", ".in", ".toml", ".md", ".sh", ".html", ".css", ".js", ".json", ".yaml", ""}


def test_no_path_or_registry_of_a_machine_is_in_the_tree() -> None:
    found = []
    for path in tracked_files():
        if path.suffix not in TEXT or "vendor" in path.parts or path.name in MAY_NAME_OPTIONS:
            continue
        if MACHINE.search((ROOT / path).read_text(errors="replace")):
            found.append(str(path))
    assert found == []


def test_every_locked_package_has_hashes_and_no_address() -> None:
    for name in ("base", "dev"):
        lock = (ROOT / "requirements" / f"{name}.txt").read_text()
        pins = re.findall(r"^[a-z0-9][\w.-]*(?:\[[^\]]*\])?==", lock, flags=re.MULTILINE)
        hashed = re.findall(r"^[a-z0-9][^\n]*\\\n +--hash=sha256:", lock, flags=re.MULTILINE)
        assert len(pins) > 20
        assert len(pins) == len(hashed)
        assert "://" not in lock


def test_the_front_door_is_there() -> None:
    for name in ("README.md", "LICENSE", "CHANGELOG.md", "Makefile", ".ci/run", "manage.py"):
        assert (ROOT / name).is_file()
