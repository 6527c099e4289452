"""The lab's stores become rows, and replicas lie more than 10 km apart."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from recovery.audit.facts import Actor
from recovery.audit.models import AuditEntry
from recovery.backups.models import BackupReplica, Store
from recovery.core.errors import BadConfiguration, Refused
from recovery.lab import layout
from recovery.lab.databases.rows import register_databases
from recovery.lab.load import load_lab
from recovery.lab.settings import LabSettings
from recovery.lab.stores.rows import register_stores
from recovery.lab.stores.secrets import Secrets
from recovery.own.folder import OwnFolder

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACTOR = Actor("command", "lab")
pytestmark = pytest.mark.django_db


def registered(folder: Path, text: str = "") -> int:
    file = folder / "lab.yaml"
    file.write_text(text or layout.SHIPPED.read_text())
    settings = LabSettings(folder / "lab", file, "127.33.0.0/16", (), "relay")
    loaded = layout.load(file)
    load_lab(loaded, settings, actor=ACTOR, now=NOW)
    register_databases(loaded.databases, range(8100, 8116), actor=ACTOR, now=NOW)
    return register_stores(loaded, settings, Secrets(settings.secrets), actor=ACTOR, now=NOW)


def seats() -> set[str]:
    rows = BackupReplica.objects.values_list("database__name", "number", "store__name")
    return {f"{database or 'Tocsin'}:{number} {store}" for database, number, store in rows}


def test_replica_1_lies_at_home_and_the_others_far_from_it_and_from_each_other(
    tmp_path: Path,
) -> None:
    registered(tmp_path)
    assert seats() == {
        "orders-pg:1 par1-store",
        "orders-pg:2 osu2-store",
        "orders-pg:3 mrs1-cloud",
        "sessions-valkey:1 par1-store",
        "sessions-valkey:2 osu2-store",
        "sessions-valkey:3 mrs1-cloud",
        "town-pg:1 osu2-store",
        "town-pg:2 mrs1-store",
        "town-pg:3 par1-cloud",
        "canteen-pg:1 osu2-store",
        "canteen-pg:2 mrs1-store",
        "canteen-pg:3 par1-cloud",
        "records-pg:1 mrs1-store",
        "records-pg:2 par1-store",
        "records-pg:3 osu2-cloud",
        "Tocsin:1 par1-store",
        "Tocsin:2 osu2-store",
        "Tocsin:3 mrs1-cloud",
    }
    assert set(OwnFolder(tmp_path).stores()) == {1, 2}, "the third is the provider's to take"
    store = Store.objects.get(name="osu2-store")
    assert store.address == "http://127.33.2.200:15900"
    assert store.credentials["access_key"] == "osu2-store-tocsin"
    assert store.credentials["secret_key"] not in store.sealed_secret


def entries() -> int:
    return AuditEntry.objects.filter(object_type__in=("store", "backup replica")).count()


def test_a_second_start_writes_nothing(tmp_path: Path) -> None:
    registered(tmp_path)
    before = entries()
    registered(tmp_path)
    assert entries() == before


def test_the_file_may_say_where_replicas_lie_and_what_lies_elsewhere_is_spared(
    tmp_path: Path,
) -> None:
    shipped = layout.SHIPPED.read_text()
    entry = "  - name: orders-pg\n"
    named = "    backups: [par1-store, mrs1-store, osu2-cloud]\n"
    registered(tmp_path, shipped.replace(entry, entry + named))
    wanted = {"orders-pg:1 par1-store", "orders-pg:2 mrs1-store", "orders-pg:3 osu2-cloud"}
    assert wanted <= seats()
    registered(tmp_path)
    assert wanted <= seats()


@pytest.mark.parametrize(("latitude", "is_refused"), [(49.0019, True), (49.0199, False)])
def test_sites_9_km_apart_are_refused_and_11_km_are_accepted(
    tmp_path: Path, latitude: float, is_refused: bool
) -> None:
    """Straight north of Saint-Denis (48.9210)."""
    text = layout.SHIPPED.read_text()
    entry = "  - name: orders-pg\n"
    text = text.replace("latitude: 49.0640", f"latitude: {latitude}")
    text = text.replace("longitude: 2.0610", "longitude: 2.3580")
    text = text.replace(entry, f"{entry}    backups: [par1-store, osu2-store]\n")
    if is_refused:
        with pytest.raises(Refused, match=r"9\.00 km apart"):
            registered(tmp_path, text)
    else:
        registered(tmp_path, text)
        assert "orders-pg:2 osu2-store" in seats()


def test_a_site_too_near_is_passed_over(tmp_path: Path) -> None:
    text = layout.SHIPPED.read_text()
    text = text.replace("latitude: 49.0640", "latitude: 49.0019")
    text = text.replace("longitude: 2.0610", "longitude: 2.3580")
    registered(tmp_path, text)
    assert {"orders-pg:1 par1-store", "orders-pg:2 mrs1-store"} <= seats()


def test_a_store_that_is_not_there_is_refused_with_its_line(tmp_path: Path) -> None:
    entry = "  - name: orders-pg\n"
    for named, said in (("[six-store]", "no store six-store"), ("[par1-store, par1-store]", "two")):
        (tmp_path / "lab.yaml").write_text(
            layout.SHIPPED.read_text().replace(entry, f"{entry}    backups: {named}\n")
        )
        with pytest.raises(BadConfiguration, match=rf"databases\.0\.backups.*{said}"):
            layout.load(tmp_path / "lab.yaml")
