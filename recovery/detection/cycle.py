"""One look at the fleet, five times a second: load, decide, act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from recovery.audit.facts import Actor
from recovery.core import control
from recovery.detection import actions, queries, stories
from recovery.detection.blind import says_the_same
from recovery.detection.decide import Decision, decide
from recovery.detection.eyes import Scene, is_long_gone
from recovery.detection.facts import Blindness, Part
from recovery.detection.models import Brake
from recovery.detection.policy import Policy
from recovery.detection.sights import Memory, Roster, Sights, Standing
from recovery.detection.vouching import VouchState
from recovery.inventory.facts import Verdict

REFRESH_SECONDS = 1.0
DOUBT_SECONDS = 5.0
"""Why we are blind changes with each host that falls silent: it is told so often, and no more."""


@dataclass(slots=True)
class Watch:
    """What the leading controller carries from look to look. A new leader begins a new one (B3).

    Invariant: ages count on this process's monotonic clock from when it first saw a verdict, so
    a step of the wall clock neither ages a loss out of the guard's window nor keeps it in.
    """

    memory: Memory
    policy: Policy = field(default_factory=Policy)
    roster: Roster | None = None
    read_at: float = float("-inf")
    stamp: queries.Stamp = (0, None)
    since: dict[str, tuple[Verdict, float]] = field(default_factory=dict)
    situations: tuple[tuple[str, str, tuple[str, ...]], ...] | None = None
    vouches: tuple[queries.OpenVouch, ...] = ()
    doubted: float = float("-inf")

    @property
    def vouched(self) -> frozenset[str]:
        """Datacenters that count as lost by two people's word."""
        return frozenset(one.site for one in self.vouches if one.state == VouchState.STANDING)

    @staticmethod
    def begin(monotonic: float) -> Watch:
        return Watch(Memory.fresh(monotonic))

    def fleet(self, monotonic: float) -> Roster:
        """The roster, read again when a host has joined or gone; who vouches, each time."""
        if self.roster is None or monotonic - self.read_at >= REFRESH_SECONDS:
            self.read_at = monotonic
            self.policy = queries.policy()
            self.vouches = queries.open_vouches()
            stamp = queries.roster_stamp()
            if self.roster is None or stamp != self.stamp:
                self.roster, self.stamp = queries.roster(), stamp
        return self.roster

    def standing(self, monotonic: float) -> dict[str, Standing]:
        """The hosts in trouble, each with the age of its verdict."""
        found = queries.standing_hosts()
        old, self.since = self.since, {}
        for host, (verdict, *_) in found.items():
            seen, at = old.get(host, (verdict, monotonic))
            self.since[host] = (verdict, at if seen is verdict else monotonic)
        return {
            host: Standing(verdict, monotonic - self.since[host][1], grant, is_settled)
            for host, (verdict, grant, is_settled) in found.items()
        }


def watch_hosts(
    watch: Watch,
    sights: Sights,
    *,
    actor: Actor,
    now: datetime,
    monotonic: float,
    fits: Mapping[str, bool] | None = None,
) -> Decision:
    """Judge every host once and write what changed, as the leader of `actor.epoch` only.

    The caller sends `looks` of the result to the gateways. Raises `NotLeader`.
    """
    scene = Scene(
        roster=watch.fleet(monotonic),
        standing=watch.standing(monotonic),
        sights=sights,
        paused=queries.frozen_reason(Part.RESCHEDULING),
        fits=fits or {},
        vouched=watch.vouched,
    )
    decision = decide(scene, watch.memory, watch.policy, monotonic)
    watch.memory = decision.memory
    _settle(scene, watch.policy, actor=actor)
    _end_vouches(watch, decision.refuted, actor=actor, now=now)
    brake = queries.brake()
    if decision.blind:
        _doubt(watch, decision.blind, brake, actor=actor, now=now, monotonic=monotonic)
        return decision
    _act(watch, decision, brake, actor=actor, now=now)
    return decision


def _settle(scene: Scene, policy: Policy, *, actor: Actor) -> None:
    """The next leader's clock begins at zero (B3): what stood long enough is kept."""
    old = [
        host
        for host, stands in scene.standing.items()
        if not stands.is_settled and is_long_gone(stands, policy)
    ]
    if old:
        with control.deciding(actor.epoch):
            actions.settle_losses(hosts=old)


def _end_vouches(watch: Watch, refuted: Mapping[str, str], *, actor: Actor, now: datetime) -> None:
    """What one host that is heard disproves, and first words that nobody confirmed in time."""
    over = {one.pk: refuted[one.site] for one in watch.vouches if one.site in refuted}
    over |= {
        one.pk: "Nobody confirmed it in time."
        for one in watch.vouches
        if one.state == VouchState.ASKED and one.expires_at <= now and one.pk not in over
    }
    if not over:
        return
    with control.deciding(actor.epoch):
        for pk, why in over.items():
            actions.end_vouch(pk=pk, actor=actor, reason=why, now=now)
    watch.vouches = tuple(one for one in watch.vouches if one.pk not in over)


def _doubt(
    watch: Watch, blind: Blindness, brake: Brake, *, actor: Actor, now: datetime, monotonic: float
) -> None:
    """Tell that we are blind, and again when it is for other reasons than those that stand."""
    if blind.starting:
        return
    if brake.blind_at and (
        monotonic - watch.doubted < DOUBT_SECONDS
        or says_the_same(brake.blind_reasons, blind.reasons)
    ):
        return
    say = actions.tell_blind if brake.blind_at else actions.go_blind
    with control.deciding(actor.epoch):
        say(reasons=blind.reasons, living=blind.living, actor=actor, now=now)
    watch.doubted = monotonic


def _act(watch: Watch, decision: Decision, brake: Brake, *, actor: Actor, now: datetime) -> None:
    """One transaction for verdicts, situations, incidents and alarms; none if nothing changed."""
    seen = tuple((one.key, one.sentence, one.hosts) for one in decision.situations)
    if not decision.changes and not brake.blind_at and seen == watch.situations:
        return
    with control.deciding(actor.epoch):
        if brake.blind_at:
            actions.see_again(vouched=watch.vouched, actor=actor, now=now)
        written = actions.record_verdicts(changes=decision.changes, actor=actor, now=now)
        actions.record_situations(found=decision.situations, actor=actor, now=now)
        stories.tell_verdicts(written=written, actor=actor, now=now)
        if decision.changes:
            actions.ring_for_holds(actor=actor, now=now)
    watch.situations = seen
