"""What would fit is known beforehand, and never waited for."""

from __future__ import annotations

import asyncio

import pytest

from recovery.controller import foresight
from recovery.controller.foresight import Foresight, rack_fits
from recovery.core.clock import system
from recovery.inventory.models import Container
from tests.support.databases import Database
from tests.support.fleet import NOW, make_application, make_fleet, seat
from tests.support.waiting import until


@pytest.mark.django_db
def test_a_rack_fits_elsewhere_while_there_is_room_for_all_that_it_holds() -> None:
    fleet = make_fleet(copies=1)
    seat(Container.objects.get(), fleet.hosts["par1-r1-h1"])
    assert set(rack_fits(NOW).values()) == {True}
    everywhere = make_application("everywhere", copies=len(fleet.hosts))
    for container, host in zip(everywhere.containers.all(), fleet.hosts.values(), strict=True):
        seat(container, host, port=9001)
    assert set(rack_fits(NOW).values()) == {False}


async def test_only_the_leader_looks_ahead(
    fresh_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(make_fleet)
    monkeypatch.setattr(foresight, "STANDBY_SECONDS", 0.01)
    ahead, leads = Foresight(system), False
    looking = asyncio.create_task(ahead.run(lambda: leads))
    await asyncio.sleep(0.1)
    assert ahead.fits == {}
    leads = True
    await until(lambda: ahead.fits)
    looking.cancel()
    assert len(ahead.fits) == 6
