"""The lab's databases become rows: once, with the doors that their users know."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from recovery.audit.facts import Actor
from recovery.core.errors import BadConfiguration, Refused
from recovery.inventory.models import Database, Replica
from recovery.lab import layout
from recovery.lab.databases.rows import register_databases
from recovery.lab.load import load_lab
from recovery.lab.settings import LabSettings

NOW = datetime(2026, 5, 5, tzinfo=UTC)
BY = Actor("command", "lab")


@pytest.fixture
def shipped(db: None, tmp_path: Path) -> layout.Layout:
    """The shipped file with its hosts registered."""
    file = layout.load()
    settings = LabSettings(tmp_path / "lab", layout.SHIPPED, "127.29.0.0/16", (), "relay")
    load_lab(file, settings, actor=BY, now=NOW)
    return file


def test_each_database_has_its_replicas_and_a_door_of_its_own(shipped: layout.Layout) -> None:
    assert register_databases(shipped.databases, range(8100, 8116), actor=BY, now=NOW) == 5
    doors = Database.objects.order_by("edge_port").values_list("edge_port", flat=True)
    assert list(doors) == [8100, 8101, 8102, 8103, 8104]
    for entry in shipped.databases:
        rows = Replica.objects.filter(database__name=entry.name).order_by("number")
        assert [row.host.name for row in rows] == entry.members
        assert [row.role for row in rows if row.role == "primary"] == ["primary"]
        assert Database.objects.get(name=entry.name).primary == rows[0]


def test_a_second_start_changes_no_door(shipped: layout.Layout) -> None:
    register_databases(shipped.databases, range(8100, 8116), actor=BY, now=NOW)
    before = dict(Database.objects.values_list("name", "edge_port"))
    register_databases(reversed(shipped.databases), range(8100, 8116), actor=BY, now=NOW)
    assert dict(Database.objects.values_list("name", "edge_port")) == before


def test_too_few_doors_are_said_with_the_setting(shipped: layout.Layout) -> None:
    with pytest.raises(BadConfiguration, match="TOCSIN_DATABASE_PORTS"):
        register_databases(shipped.databases, range(8100, 8102), actor=BY, now=NOW)


def test_a_profile_whose_inequality_fails_is_refused_with_the_inequality(
    shipped: layout.Layout,
) -> None:
    fast = next(one for one in shipped.databases if one.profile == "fast")
    bare = fast.model_copy(update={"accept_unproven_renewal_gaps": ""})
    with pytest.raises(Refused, match=r"longest renewal gap < L/2 = 3 s is not shown"):
        register_databases([bare], range(8100, 8116), actor=BY, now=NOW)
    assert not Database.objects.exists()
