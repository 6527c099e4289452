"""What a description of databases writes, and what it never may."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db import IntegrityError, transaction

from recovery.audit.models import AuditEntry
from recovery.core import transitions
from recovery.core.errors import Refused
from recovery.inventory import actions
from recovery.inventory.facts import DatabaseDescription, Durability, Plan, Profile, Role
from recovery.inventory.models import Database, Epoch, Replica, ReplicaSight
from tests.actions.failover.fleet import copy, describe, make_pair
from tests.support.fleet import BY, NOW, make_fleet

pytestmark = pytest.mark.django_db


def test_a_description_is_written_once_and_its_first_primary_leads_epoch_one() -> None:
    pair = make_pair()
    again = make_pair()
    assert Database.objects.count() == 1
    assert Replica.objects.count() == 2
    assert again.database.version == pair.database.version
    assert pair.database.primary == pair.primary
    assert list(Epoch.objects.values_list("number", "replica")) == [(1, pair.primary.pk)]


def test_its_secret_is_in_no_entry_of_the_log() -> None:
    database = make_pair().database
    assert len(database.secret) == 64
    assert not AuditEntry.objects.filter(body__icontains=database.secret).exists()
    entry = AuditEntry.objects.filter(object_type="database").earliest("pk")
    assert entry.body["after"]["sealed_secret"] == "redacted"


def test_a_starter_database_has_no_standby_and_is_never_synchronous() -> None:
    hosts = make_fleet().hosts
    with pytest.raises(Refused, match="no standby to be synchronous"):
        describe("notes", plan=Plan.STARTER)
    starter = describe(
        "notes", plan=Plan.STARTER, durability=Durability.ASYNCHRONOUS, profile=Profile.STANDARD
    )
    copy(starter, hosts["par1-r1-h1"], 1, Role.PRIMARY)
    with pytest.raises(Refused, match="it has no standby"):
        copy(starter, hosts["par1-r2-h1"], 2, Role.STANDBY)


def test_the_fast_profile_is_refused_until_its_gaps_are_proven_or_somebody_accepts_them() -> None:
    make_pair()
    row = Database.objects.get()
    with pytest.raises(Refused, match="7 days of renewal gaps"):
        actions.register_database(
            description=DatabaseDescription(
                name="other",
                engine="postgresql",
                plan=Plan.BUSINESS,
                durability=Durability.SYNCHRONOUS,
                profile=Profile.FAST,
                port=15440,
            ),
            datacenter=row.datacenter,
            actor=BY,
            reason="test",
            now=NOW,
        )
    assert row.unproven_gaps_by == "tests"


def test_a_primary_belongs_where_its_database_does_and_a_description_moves_nothing() -> None:
    pair = make_pair()
    other = describe("other", port=15433)
    with pytest.raises(Refused, match="not in PAR1"):
        copy(other, pair.hosts["mrs1-r1-h1"], 1, Role.PRIMARY)
    with pytest.raises(Refused, match="does not move it"):
        copy(pair.database, pair.hosts["osu2-r1-h1"], 2, Role.STANDBY)
    with pytest.raises(Refused, match="does not make it valkey"):
        describe("orders", engine="valkey")


def test_a_description_changes_neither_the_lease_that_a_primary_lives_by_nor_its_durability() -> (
    None
):
    """Its holder may be cut off with a lease of the old length, longer than the new one."""
    make_pair()
    with pytest.raises(Refused, match="is profile fast, and a description does not make it stand"):
        describe("orders", profile=Profile.STANDARD)
    with pytest.raises(Refused, match="is durability synchronous"):
        describe("orders", durability=Durability.ASYNCHRONOUS)
    row = Database.objects.get()
    assert (row.profile, row.durability) == ("fast", "synchronous")


def test_two_primaries_and_two_copies_on_one_host_cannot_be_written() -> None:
    pair = make_pair()
    with pytest.raises(IntegrityError), transaction.atomic():
        transitions.amend(
            pair.standby,
            {"role": Role.PRIMARY},
            action="forced",
            actor=BY,
            reason="test",
            now=NOW,
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        copy(pair.database, pair.hosts["par1-r2-h1"], 3, Role.STANDBY)


def test_a_sight_is_overwritten_and_counts_how_often_it_was_heard() -> None:
    pair = make_pair()
    fact = {"state": "running", "role": "primary", "epoch": 1, "is_writable": True, "position": 7}
    seen: dict[UUID, dict[str, object]] = {pair.primary.pk: {**fact}}
    actions.see_replicas(seen=seen, now=NOW)
    actions.see_replicas(seen={pair.primary.pk: {**fact, "position": 9}}, now=NOW)
    sight = ReplicaSight.objects.get()
    assert (sight.heard, sight.position, sight.is_writable) == (2, 9, True)


def test_a_server_that_runs_is_down_only_after_three_looks_without_an_answer() -> None:
    pair = make_pair()
    fact = {"state": "down", "role": "primary", "epoch": 1, "is_writable": False, "position": 7}
    for silent, state in ((1, "silent"), (5999, "silent"), (6000, "down"), (0, "down")):
        actions.see_replicas(seen={pair.primary.pk: {**fact, "silent_ms": silent}}, now=NOW)
        assert ReplicaSight.objects.get().state == state
    actions.see_replicas(seen={pair.primary.pk: fact}, now=NOW)
    assert ReplicaSight.objects.get().state == "down", "an agent of an older version"


def test_a_server_that_fell_silent_is_known_by_its_last_word() -> None:
    """Its successor is chosen by that: whose copy it is, how far it was, who followed it."""
    pair = make_pair()
    word = {"version": "18.6", "system": "7", "timeline": 2, "settings": {"fsync": 1.0}}
    word |= {"standbys": [{"replica": "b"}]}
    up = {"state": "running", "role": "primary", "epoch": 3, "is_writable": True, "position": 9}
    silent = {"version": "", "system": "", "timeline": 0, "standbys": [], "settings": {}}
    down = {"state": "down", "role": "primary", "epoch": 4, "is_writable": False, "position": 0}
    actions.see_replicas(seen={pair.primary.pk: up | word}, now=NOW)
    actions.see_replicas(seen={pair.primary.pk: down | silent}, now=NOW)
    actions.see_replicas(seen={pair.primary.pk: down | silent}, now=NOW)
    sight = ReplicaSight.objects.get()
    assert (sight.state, sight.position, sight.epoch, sight.is_writable) == ("down", 9, 4, False)
    assert sight.fact == down | word | {"position": 9, "epoch": 3}
    again = {**up, **word, "timeline": 3, "position": 11}
    actions.see_replicas(seen={pair.primary.pk: again}, now=NOW)
    sight.refresh_from_db()
    assert (sight.fact, sight.position) == (again, 11)
    actions.see_replicas(seen={pair.primary.pk: down | silent | {"state": "absent"}}, now=NOW)
    sight.refresh_from_db()
    assert (sight.position, sight.fact["system"]) == (0, "")
