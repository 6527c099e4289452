"""A run with its runbook and people, and clients that are signed in."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from tests.actions.drp.ground import Ground, make_ground
from tests.dashboard.fleet import plain

Enter = Callable[[str], Client]


@pytest.fixture
def ground(db: None, tmp_path: Path) -> Iterator[Ground]:
    pins, key = tmp_path / "approvers.json", tmp_path / "report-key"
    with override_settings(TOCSIN_PINS=str(pins), TOCSIN_REPORT_KEY_FILE=str(key)):
        yield make_ground(pins)


@pytest.fixture
def enter(ground: Ground) -> Enter:
    def entered(who: str) -> Client:
        client = Client()
        client.force_login(User.objects.get(username=who))
        return client

    return entered


def text(answer: Any) -> str:
    return plain(html.unescape(answer.content.decode()))
