"""What users of each service saw in the time of a run: gaps, losses, what is still out."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.dateparse import parse_datetime

from recovery.drp.facts import ActState, Mode
from recovery.drp.models import Act, Run
from recovery.drp.plan import Plan
from recovery.drp.reports import facts
from recovery.drp.reports.facts import EventFact, GapFact, LossFact, TargetFact
from recovery.drp.runbooks.covers import Covers
from recovery.failover.models import Failover
from recovery.incidents.facts import IncidentState
from recovery.incidents.flapping import OPENED, Spell
from recovery.incidents.models import Incident
from recovery.incidents.queries import spells_of
from recovery.inventory.facts import Plan as DatabasePlan
from recovery.inventory.models import Application, Database, WriteGap, WriteProbe
from recovery.restores.facts import Phase
from recovery.restores.models import Restore
from recovery.restores.telling import left_by
from recovery.traffic.models import Outage, Pulse

STALE = timedelta(seconds=10)
"""The word of a user who writes or asks all the time, older than this, says nothing about now."""
SERVICES = ("database", "application")
_ROW = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Window:
    """The time that a run is measured in: from the loss, else from its start, to its end. A run
    that was never started has none."""

    lost_at: datetime | None
    started_at: datetime | None
    ended_at: datetime

    @property
    def begin(self) -> datetime | None:
        if self.started_at is None:
            return None
        return min(self.started_at, self.lost_at or self.started_at)


def lost_at_of(run: Run, fact: facts.RunFact) -> datetime | None:
    """When the datacenter fell silent, as its incident has it, else as was shown to who decided:
    two that are lost at once may be one incident. Of a drill nothing was lost."""
    if run.mode not in {Mode.DISASTER, Mode.PLANNED}:
        return None
    upto = fact.started_at or fact.requested_at
    found = Incident.objects.filter(domain=f"datacenter:{run.lost}", happened_at__lte=upto)
    still = Q(resolved_at=None) | Q(resolved_at__gt=fact.requested_at)
    rows = found.filter(still).order_by("-happened_at").values_list("happened_at", flat=True)
    return rows.first() or shown_lost_at(run)


def shown_lost_at(run: Run) -> datetime | None:
    """When what it recovers was lost, as its decision has it."""
    if run.decision is None:
        return None
    return parse_datetime(json.loads(run.decision.shown).get("lost_at") or "")


def targets_of(
    plan: Plan, acts: Mapping[str, Sequence[Act]], window: Window
) -> tuple[TargetFact, ...]:
    """Each service that the plan takes, or leaves out, once."""
    names: dict[str, str] = {}
    for step in plan.steps:
        for wave in step.waves:
            names |= {one.key: one.name for one in wave if one.type in SERVICES}
    left: dict[str, str] = {}
    for out in plan.left_out:
        if out.target.type in SERVICES and out.target.key not in left:
            left[out.target.key] = out.reason
            names.setdefault(out.target.key, out.target.name)
    seen = _databases(_ids(names, "database"), window) | _applications(
        _ids(names, "application"), window
    )
    return tuple(
        _target(key, name, left.get(key, ""), acts.get(key, ()), seen.get(key, {}))
        for key, name in names.items()
    )


def _ids(keys: Iterable[str], kind: str) -> list[UUID]:
    """Those that are rows of ours: a drill's own targets may be named otherwise."""
    pairs = [key.partition(":") for key in keys]
    return [UUID(id) for type_, _, id in pairs if type_ == kind and _ROW.fullmatch(id)]


def _target(
    key: str, name: str, left: str, acts: Sequence[Act], seen: Mapping[str, Any]
) -> TargetFact:
    bad = [act for act in acts if act.state in {ActState.FAILED, ActState.UNKNOWN}]
    steps = {act.step_id for act in acts if act.state == ActState.DONE}
    open_ = [act for act in bad if act.step_id not in steps]
    failed = f"{open_[-1].step.name} ended {open_[-1].state}: {open_[-1].said}" if open_ else ""
    kind = key.partition(":")[0]
    known = {"covers": None, **seen}
    return TargetFact(key, kind, name, left_out=left, failed=failed, **known)


def _databases(keys: Sequence[UUID], window: Window) -> dict[str, dict[str, Any]]:
    rows = Database.objects.filter(pk__in=keys).values_list("pk", "plan")
    found: dict[str, dict[str, Any]] = {
        f"database:{pk}": {
            "covers": Covers.BUSINESS_DATABASES
            if plan == DatabasePlan.BUSINESS
            else Covers.STARTER_DATABASES
        }
        for pk, plan in rows
    }
    if window.begin is None:
        return found
    gaps: dict[UUID, list[GapFact]] = defaultdict(list)
    inside = WriteGap.objects.filter(
        database__in=keys, first_after__gte=window.begin, last_before__lte=window.ended_at
    )
    for row in inside.order_by("last_before"):
        gaps[row.database_id].append(GapFact(row.last_before, row.first_after, row.lost))
    probes = {row.database_id: row for row in WriteProbe.objects.filter(database__in=keys)}
    for pk in (UUID(key.partition(":")[2]) for key in found):
        probe = probes.get(pk)
        found[f"database:{pk}"] |= {
            "gaps": tuple(gaps.get(pk, ())),
            "is_measured": probe is not None
            and probe.last_ack_at is not None
            and _is_watched(probe.since, probe.at, window),
            "out_since": (probe.last_ack_at or probe.failing_since)
            if probe is not None and probe.failing_since is not None
            else None,
        }
    _add_losses(found, keys, window)
    return found


