"""Whose trouble a restore that failed was: only what says so itself is held against an archive."""

from __future__ import annotations

import pytest

from recovery.agent.backups.fetch import ArchiveFault, RestoreRefused, blamed
from recovery.agent.backups.ordered import ARCHIVE as TOLD
from recovery.agent.backups.ordered import _words
from recovery.core.archive import Refusal
from recovery.core.errors import TocsinError
from recovery.core.ports import EngineFailed
from recovery.restores.decide import ARCHIVE as HEARD


def refused(reason: str) -> RestoreRefused:
    return RestoreRefused(Refusal(reason, None, ()), "part-00000")


@pytest.mark.parametrize(
    ("error", "is_archive"),
    [
        (refused("part-00000 is altered"), True),
        (refused("host: backup b is PostgreSQL 15's"), False),
        (ArchiveFault("the restored database has no catalogue"), True),
        (EngineFailed("the restored server did not stop"), False),
        (TocsinError("words that nobody has thought of"), False),
        (OSError(28, "No space left on device"), False),
        (blamed("the restored server ended: FATAL: could not locate a valid checkpoint"), True),
        (blamed("the restored server ended: FATAL: could not map: Cannot allocate memory"), False),
        (blamed("host: the restored server could not write its log"), False),
    ],
)
def test_only_what_is_known_to_be_the_archives_fault_is_told_as_such(
    error: Exception, is_archive: bool
) -> None:
    assert _words(error).startswith(TOLD) is is_archive


def test_both_sides_say_it_with_one_word() -> None:
    assert TOLD == HEARD
