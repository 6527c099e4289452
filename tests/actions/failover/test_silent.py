"""A server that runs and misses a look: by the rows, as the leading controller reads them."""

from __future__ import annotations

import pytest

from recovery.failover.models import Failover
from tests.actions.failover.agents import Play, Server, settled

pytestmark = pytest.mark.django_db


@pytest.fixture
def play() -> Play:
    return settled()


def miss(server: Server, seconds: float) -> None:
    """As its agent tells it (`agent.databases.sights.Silence`)."""
    looks = round(seconds / 2)
    server.server, server.silent = "down", seconds
    times = "look" if looks == 1 else "looks in a row"
    said = f"{seconds:.1f} s ({looks} {times})"
    server.detail = f"its process runs, and it has not answered for {said}"


def test_nothing_begins_before_three_looks_in_a_row_went_unanswered(play: Play) -> None:
    """What began a restart after 2.0 s: the agent's word was judged, not the row's."""
    server = play.servers[play.pair.primary.pk]
    for seconds in (2.0, 4.0):
        miss(server, seconds)
        play.tick()
        assert not Failover.objects.exists()
    server.server, server.silent, server.detail = "running", 0.0, ""
    play.tick()
    assert not Failover.objects.exists()
    assert play.database.state == "serving"
    miss(server, 6.0)
    play.tick()
    assert "6.0 s (3 looks in a row)" in Failover.objects.get().cause
