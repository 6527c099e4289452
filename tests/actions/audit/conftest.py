"""Rows that are really committed, on a server where nobody else's transactions are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from tests.support.databases import Database


@pytest.fixture
def rows(quiet_database: Database) -> Iterator[Database]:
    yield quiet_database
    connection.close()
