"""A small fleet with people, and clients that are signed in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dashboard.pulse import Pulse
from recovery.core import clock
from recovery.inventory.models import Host
from tests.dashboard import fleet
from tests.scenes import scene

SignIn = Callable[[str], Client]


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody watches: these tests run no controller."""
    monkeypatch.setattr(Pulse, "is_watched", lambda self, now: True)


@pytest.fixture
def hosts(db: None) -> dict[str, Host]:
    return demo()


@scene
def demo() -> dict[str, Host]:
    now = clock.system.now()
    fleet.seed_people(now)
    return fleet.seed_demo(now)


@pytest.fixture
def sign_in(hosts: dict[str, Host]) -> SignIn:
    def signed_in(role: str) -> Client:
        client = Client()
        client.force_login(User.objects.get(username=role))
        return client

    return signed_in
