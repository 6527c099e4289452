"""A store that burnt with a second datacenter: what lies there is not counted on."""

from __future__ import annotations

import pytest

from recovery.backups import actions as backups
from recovery.backups.models import BackupReplica
from recovery.backups.reading import Look
from recovery.drp.queries.world import world
from recovery.inventory.models import Database
from tests.actions.brief.conftest import Town, reading
from tests.dashboard import fleet

pytestmark = pytest.mark.django_db


def test_a_copy_that_nobody_can_read_is_none_that_can_be_restored(town: Town) -> None:
    """wiki-pg has no standby."""
    wiki = Database.objects.get(name="wiki-pg")
    assert wiki.primary is not None
    home = wiki.primary.host.datacenter.name
    copies = BackupReplica.objects.filter(database__name="orders-pg").select_related("store")
    other = next(one.store for one in copies if home not in str(one.store).upper())
    copy = backups.assign_replica(
        database=wiki, number=2, store=other, actor=fleet.BY, reason="test", now=town.now
    )
    backups.see_archives([Look(copy.pk, town.now, reading(town.now, 9.0))])

    def is_restorable() -> bool:
        rows = {row.name: row for row in world(home, "OSU2").services}
        return rows["wiki-pg"].is_restorable

    assert is_restorable()
    backups.see_archives([Look(copy.pk, town.later(1), None, "connection refused")])
    assert not is_restorable()
