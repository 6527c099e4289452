"""What a quote says of stores that are not read."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F

from dashboard.panels import draw
from dashboard.permissions import Role
from dashboard.screen import Screen
from recovery.backups.models import ArchiveSight
from recovery.core import clock
from recovery.inventory.models import Host
from tests.dashboard import bases
from tests.dashboard.archives import seed_backups


def test_a_quote_of_what_is_not_read_says_at_most_and_since_when_before_it_is_opened(
    hosts: dict[str, Host],
) -> None:
    now = clock.system.now()
    seed_backups(bases.seed_bases(hosts, now), now)
    ArchiveSight.objects.update(
        error="s3: no answer in 5 s.", read_at=F("looked_at") - timedelta(minutes=2)
    )
    since = ArchiveSight.objects.filter(replica__store__name="s3-par1").first()
    assert since is not None
    assert since.read_at is not None
    for said in (draw("backups-loss", Screen(Role.VIEWER)), draw("forecast", Screen(Role.VIEWER))):
        shown = said.split("<details")[0]
        assert "at most <b><time" in shown
        assert f"not read since {since.read_at:%H:%M:%S}" in shown
        assert 'href="#unknown"' in shown
