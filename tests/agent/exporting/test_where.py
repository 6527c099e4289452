"""An export goes where people said, in their order; without their word wherever backups go."""

from __future__ import annotations

import msgspec
import pytest

from recovery.agent.backups.exporting.ordered import stores_for
from recovery.core.errors import Refused
from recovery.core.wire.backups import BackupSpec, StoreSpec
from tests.agent.databases.test_approved import order

STORES = tuple(StoreSpec(name=name, kind="folder", folder=f"/{name}") for name in "abc")
BACKUP = BackupSpec(key="k1", stores=STORES)


def chosen(*names: str) -> list[str]:
    asked = msgspec.structs.replace(order("export"), stores=names)
    return [one.name for one in stores_for(asked, BACKUP)]


def test_the_order_of_people_is_kept_and_nothing_else_is_tried() -> None:
    assert chosen("c", "a") == ["c", "a"]
    assert chosen("c", "gone") == ["c"]
    assert chosen() == ["a", "b", "c"], "as a plan of before had it"
    with pytest.raises(Refused, match="orders has no backups in gone, where people want it"):
        chosen("gone")
