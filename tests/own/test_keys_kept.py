"""What is said of the stores that Tocsin's keys are to lie in."""

from __future__ import annotations

from pathlib import Path

import pytest

from recovery.core.errors import TocsinError
from recovery.core.ports import StoreAway, StoreRefused
from recovery.engines.state import State
from recovery.own import bundle
from recovery.own.folder import OwnFolder
from recovery.own.keeping import KeysKept
from recovery.own.words import UNKNOWN
from tests.support.archives import MemoryStore


@pytest.mark.parametrize(
    ("error", "is_unknown"),
    [(StoreAway("par1-store: no answer in 20 s."), True), (StoreRefused("no bucket"), False)],
)
async def test_a_store_that_cannot_be_asked_is_not_told_as_one_without_the_keys(
    tmp_path: Path, error: TocsinError, is_unknown: bool
) -> None:
    folder = OwnFolder(tmp_path)
    folder.recovery.parent.mkdir(parents=True, exist_ok=True)
    folder.recovery.write_text(bundle.make_recovery_key()[1])
    said = await KeysKept(State(tmp_path), folder, [MemoryStore("par1-store", error=error)])._keep()
    assert said.startswith(UNKNOWN) is is_unknown
    assert str(error) in said
