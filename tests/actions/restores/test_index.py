"""The leader asks for the orders of each restore several times a second: never by a scan."""

from __future__ import annotations

import pytest
from django.db import connection

from recovery.operations.queries import about_restore

pytestmark = pytest.mark.django_db


def test_the_orders_of_a_restore_are_found_by_an_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "operations_of_restore" in about_restore("some").explain()
