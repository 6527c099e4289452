"""From arrays to the few hosts worth judging one by one. Pure."""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from recovery.detection.blind import blindness
from recovery.detection.facts import (
    CONTROL_PLANE,
    DOWN,
    GRANTED,
    Blindness,
    HostSight,
    Loss,
    Sighting,
    Vantage,
)
from recovery.detection.living import see_living
from recovery.detection.policy import Policy
from recovery.detection.sights import (
    ALIVE,
    Boots,
    Floats,
    Memory,
    Roster,
    Seen,
    Sights,
    Standing,
    align,
    follow,
    silences,
)
from recovery.detection.situations import Census
from recovery.inventory.facts import Replace, Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """All that a tick looks at. `standing` holds the hosts that are not simply alive.

    `fits`: failure domains whose containers were found to fit elsewhere, or not; `vouched`:
    datacenters of which two people say that they are lost.
    """

    roster: Roster
    standing: Mapping[str, Standing]
    sights: Sights
    paused: str = ""
    fits: Mapping[str, bool] = field(default_factory=dict)
    vouched: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Eyes:
    """One instant: who is silent for how long, who is heard, and whether to believe it.

    `living`: of the datacenters of which nobody is heard, or that people vouch are lost, those that
    live all the same, and how that is seen.
    """

    scene: Scene
    memory: Memory
    policy: Policy
    now: float
    silence: Floats
    heard: NDArray[np.bool_]
    census: Census
    blind: Blindness
    living: Mapping[str, str] = field(default_factory=dict)

    @property
    def refuted(self) -> dict[str, str]:
        """Of the datacenters that people vouch are lost, those that live."""
        return {site: how for site, how in self.living.items() if site in self.scene.vouched}


def open_eyes(scene: Scene, memory: Memory, policy: Policy, now: float) -> Eyes:
    """Everything that is computed over all hosts at once."""
    sights, memory = align(scene.roster, scene.sights, memory)
    scene = replace(scene, sights=sights)
    gap = now - memory.ticked if sights.pause is None else sights.pause
    if gap > policy.gap_ticks * policy.tick:
        memory = replace(memory, gap_at=now)
    watching = min([now - memory.begun, *(one.running for one in sights.gateways)])
    silence = silences(sights, watching)
    heard = np.isfinite(sights.ages) & (silence < policy.suspect_after)
    boots = _known_boots(scene, memory, heard)
    memory = replace(memory, heard_since=follow(memory, silence, heard, now), boots=boots)
    census = _census(scene.roster, heard)
    vantage = Vantage(
        gateways=sights.gateways,
        watching=watching,
        tick_gap=gap,
        since_gap=now - memory.gap_at,
        anchors=sights.anchors,
    )
    living = see_living(
        scene.roster,
        sights,
        vouched=scene.vouched,
        silence=silence,
        heard=heard,
        policy=policy,
    )
    watched = _watched(scene, heard, frozenset(living), policy)
    blind = blindness(vantage, census.heard, watched, policy, living)
    return Eyes(scene, memory, policy, now, silence, heard, census, blind, living)


def _known_boots(scene: Scene, memory: Memory, heard: NDArray[np.bool_]) -> Boots:
    """The boot that each host was last alive in; one that is in doubt keeps its old one."""
    sure = heard & (scene.sights.boots != 0)
    for host in scene.standing:
        at = scene.roster.index.get(host)
        if at is not None and memory.boots[at]:
            sure[at] = False
    return np.where(sure, scene.sights.boots, memory.boots)


def _census(roster: Roster, heard: NDArray[np.bool_]) -> Census:
    size = len(roster.places)
    some = np.bincount(roster.place_codes[heard], minlength=size)
    return Census(
        hosts=roster.place_sizes,
        heard={name: int(some[at]) for at, name in enumerate(roster.places)},
        domains=roster.domain_sizes,
        regions=roster.regions,
    )


def _watched(
    scene: Scene, heard: NDArray[np.bool_], living: frozenset[str], policy: Policy
) -> dict[str, int]:
    """Hosts whose heartbeat is expected: not of those given up long ago, nor of a datacenter that
    people vouch is lost. Where nobody at all is heard that is us, whoever says what."""
    roster = scene.roster
    gone = scene.vouched - living if heard.any() else frozenset()
    expected = np.ones(len(roster.hosts), dtype=np.bool_)
    for host, stands in scene.standing.items():
        at = roster.index.get(host)
        if at is not None and is_long_gone(stands, policy):
            expected[at] = False
    if gone:
        codes = [at for at, place in enumerate(roster.places) if place in gone]
        expected[np.isin(roster.place_codes, codes)] = False
    counted = np.bincount(roster.place_codes[expected | heard], minlength=len(roster.places))
    return {name: int(counted[at]) for at, name in enumerate(roster.places)}


def is_long_gone(stands: Standing, policy: Policy) -> bool:
    """Given up for longer than losses are seen as one: nobody expects to hear it."""
    return stands.verdict in DOWN and (stands.is_settled or stands.age > policy.window)


