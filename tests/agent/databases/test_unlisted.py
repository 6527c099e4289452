"""A server that leads while its list does not say so. Told without a server."""

from __future__ import annotations

from recovery.agent.databases.decide import decide
from recovery.agent.databases.facts import Picture, Wait
from recovery.core.ports import ServerFacts
from recovery.core.wire import DatabaseSpec, Member


def test_a_server_that_leads_is_not_configured_to_follow_nobody() -> None:
    """Until the next list comes it waits; a list without a primary used to fail its configuring."""
    members = tuple(
        Member(replica=name, host=name, address="127.0.0.1", port=1, peer_port=2, role="standby")
        for name in ("a", "b")
    )
    spec = DatabaseSpec(
        replica="a",
        database="d",
        name="shop",
        engine="postgresql",
        version="18",
        role="standby",
        epoch=1,
        port=1,
        secret="s",
        members=members,
    )
    leads = Picture(
        spec=spec,
        role="primary",
        led=1,
        is_made=True,
        is_running=True,
        is_fresh=True,
        quarantined=False,
        seen=ServerFacts("primary", True, "18", "system", 1, 1),
    )
    assert isinstance(decide(leads), Wait)
