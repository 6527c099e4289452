"""The page of the lab."""

from __future__ import annotations

import pytest

from dashboard import lab
from dashboard.panels import draw
from dashboard.permissions import Role
from dashboard.screen import Screen
from recovery.inventory.models import Host


def test_the_buttons_of_the_lab_say_their_verbs_whole(
    hosts: dict[str, Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab, "is_running", lambda: True)
    html = draw("lab", Screen(Role.RESPONDER))
    for said in ("Cut off", "Kill the agent", "Lose"):
        assert f">{said}<span" in html