def doubtful(eyes: Eyes) -> list[HostSight]:
    """The hosts worth judging: not fresh, or not alive until now."""
    index = eyes.scene.roster.index
    wanted = set(np.flatnonzero(eyes.silence >= eyes.policy.look_after).tolist())
    wanted.update(index[host] for host in eyes.scene.standing if host in index)
    return [_sight(at, eyes) for at in sorted(wanted) if not _may_rest(at, eyes)]


def unseen(eyes: Eyes) -> list[HostSight]:
    """Of the silent hosts those that were looked at least recently: no more than one tick may ask
    about, for while we are blind they may be all. None where nobody is heard who could look, or
    where we have only just begun (B3): looks of before that would be old evidence."""
    if eyes.blind.starting or eyes.blind.is_grace or not eyes.heard.any():
        return []
    hosts, looked = eyes.scene.roster.hosts, eyes.memory.looked
    silent = np.flatnonzero(eyes.silence >= eyes.policy.look_after).tolist()
    least = heapq.nsmallest(
        eyes.policy.looks_per_tick, silent, key=lambda at: looked.get(hosts[at], -np.inf)
    )
    return [_sight(at, eyes) for at in least]


REST = 5
"""A loss that is settled and stays silent is judged in every fifth tick only."""


def _may_rest(at: int, eyes: Eyes) -> bool:
    host = eyes.scene.roster.hosts[at]
    stands = eyes.scene.standing.get(host, ALIVE)
    if stands.verdict is not Verdict.LOST or stands.replace not in _RULED or eyes.heard[at]:
        return False
    round_ = int(eyes.now / eyes.policy.tick)
    return stands.age > eyes.policy.company and (zlib.crc32(host.encode()) + round_) % REST != 0


_RULED = GRANTED | {Replace.HELD}


def resting(eyes: Eyes, judged: Collection[str]) -> tuple[Loss, ...]:
    """The hosts that are down and not judged this time: they count for the brake all the same."""
    roster = eyes.scene.roster
    return tuple(
        Loss(
            host=host,
            datacenter=roster.datacenters[roster.index[host]],
            domains=roster.domains[roster.index[host]],
            age=stands.age,
            is_confirmed=True,
        )
        for host, stands in eyes.scene.standing.items()
        if stands.verdict in DOWN and host not in judged and host in roster.index
    )


def unsettled(eyes: Eyes, places: Collection[str]) -> dict[str, dict[str, float]]:
    """Silence of every host of these datacenters that is alive or suspect, as far as is known."""
    roster = eyes.scene.roster
    found: dict[str, dict[str, float]] = {}
    for place in places:
        members = np.flatnonzero(roster.place_codes == roster.places.index(place)).tolist()
        found[place] = {
            roster.hosts[at]: float(eyes.silence[at])
            for at in members
            if eyes.scene.standing.get(roster.hosts[at], ALIVE).verdict in _UNSETTLED
        }
    return found


_UNSETTLED = frozenset({Verdict.ALIVE, Verdict.SUSPECT})


def _sight(at: int, eyes: Eyes) -> HostSight:
    roster = eyes.scene.roster
    host = roster.hosts[at]
    stands = eyes.scene.standing.get(host, ALIVE)
    span = eyes.policy.flap_window
    returns = eyes.memory.returns.get(host, ())
    boot, known = int(eyes.scene.sights.boots[at]), int(eyes.memory.boots[at])
    return HostSight(
        host=host,
        name=roster.names[at],
        datacenter=roster.datacenters[at],
        domains=roster.domains[at],
        silence=float(eyes.silence[at]),
        verdict=stands.verdict,
        verdict_age=stands.age,
        replace=stands.replace,
        steady=_steady(at, eyes),
        flaps=sum(1 for when in returns if eyes.now - when <= span),
        rebooted=bool(boot and known and boot != known),
        sightings=tuple(_sighting(one, eyes) for one in eyes.scene.sights.seen.get(host, ())),
    )


def _steady(at: int, eyes: Eyes) -> float:
    since = float(eyes.memory.heard_since[at])
    return 0.0 if np.isnan(since) else eyes.now - since


def _sighting(seen: Seen, eyes: Eyes) -> Sighting:
    """A sighting with what is known of its observer; one we don't know is never a witness."""
    roster = eyes.scene.roster
    at = roster.index.get(seen.observer)
    if at is None:
        ours = seen.observer == CONTROL_PLANE
        verdict = Verdict.ALIVE if ours else Verdict.UNKNOWN
        return Sighting(
            observer=seen.observer,
            kernel=seen.kernel,
            answering=seen.answering,
            asked=seen.asked,
            age=seen.age,
            observer_verdict=verdict,
        )
    return Sighting(
        observer=seen.observer,
        kernel=seen.kernel,
        answering=seen.answering,
        asked=seen.asked,
        age=seen.age,
        observer_datacenter=roster.datacenters[at],
        observer_domains=roster.domains[at],
        observer_verdict=eyes.scene.standing.get(seen.observer, ALIVE).verdict,
        observer_steady=_steady(at, eyes),
        observer_name=roster.names[at],
    )
