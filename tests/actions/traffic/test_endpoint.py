"""The edge's endpoint: routes for the edge, a refusal for everybody else."""

from __future__ import annotations

from typing import Protocol

import pytest
from django.db import DatabaseError
from django.test import Client

from recovery.core.incarnations import recognise
from recovery.traffic import queries
from tests.support.fleet import BY, NOW


class Settings(Protocol):
    """pytest-django's `settings`, as far as it is used here."""

    TOCSIN_EDGE_SECRET: str


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("secret", "told", "status"),
    [("s3", "s3", 200), ("s3", "", 403), ("s3", "s4", 403), ("", "", 403)],
)
def test_only_the_edge_with_its_secret_gets_the_routes(
    client: Client, settings: Settings, secret: str, told: str, status: int
) -> None:
    settings.TOCSIN_EDGE_SECRET = secret
    headers = {"X-Tocsin-Edge": told} if told else {}
    assert client.get("/edge/routes", headers=headers).status_code == status


@pytest.mark.django_db
def test_unreadable_rows_are_an_error_and_not_an_empty_list(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise DatabaseError

    settings.TOCSIN_EDGE_SECRET = "s3"
    monkeypatch.setattr(queries, "edge_configuration", away)
    assert client.get("/edge/routes", headers={"X-Tocsin-Edge": "s3"}).status_code == 503


@pytest.mark.django_db
def test_rows_in_doubt_lead_nobody_and_the_edge_keeps_what_it_has(
    client: Client, settings: Settings
) -> None:
    settings.TOCSIN_EDGE_SECRET = "s3"
    recognise(ahead="", actor=BY, now=NOW)
    recognise(ahead="An agent knows more.", actor=BY, now=NOW)
    answer = client.get("/edge/routes", headers={"X-Tocsin-Edge": "s3"})
    assert (answer.status_code, answer.json()) == (503, {"said": "The rows are in doubt."})