def _add_losses(found: dict[str, dict[str, Any]], keys: Sequence[UUID], window: Window) -> None:
    for row in _failovers(keys, window).filter(promoted_at__isnull=False).order_by("number"):
        bound = row.loss.get("bound")
        loss = LossFact(str(row.loss.get("said", "")), None if bound is None else float(bound))
        found[f"database:{row.database_id}"]["loss"] = loss if row.loss else None
    done = list(_restores(keys, window).filter(phase=Phase.DONE).order_by("number"))
    left = left_by([restore.pk for restore in done])
    for restore in done:
        found[f"database:{restore.database_id}"] |= {
            "restored": True,
            "recovered_to": restore.recovered_to,
            "restored_at": restore.ended_at,
            "left": " ".join(one.said for one in left.get(restore.pk, ())),
        }


def _applications(keys: Sequence[UUID], window: Window) -> dict[str, dict[str, Any]]:
    rows = Application.objects.filter(pk__in=keys).values_list("pk", "copies")
    found: dict[str, dict[str, Any]] = {
        f"application:{pk}": {
            "covers": Covers.APPLICATIONS_OF_MORE if copies > 1 else Covers.APPLICATIONS_OF_ONE
        }
        for pk, copies in rows
    }
    if window.begin is None:
        return found
    pulses = {pulse.application_id: pulse for pulse in Pulse.objects.filter(application__in=keys)}
    outages: dict[UUID, list[Outage]] = defaultdict(list)
    inside = Outage.objects.filter(application__in=keys, started_at__lte=window.ended_at)
    still = Q(ended_at=None) | Q(ended_at__gte=window.begin)
    for row in inside.filter(still).order_by("started_at"):
        outages[row.application_id].append(row)
    for pk in (UUID(key.partition(":")[2]) for key in found):
        pulse = pulses.get(pk)
        gaps, out_since = gaps_of(outages.get(pk, ()))
        found[f"application:{pk}"] |= {
            "gaps": gaps,
            "is_measured": pulse is not None and _is_watched(pulse.since, pulse.at, window),
            "out_since": out_since,
        }
    return found


def _is_watched(since: datetime | None, at: datetime, window: Window) -> bool:
    """From the window's begin to its end, without a break."""
    assert window.begin is not None
    return since is not None and since <= window.begin and at >= window.ended_at - STALE


def gaps_of(outages: Iterable[Outage]) -> tuple[tuple[GapFact, ...], datetime | None]:
    """Of one application's outages, oldest first: those that are over, and since when it is out.

    Where whoever asked came back, however late, and met no answer first, that is one gap, not two.
    """
    gaps: list[GapFact] = []
    for row in outages:
        began = row.started_at
        if gaps and not gaps[-1].is_end_seen and not row.is_begin_seen:
            began = gaps.pop().began
        if row.ended_at is None:
            return tuple(gaps), began
        gaps.append(GapFact(began, row.ended_at, is_end_seen=row.is_end_seen))
    return tuple(gaps), None


# ------------------------------------------------------------------ what happened meanwhile


def _failovers(keys: Sequence[UUID], window: Window) -> Any:
    """Those that stand in the window."""
    still = Q(ended_at=None) | Q(ended_at__gte=window.begin)
    return Failover.objects.filter(still, database__in=keys, began_at__lte=window.ended_at)


def _restores(keys: Sequence[UUID], window: Window) -> Any:
    still = Q(ended_at=None) | Q(ended_at__gte=window.begin)
    return Restore.objects.filter(still, database__in=keys, asked_at__lte=window.ended_at)


def incidents_in(begin: datetime, end: datetime) -> Iterator[EventFact]:
    """Each happening in this time, also of an incident that was over meanwhile and is back."""
    still = Q(resolved_at=None) | Q(resolved_at__gte=begin)
    before = Q(happened_at__lte=end) | Q(timeline__kind=OPENED, timeline__happened_at__lte=end)
    rows = list(Incident.objects.filter(still & before).distinct())
    spells = spells_of([row.pk for row in rows])
    for row in rows:
        last = Spell(row.happened_at, row.resolved_at)
        for one in (*spells.get(row.pk, ())[:-1], last):
            if one.began_at <= end and (one.ended_at is None or one.ended_at >= begin):
                state = row.state if one is last else IncidentState.RESOLVED
                yield EventFact(
                    "incident", str(row), row.domain, state, one.began_at, one.ended_at, row.title
                )


def events_of(plan: Plan, window: Window) -> tuple[EventFact, ...]:
    """Incidents in the run's time; failovers and restores of the plan's databases."""
    if window.begin is None:
        return ()
    taken = [one.key for step in plan.steps for wave in step.waves for one in wave]
    keys = _ids(dict.fromkeys(taken), "database")
    return (
        *incidents_in(window.begin, window.ended_at),
        *(
            EventFact(
                f.kind, str(f), f.database.name, f.phase, f.began_at, f.ended_at, f.end_reason
            )
            for f in _failovers(keys, window).select_related("database")
        ),
        *(
            EventFact(
                "restore", str(r), r.database.name, r.phase, r.asked_at, r.ended_at, r.end_reason
            )
            for r in _restores(keys, window).select_related("database")
        ),
    )
