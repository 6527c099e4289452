"""A store that burnt with a second datacenter: what lies there is not counted on."""

from __future__ import annotations

import pytest

from recovery.backups import actions as backups
from recovery.backups.models import BackupReplica
from recovery.backups.reading import Look
from recovery.drp.queries.world import world
from recovery.inventory.models import Database
from tests.actions.brief.conftest import Town

pytestmark = pytest.mark.django_db


def test_a_copy_that_nobody_can_read_is_none_that_can_be_restored(town: Town) -> None:
    wiki = Database.objects.get(name="wiki-pg")
    copy = BackupReplica.objects.get(database=wiki)
    home = wiki.primary.host.datacenter.name  # type: ignore[union-attr]  # it has one

    def is_restorable() -> bool:
        rows = {row.name: row for row in world(home, "OSU2").services}
        return rows["wiki-pg"].is_restorable

    assert is_restorable()
    backups.see_archives([Look(copy.pk, town.later(1), None, "connection refused")])
    assert not is_restorable()
