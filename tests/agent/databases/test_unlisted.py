"""A server that leads while its list does not say so. Told without a server."""

from __future__ import annotations

from typing import Literal

import pytest

from recovery.agent.databases.decide import decide
from recovery.agent.databases.facts import Picture, Wait
from recovery.core.ports import ServerFacts
from recovery.core.wire import DatabaseSpec, Member


def told(says: Literal["primary", "standby"]) -> Picture:
    """What one of two standbys in a list without a primary says of itself."""
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
    return Picture(
        spec=spec,
        role=says,
        led=1,
        is_made=True,
        is_running=True,
        is_fresh=True,
        quarantined=False,
        seen=ServerFacts(says, True, "18", "system", 1, 1),
    )


@pytest.mark.parametrize("says", ["primary", "standby"])
def test_without_a_primary_in_its_list_a_server_is_not_configured_to_follow(
    says: Literal["primary", "standby"],
) -> None:
    """It waits for the next list; configuring failed on a list that names nobody to follow."""
    found = decide(told(says))
    assert isinstance(found, Wait)
    assert "waits for the next" in found.reason
