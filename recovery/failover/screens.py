"""Databases as rows for screens: a fixed number of queries, however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Max, Q

from recovery.failover.models import Failover, Vouch
from recovery.failover.phases import VouchState
from recovery.failover.proofs.prover import Case, WorstCase, worst_case
from recovery.failover.queries import current_policy, self_fencing
from recovery.failover.service import Service, first_of_month, service_of
from recovery.failover.terms import TERMS
from recovery.failover.views.copies import CopyView
from recovery.failover.views.databases import (
    DatabaseView,
    FailoverView,
    GapView,
    ProbeView,
    VouchView,
)
from recovery.failover.views.offers import offers_of, word_of
from recovery.inventory.facts import Plan, Profile, ReplicaState, Role, Verdict
from recovery.inventory.models import (
    Database,
    Host,
    Replica,
    ReplicaSight,
    WriteGap,
    WriteProbe,
)

STALE = timedelta(seconds=10)
"""A word of the writing user that is older says nothing about now."""
SHOWN = 20
PHASES = (
    ("detect", "began_at"),
    ("decide", "analysed_at"),
    ("fence", "fenced_at"),
    ("elect", "elected_at"),
    ("promote", "promoted_at"),
    ("repoint", "repointed_at"),
    ("redirect", "redirected_at"),
    ("verify", "verified_at"),
)


def databases(now: datetime) -> tuple[DatabaseView, ...]:
    """Every database, by name."""
    return _views(Database.objects.all(), now)


def view_database(name: str, now: datetime) -> DatabaseView | None:
    """One database with its past failovers."""
    found = next(iter(_views(Database.objects.filter(name=name), now)), None)
    if found is None:
        return None
    rows = _with_names(Failover.objects.filter(database=found.pk))[:SHOWN]
    return replace(found, history=_failovers(rows))


def find_database(name: str) -> Database | None:
    return Database.objects.filter(name=name).first()


def hosts_for(name: str) -> list[str]:
    """Where a starter database could go with its disk: living hosts of its datacenter."""
    rows = Host.objects.filter(
        datacenter__databases__name=name,
        verdict=Verdict.ALIVE,
        cordoned_at=None,
        draining_at=None,
    ).exclude(replicas__database__name=name)
    return list(rows.order_by("name").values_list("name", flat=True))


def database_names() -> list[str]:
    return list(Database.objects.order_by("name").values_list("name", flat=True))


def _views(which: Any, now: datetime) -> tuple[DatabaseView, ...]:
    rows = list(which.select_related("datacenter"))
    keys = [row.pk for row in rows]
    replicas: dict[UUID, list[Replica]] = defaultdict(list)
    for replica in _replicas(Replica.objects.filter(database__in=keys)):
        replicas[replica.database_id].append(replica)
    sights = _sights(one.pk for many in replicas.values() for one in many)
    leases = self_fencing(keys)
    probes = {p.database_id: p for p in WriteProbe.objects.filter(database__in=keys)}
    newest = _newest(keys)
    gaps = _gaps_of_month(keys, now)
    vouches = _vouches(keys, now)
    return tuple(
        _view(
            row,
            _copies(replicas[row.pk], sights),
            sights,
            has_lease=row.pk in leases,
            probe=_probe(probes.get(row.pk), now),
            failover=newest.get(row.pk),
            vouches=vouches.get(row.pk, ()),
            service=_service(row, gaps.get(row.pk, ()), probes.get(row.pk), now),
        )
        for row in rows
    )


def _gaps_of_month(
    keys: Iterable[UUID], now: datetime
) -> Mapping[UUID, list[tuple[datetime, datetime]]]:
    """Every time of this month without an acknowledged write, by database."""
    found: dict[UUID, list[tuple[datetime, datetime]]] = defaultdict(list)
    rows = WriteGap.objects.filter(database__in=keys, first_after__gt=first_of_month(now))
    for key, began, ended in rows.values_list("database_id", "last_before", "first_after"):
        found[key].append((began, ended))
    return found


def _service(
    row: Database,
    gaps: Iterable[tuple[datetime, datetime]],
    probe: WriteProbe | None,
    now: datetime,
) -> Service:
    """An outage that lasts counts until now while its user still tries, else until its last try."""
    if probe is None:
        return service_of(Plan(row.plan), gaps, None, now, is_measured=False)
    since, spans = probe.failing_since, list(gaps)
    if since is not None and now - probe.at > STALE:
        spans, since = [*spans, (since, max(since, probe.at))], None
    return service_of(Plan(row.plan), spans, since, now, is_measured=True)


def _view(
    row: Database,
    copies: tuple[CopyView, ...],
    sights: Mapping[UUID, ReplicaSight],
    *,
    has_lease: bool,
    probe: ProbeView | None,
    failover: FailoverView | None,
    vouches: tuple[VouchView, ...],
    service: Service,
) -> DatabaseView:
    view = DatabaseView(
        pk=row.pk,
        name=row.name,
        about=row.about,
        engine=row.engine,
        version=row.engine_version,
        plan=row.plan,
        durability=row.durability,
        profile=row.profile,
        site=row.datacenter.name,
        state=row.state,
        state_at=row.state_at,
        state_reason=row.state_reason,
        epoch=row.epoch,
        edge_port=row.edge_port,
        degraded_at=row.degraded_at,
        is_adopting=row.adopting is not None,
        degraded_reason=row.degraded_reason,
        blocked_until=row.blocked_until,
        blocked_by=row.blocked_by,
        standby_loss=row.standby_loss,
        copies=copies,
        worst=_NO_WORST,
        probe=probe,
        failover=failover,
        vouches=vouches,
        service=service,
        is_self_fencing=has_lease,
    )
    return replace(view, worst=_worst(view, sights))


_NO_WORST = worst_case(Case(Plan.STARTER, "postgresql", TERMS[Profile.STANDARD], {}))


def _worst(view: DatabaseView, sights: Mapping[UUID, ReplicaSight]) -> WorstCase:
    """From the settings that the agents told last: before anything fails."""
    candidate = next(iter(view.targets), None)
    settings: dict[str, float] = {}
    for copy in (view.primary, candidate):
        sight = sights.get(UUID(copy.id)) if copy else None
        settings |= sight.fact.get("settings", {}) if sight else {}
    return worst_case(
        Case(
            plan=Plan(view.plan),
            engine=view.engine,
            terms=TERMS[Profile(view.profile)],
            settings=settings,
            lag=candidate.lag if candidate else None,
            is_self_fencing=view.is_self_fencing,
            no_candidate="" if candidate else _nobody(view),
        )
    )


def _nobody(view: DatabaseView) -> str:
    """Why no standby could take over now, in one sentence."""
    if not view.standbys:
        return "it has no standby."
    return " ".join(f"{copy.host}: {copy.word}." for copy in view.standbys)


def _replicas(which: Any) -> list[Replica]:
    rows = which.exclude(state=ReplicaState.RETIRED)
    return list(
        rows.select_related("database", "host__rack", "host__datacenter").order_by(
            "database__name", "number"
        )
    )


def _sights(keys: Iterable[UUID]) -> dict[UUID, ReplicaSight]:
    return {s.replica_id: s for s in ReplicaSight.objects.filter(replica__in=list(keys))}


def _copies(rows: Iterable[Replica], sights: Mapping[UUID, ReplicaSight]) -> tuple[CopyView, ...]:
    """The primary first."""
    rows = list(rows)
    seen: dict[str, dict[str, Any]] = {}
    names = {str(row.pk): str(row) for row in rows}
    for row in rows:
        if row.role == Role.PRIMARY and (sight := sights.get(row.pk)):
            seen = {one["replica"]: one for one in sight.fact.get("standbys", ())}
    made = [_copy(row, sights, seen, names) for row in rows]
    return tuple(sorted(made, key=lambda copy: copy.role != Role.PRIMARY))


def _copy(
    row: Replica,
    sights: Mapping[UUID, ReplicaSight],
    seen: Mapping[str, Mapping[str, Any]],
    names: Mapping[str, str] | None = None,
) -> CopyView:
    sight = sights.get(row.pk)
    fact: Mapping[str, Any] = sight.fact if sight else {}
    standby = seen.get(str(row.pk), {})
    lag = fact.get("lag_ms", -1)
    follows = str(fact.get("follows", ""))
    return CopyView(
        id=str(row.pk),
        name=str(row),
        host=row.host.name,
        site=row.host.datacenter.name,
        rack=row.host.rack.name,
        verdict=row.host.verdict,
        role=row.role,
        state=row.state,
        may_be_promoted=row.may_be_promoted,
        reason=row.reason,
        role_at=row.role_at,
        at=sight.at if sight else None,
        server=sight.state if sight else "",
        epoch=sight.epoch if sight else 0,
        is_writable=bool(sight and sight.is_writable),
        position=sight.position if sight else 0,
        timeline=fact.get("timeline", 0),
        lag=None if lag < 0 else lag / 1000,
        follows=(names or {}).get(follows, follows),
        healthy=fact.get("healthy_ms", 0) / 1000,
        well_after=current_policy().healthy_for,
        gate=fact.get("gate", ""),
        gate_kind=fact.get("gate_kind", ""),
        promised=fact.get("promised_ms", 0) / 1000,
        is_streaming=bool(standby.get("is_streaming")),
        is_synchronous=bool(standby.get("is_synchronous")),
        alone=fact.get("alone", ""),
        detail=fact.get("detail", ""),
    )


def _probe(row: WriteProbe | None, now: datetime) -> ProbeView | None:
    if row is None:
        return None
    return ProbeView(
        acknowledged=row.acknowledged,
        last_ack_at=row.last_ack_at,
        gap_ms=row.gap_ms,
        failing_since=row.failing_since,
        error=row.last_error,
        lost=row.lost,
        is_stale=now - row.at > STALE,
    )


def _with_names(rows: Any) -> Any:
    return rows.select_related("database", "source__host", "target__host", "incident").order_by(
        "-number"
    )


def _newest(keys: Iterable[UUID]) -> dict[UUID, FailoverView]:
    """Of each database the one that runs, else its last."""
    wanted = Failover.objects.filter(database__in=list(keys)).order_by().values("database")
    last = wanted.annotate(newest=Max("number")).values("newest")
    rows = list(_with_names(Failover.objects.filter(number__in=last)))
    views = _failovers(rows)
    return {row.database_id: view for row, view in zip(rows, views, strict=True)}


def _failovers(rows: Iterable[Failover]) -> tuple[FailoverView, ...]:
    rows = list(rows)
    gaps: dict[UUID, list[WriteGap]] = defaultdict(list)
    if rows:
        first = min(row.happened_at for row in rows) - timedelta(seconds=60)
        wanted = Q(database__in={row.database_id for row in rows}, first_after__gte=first)
        for gap in WriteGap.objects.filter(wanted).order_by("first_after"):
            gaps[gap.database_id].append(gap)
    members = Replica.objects.filter(database__in={row.database_id for row in rows})
    names = {str(pk): host for pk, host in members.values_list("pk", "host__name")}
    return tuple(_failover(row, gaps[row.database_id], names) for row in rows)


def _failover(row: Failover, gaps: Iterable[WriteGap], names: Mapping[str, str]) -> FailoverView:
    proof: Mapping[str, Any] = row.proof or {}
    return FailoverView(
        number=row.number,
        database=row.database.name,
        kind=row.kind,
        phase=row.phase,
        cause=row.cause,
        waiting_for=row.waiting_for,
        called_off=row.called_off,
        source=row.source.host.name,
        target=row.target.host.name if row.target else "",
        old_epoch=row.old_epoch,
        new_epoch=row.new_epoch,
        incident=row.incident.number if row.incident else None,
        proof=str(proof.get("said", "")),
        candidates=tuple(
            (names.get(str(one.get("replica")), "a copy"), str(one.get("reason")))
            for one in row.candidates
            if isinstance(one, dict)
        ),
        loss=str(row.loss.get("said", "")),
        loss_bound=row.loss.get("bound"),
        happened_at=row.happened_at,
        began_at=row.began_at,
        marks=tuple((name, getattr(row, attribute)) for name, attribute in PHASES),
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        gap=_gap_of(row, gaps),
        offers=offers_of(row.candidates, names) if row.ended_at is None else (),
        word=word_of(row.act, row.authority, row.waiting_for),
    )


def _gap_of(row: Failover, gaps: Iterable[WriteGap]) -> GapView | None:
    """The users' longest gap that this failover lies in."""
    end = row.ended_at
    inside = [
        gap
        for gap in gaps
        if gap.first_after >= row.happened_at and (end is None or gap.last_before <= end)
    ]
    if not inside:
        return None
    gap = max(inside, key=lambda one: one.seconds)
    return GapView(
        last_before=gap.last_before,
        first_after=gap.first_after,
        seconds=gap.seconds,
        lost=sum(one.lost for one in inside),
        numbers=tuple(gap.lost_numbers),
    )


def _vouches(keys: Iterable[UUID], now: datetime) -> dict[UUID, tuple[VouchView, ...]]:
    found: dict[UUID, tuple[VouchView, ...]] = {}
    rows = Vouch.objects.filter(
        database__in=list(keys),
        state__in=[VouchState.ASKED, VouchState.GIVEN],
        expires_at__gt=now,
    )
    for row in rows.select_related("host").order_by("requested_at"):
        view = VouchView(
            id=str(row.pk),
            purpose=row.purpose,
            state=row.state,
            risk=row.risk,
            requested_by=row.requested_by,
            requested_at=row.requested_at,
            reason=row.request_reason,
            given_by=row.given_by,
            expires_at=row.expires_at,
            host=row.host.name if row.host else "",
        )
        found[row.database_id] = (*found.get(row.database_id, ()), view)
    return found
