"""What the objects of log entries are called: one query a kind of object, whatever their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Model

from recovery.alarms.models import Alarm, Channel
from recovery.audit.screens import EntryView
from recovery.backups.models import BackupReplica, Proof, Store
from recovery.brief.models import Decision, ProviderWord
from recovery.detection.models import Situation
from recovery.drp.models import Run, RunbookVersion
from recovery.drp.reports.models import Report, ReportFinding
from recovery.incidents.models import Incident
from recovery.inventory.models import (
    Application,
    Container,
    Datacenter,
    FailureDomain,
    Host,
    Placement,
)
from recovery.operations.models import Operation
from recovery.scheduling.models import Hold, Release

SEAT = ("container__application", "host")
KINDS: Mapping[str, tuple[type[Model], tuple[str, ...], tuple[str, ...]]] = {
    Alarm.TYPE: (Alarm, (), ()),
    Application.TYPE: (Application, (), ()),
    BackupReplica.TYPE: (BackupReplica, ("database",), ()),
    Channel.TYPE: (Channel, (), ()),
    Container.TYPE: (Container, ("application",), ()),
    Datacenter.TYPE: (Datacenter, (), ()),
    Decision.TYPE: (Decision, (), ()),
    FailureDomain.TYPE: (FailureDomain, (), ()),
    Hold.TYPE: (Hold, ("container__application",), ("container",)),
    Host.TYPE: (Host, (), ()),
    Incident.TYPE: (Incident, (), ()),
    Operation.TYPE: (
        Operation,
        (*(f"placement__{one}" for one in SEAT), "replica__database"),
        ("placement", "replica"),
    ),
    Placement.TYPE: (Placement, SEAT, ()),
    ProviderWord.TYPE: (ProviderWord, ("datacenter",), ()),
    Proof.TYPE: (Proof, ("replica__database",), ()),
    Report.TYPE: (Report, ("run",), ()),
    ReportFinding.TYPE: (ReportFinding, ("run",), ()),
    Run.TYPE: (Run, (), ()),
    RunbookVersion.TYPE: (RunbookVersion, (), ()),
    Release.TYPE: (Release, tuple(f"placement__{one}" for one in SEAT), ("placement",)),
    Situation.TYPE: (Situation, (), ()),
    Store.TYPE: (Store, (), ()),
}
"""Model, what its name needs, and what carries the name where it is not itself (the first that it
has)."""


def name_objects(entries: Iterable[EntryView]) -> dict[tuple[str, str], str]:
    """(type, id) → name, of the objects and of the agents that acted. Unknown: the id itself."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        wanted[entry.object_type].add(entry.object_id)
        if entry.actor_type == "agent":
            wanted[Host.TYPE].add(entry.actor)
    found: dict[tuple[str, str], str] = {}
    for kind, ids in wanted.items():
        found |= {(kind, one): one for one in ids}
        if kind in KINDS:
            found |= {(kind, one): name for one, name in _names(kind, ids).items()}
    return found


def _names(kind: str, ids: set[str]) -> dict[str, str]:
    model, related, carriers = KINDS[kind]
    keys = {key: one for one in ids if (key := _uuid(one)) is not None}
    rows: Any = model._default_manager.filter(pk__in=list(keys))
    if related:
        rows = rows.select_related(*related)
    return {keys[row.pk]: _name(row, carriers) for row in rows}


def _name(row: Model, carriers: tuple[str, ...]) -> str:
    """An operation is about a placement or about a copy of a database."""
    found = (getattr(row, one) for one in carriers)
    return str(next((one for one in found if one is not None), row))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
