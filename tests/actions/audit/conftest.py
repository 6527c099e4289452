"""Rows that are really committed, on a server where nobody else's transactions are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from tests.support.databases import Database, django_on


@pytest.fixture
def rows(quiet_database: Database) -> Iterator[Database]:
    """Reached as the sealer, which may all that the application may."""
    with django_on(quiet_database, url=quiet_database.sealer_url):
        yield quiet_database
        connection.close()
