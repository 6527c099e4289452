"""What this host should do to its containers now: facts in, acts out. No I/O, no clock.

Invariants: what crashed and is still wanted is restarted, control plane or not; nothing else
starts or stops unless a control plane confirmed the list in this life of the agent; in
quarantine nothing new starts; a placement never has two acts at once.
"""

from __future__ import annotations

from dataclasses import replace

from recovery.agent.facts import Act, Deed, Health, Picture, Track
from recovery.core.ports import Sight
from recovery.core.wire import ContainerFact, ContainerSpec, ContainerState

BACKOFF = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds before the n-th restart in a row."""
CALM_SECONDS = 60.0
"""A container that ran this long starts its row of restarts anew."""
SICK_SECONDS = 10.0
"""A health path that failed this long means a restart."""
START_SECONDS = 30.0
"""A container that did not answer this long after its start is sick."""
MISSES = 3
"""Failed looks in a row that make a running container sick."""
CRASH_LOOP = 3
"""Restarts in a row that count as a crash loop."""


def decide(picture: Picture, now: float) -> list[Act]:
    """The acts of this round, stops first so that capacity is free before it is used."""
    stops = [act for act in _stops(picture) if act.placement not in picture.busy]
    stopping = {act.placement for act in stops} | picture.busy
    starts = [
        act
        for placement, spec in picture.wanted.items()
        if placement not in stopping
        for act in _for_wanted(picture, spec, now)
    ]
    return stops + starts


def _stops(picture: Picture) -> list[Act]:
    """What runs but is not wanted, or is wanted in another generation."""
    if not picture.is_fresh:
        return []
    acts = []
    for placement, sight in picture.sights.items():
        spec = picture.wanted.get(placement)
        if spec is None:
            acts.append(Act(Deed.STOP, placement, "not in the list of this host"))
        elif spec.generation != sight.generation:
            reason = f"generation {sight.generation} instead of {spec.generation}"
            acts.append(Act(Deed.STOP, placement, reason))
    return acts


def _for_wanted(picture: Picture, spec: ContainerSpec, now: float) -> list[Act]:
    sight = picture.sights.get(spec.placement)
    track = picture.tracks.get(spec.placement, Track())
    if sight is None:
        if picture.quarantined or not picture.is_fresh or now < track.not_before:
            return []
        return [Act(Deed.START, spec.placement, "listed and not here", spec)]
    if now < track.not_before:
        return []
    if not sight.running:
        return [Act(Deed.RESTART, spec.placement, f"ended: {sight.ended}", spec)]
    if is_sick_too_long(track, now):
        return [Act(Deed.RESTART, spec.placement, f"sick: {track.detail}", spec)]
    return []


def is_sick_too_long(track: Track, now: float) -> bool:
    """Whether its health path has failed for longer than is worth waiting."""
    if track.health is not Health.FAILS:
        return False
    patience = SICK_SECONDS if track.running_since else START_SECONDS
    return now - track.failing_since >= patience


def after_restart(track: Track, now: float) -> Track:
    """The track once a restart is done: the next one waits longer, unless it ran calmly."""
    calm = track.running_since > 0 and now - track.running_since >= CALM_SECONDS
    streak = 1 if calm else track.streak + 1
    wait = BACKOFF[min(streak, len(BACKOFF) - 1)]
    return replace(
        track,
        health=Health.UNKNOWN,
        misses=0,
        failing_since=0.0,
        running_since=0.0,
        restarts=track.restarts + 1,
        streak=streak,
        not_before=now + wait,
    )


def after_failed_start(track: Track, detail: str, now: float) -> Track:
    """The track after an engine refused to start it."""
    streak = track.streak + 1
    wait = BACKOFF[min(streak, len(BACKOFF) - 1)]
    return replace(track, streak=streak, not_before=now + wait, detail=detail)


def after_check(track: Track, failure: str, now: float) -> Track:
    """The track after one look at the health path; an empty failure means that it answered.

    What answered before is sick only after `MISSES` failed looks in a row.
    """
    if not failure:
        since = track.running_since or now
        return replace(
            track,
            health=Health.ANSWERS,
            misses=0,
            failing_since=0.0,
            running_since=since,
            has_run=True,
            detail="",
        )
    since = track.failing_since if track.misses else now
    misses = track.misses + 1
    forgiven = track.health is Health.ANSWERS and misses < MISSES
    health = Health.ANSWERS if forgiven else Health.FAILS
    return replace(track, health=health, misses=misses, failing_since=since, detail=failure)


def state_of(sight: Sight | None, track: Track) -> ContainerState:
    """The word that the report uses. *Failed* is for the control plane to act upon: it comes only
    after `CRASH_LOOP` attempts in a row; before that it is starting, or sick, and retried here."""
    if sight is not None and sight.running and track.health is Health.ANSWERS:
        return "running"
    if track.streak >= CRASH_LOOP and (sight is None or not sight.running):
        return "failed"
    return "sick" if track.has_run else "starting"


def fact_of(spec_port: int, sight: Sight, track: Track) -> ContainerFact:
    """What is reported of a container that the engine knows."""
    state = state_of(sight, track)
    detail = "" if state == "running" else (sight.ended or track.detail)
    return ContainerFact(
        placement=sight.placement,
        application=sight.application,
        container=sight.container,
        generation=sight.generation,
        state=state,
        port=spec_port,
        restarts=track.restarts,
        detail=detail[:300],
    )


def is_crash_looping(tracks: dict[str, Track]) -> bool:
    return any(track.streak >= CRASH_LOOP for track in tracks.values())


def missing_fact(spec: ContainerSpec, track: Track) -> ContainerFact:
    """What is reported of a wanted container that the engine does not have."""
    return ContainerFact(
        placement=spec.placement,
        application=spec.application,
        container=spec.container,
        generation=spec.generation,
        state=state_of(None, track),
        port=spec.port,
        restarts=track.restarts,
        detail=track.detail[:300],
    )
