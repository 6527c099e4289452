"""What the guard holds and whether automation moves at all, as people see it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from recovery.detection import queries
from recovery.detection.models import LossVouch, Situation
from recovery.detection.vouching import Silence, VouchState, refuse_vouch


@dataclass(frozen=True, slots=True)
class HeldHost:
    """A host whose containers wait for a person, with the guard's reason."""

    id: str
    name: str
    site: str
    rack: str
    verdict: str
    reason: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class BrakeView:
    """Whether a person paused automation, and whether Tocsin says that it sees nothing."""

    paused_at: datetime | None
    paused_by: str
    pause_reason: str
    blind_at: datetime | None
    blind: str


@dataclass(frozen=True, slots=True)
class FreezeView:
    """What a run of a recovery plan froze, for whom, since when, and why."""

    id: str
    run: str
    step: str
    parts: str
    by: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class HypothesisView:
    """One answer to "whose failure is it?", with what speaks for it, against it, what is missing,
    what it lets automation do and what it keeps it from."""

    scope: str
    domain: str
    score: float
    supporting: tuple[str, ...]
    opposing: tuple[str, ...]
    missing: tuple[str, ...]
    unlocks: tuple[str, ...]
    locks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LossVouchView:
    """A person's word that a datacenter is lost; `second`: whose made it stand, empty: nobody's."""

    id: str
    site: str
    state: str
    by: str
    at: datetime
    reason: str
    expires_at: datetime
    second: str
    second_at: datetime | None
    second_reason: str

    @property
    def stands(self) -> bool:
        return self.state == VouchState.STANDING


def loss_vouches() -> tuple[LossVouchView, ...]:
    """Those that are asked for or stand, the oldest first."""
    return tuple(
        LossVouchView(
            id=str(row.pk),
            site=row.datacenter.name,
            state=row.state,
            by=row.requested_by,
            at=row.requested_at,
            reason=row.request_reason,
            expires_at=row.expires_at,
            second=row.given_by,
            second_at=row.given_at,
            second_reason=row.give_reason,
        )
        for row in LossVouch.objects.exclude(state=VouchState.OVER).select_related("datacenter")
    )


def disproved(site: str) -> str:
    """How the last word that this datacenter is lost ended, while Tocsin is blind since before it
    was given; empty where there was none."""
    since = queries.blind_since()
    over = LossVouch.objects.filter(datacenter__name=site, state=VouchState.OVER)
    row = over.filter(given_at__gte=since).last() if since else None
    if row is None:
        return ""
    return f"The word of {row.requested_by} and {row.given_by} is over: {row.end_reason}"


def silent_sites(now: datetime) -> tuple[Silence, ...]:
    """Datacenters of which nobody is heard while Tocsin is blind: people may say that they are
    lost, but of one that others see `alive`."""
    if queries.blind_since() is None:
        return ()
    found = queries.silences(now).values()
    return tuple(one for one in found if not refuse_vouch(replace(one, alive=""), is_blind=True))


def why_no_vouch(site: str, now: datetime) -> str:
    """Why a word that this datacenter is lost would be refused; empty where it would not be."""
    is_blind = queries.blind_since() is not None
    return refuse_vouch(queries.silences(now)[site], is_blind=is_blind)


def hypotheses_of(incident: int) -> tuple[HypothesisView, ...]:
    """Of the newest situation of this incident, the likeliest first."""
    row = Situation.objects.filter(incident__number=incident).first()
    if row is None:
        return ()
    return tuple(
        HypothesisView(
            scope=one["scope"],
            domain=one["domain"],
            score=one["score"],
            supporting=tuple(one["for"]),
            opposing=tuple(one["against"]),
            missing=tuple(one["missing"]),
            unlocks=tuple(one.get("unlocks", ())),
            locks=tuple(one.get("locks", ())),
        )
        for one in row.hypotheses
    )


def held_hosts() -> tuple[HeldHost, ...]:
    """In the order of the map."""
    return tuple(
        HeldHost(
            id=str(row.pk),
            name=row.name,
            site=row.datacenter.name,
            rack=row.rack.name,
            verdict=row.verdict,
            reason=row.replace_reason,
            since=row.verdict_at,
        )
        for row in queries.held_hosts()
    )


def freezes() -> tuple[FreezeView, ...]:
    """Those that stand, the oldest first."""
    return tuple(
        FreezeView(
            id=str(row.pk),
            run=row.run_name,
            step=row.step,
            parts=", ".join(part.replace("_", " ") for part in row.parts),
            by=row.by,
            since=row.frozen_at,
            reason=row.reason,
        )
        for row in queries.standing_freezes()
    )


def brake() -> BrakeView:
    """The brake as it stands."""
    row = queries.brake()
    return BrakeView(
        paused_at=row.paused_at,
        paused_by=row.paused_by,
        pause_reason=row.pause_reason,
        blind_at=row.blind_at,
        blind=" ".join(row.blind_reasons) if row.blind_at else "",
    )
