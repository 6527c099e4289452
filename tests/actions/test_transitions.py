"""The one door, its log, and what the database itself refuses."""

from __future__ import annotations

import pytest
from django.db import Error, connection, transaction
from pytest_django import DjangoAssertNumQueries

from recovery.audit.facts import redact
from recovery.audit.models import AuditEntry
from recovery.core import transitions
from recovery.core.errors import Conflict, Refused
from recovery.inventory.facts import Verdict
from recovery.inventory.models import Container, Host, Placement
from tests.support.fleet import BY, NOW, lose, make_fleet, seat

pytestmark = pytest.mark.django_db


def entries_of(row: Host | Placement) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(object_id=str(row.pk)).order_by("id"))


def test_every_change_has_one_entry_with_before_and_after() -> None:
    host = make_fleet().hosts["par1-r1-h1"]
    lost = lose(host)
    last = entries_of(lost)[-1]
    assert len(entries_of(lost)) == lost.version
    assert last.object_version == lost.version
    assert last.body["before"] == {"verdict": "alive"}
    assert last.body["after"] == {"verdict": "lost"}
    assert last.body["actor"] == {"type": "command", "id": "tests"}


def test_who_comes_second_gets_a_conflict_and_writes_nothing() -> None:
    host = make_fleet().hosts["par1-r1-h1"]
    seen = Host.objects.get(pk=host.pk)
    lose(host)
    with pytest.raises(Conflict, match="somebody was first"):
        lose(seen)
    assert len(entries_of(host)) == Host.objects.get(pk=host.pk).version


def test_a_move_that_the_table_does_not_have_is_refused() -> None:
    fleet = make_fleet()
    placement = seat(Container.objects.all()[0], fleet.hosts["par1-r1-h1"])
    with pytest.raises(Refused, match="cannot go from running to planned"):
        transitions.move(placement, "planned", actor=BY, reason="back", now=NOW)


def test_many_rows_move_in_the_same_number_of_statements_as_one(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    hosts = list(make_fleet(per_site=8).hosts.values())
    with django_assert_num_queries(5):  # savepoint, lock, append, update, release
        moved = transitions.move_many(
            Host,
            {host.pk: {"verdict_reason": host.name} for host in hosts},
            Verdict.LOST,
            actor=BY,
            reason="fire",
            now=NOW,
        )
    assert {host.verdict for host in moved} == {"alive"}
    assert set(Host.objects.values_list("verdict", flat=True)) == {"lost"}
    assert Host.objects.get(pk=hosts[3].pk).verdict_reason == hosts[3].name


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE inventory_host SET verdict = 'lost'",
        "UPDATE inventory_host SET verdict = 'lost', version = version + 1",
        "UPDATE inventory_placement SET port = 1",
        "DELETE FROM inventory_placement",
        "UPDATE audit_entry SET body = '{}'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "INSERT INTO audit_entry (object_type, object_id, object_version, body)"
        " VALUES ('host', 'x', 1, '{}')",
        "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
        "ALTER TABLE inventory_host DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "SELECT audit_guard_table('inventory_host', 'x')",
    ],
)
def test_the_database_refuses_every_way_past_the_door(sql: str) -> None:
    fleet = make_fleet()
    seat(Container.objects.all()[0], fleet.hosts["par1-r1-h1"])
    with pytest.raises(Error), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_an_update_through_the_orm_without_an_entry_is_refused() -> None:
    host = make_fleet().hosts["par1-r1-h1"]
    host.verdict = Verdict.LOST
    with pytest.raises(Error, match="without an audit entry"), transaction.atomic():
        host.save()


def test_secrets_never_reach_the_log() -> None:
    written = redact({"name": "x", "secret_address": "hunter2", "deep": [{"api_token": "hunter2"}]})
    assert "hunter2" not in str(written)
    assert written["name"] == "x"


def test_two_seats_of_one_application_never_share_a_host() -> None:
    fleet = make_fleet()
    first, second = Container.objects.all()[:2]
    seat(first, fleet.hosts["par1-r1-h1"])
    with pytest.raises(Error, match="one_seat_per_application_and_host"), transaction.atomic():
        seat(second, fleet.hosts["par1-r1-h1"], port=9001, state="planned")
