"""The lab's file becomes rows, once, with a token for each host that has not enrolled."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from recovery.audit.facts import Actor
from recovery.inventory.actions import enrol_host
from recovery.inventory.models import Application, Container, Host
from recovery.lab import layout
from recovery.lab.load import load_lab
from recovery.lab.settings import LabSettings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACTOR = Actor("command", "lab")


@pytest.mark.django_db
def test_loading_twice_changes_nothing_and_spares_enrolled_hosts(tmp_path: Path) -> None:
    settings = LabSettings(tmp_path / "lab", layout.SHIPPED, "", (), "relay")
    shipped = layout.load()
    hosts = [host.name for host in shipped.hosts()]
    assert load_lab(shipped, settings, actor=ACTOR, now=NOW) == len(hosts)
    assert sorted(Host.objects.values_list("name", flat=True)) == sorted(hosts)
    assert Container.objects.count() == sum(a.containers for a in shipped.applications)
    token = settings.token_file(hosts[0])
    assert token.stat().st_mode & 0o777 == 0o600
    enrol_host(name=hosts[0], token=token.read_text(), public_key="key", now=NOW)
    assert load_lab(shipped, settings, actor=ACTOR, now=NOW) == len(hosts) - 1
    assert Application.objects.count() == len(shipped.applications)
