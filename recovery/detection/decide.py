"""One tick of detection: sights and rows in, changes out. Pure; `now` is monotonic seconds.

Invariants: blind or freshly started means no change at all; a grant to replace passes the guard;
the answer does not depend on the order of hosts or sightings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from recovery.detection.eyes import Eyes, Scene, doubtful, open_eyes, resting, unseen, unsettled
from recovery.detection.facts import (
    DOWN,
    Blindness,
    Ground,
    Hold,
    HostSight,
    Judgement,
    Look,
    VerdictChange,
)
from recovery.detection.grants import Docket, rule
from recovery.detection.looks import choose_looks
from recovery.detection.policy import Policy
from recovery.detection.sights import Memory
from recovery.detection.situations import Patient, Situation, situations
from recovery.detection.verdicts import judge
from recovery.inventory.facts import Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What one tick found. Nothing of it is done yet; `memory` belongs to the next tick.

    `refuted`: datacenters that people vouch are lost and that live, with how that is seen."""

    changes: tuple[VerdictChange, ...]
    situations: tuple[Situation, ...]
    holds: tuple[Hold, ...]
    looks: tuple[Look, ...]
    blind: Blindness
    is_storm: bool
    memory: Memory
    refuted: Mapping[str, str] = field(default_factory=dict)


_Judged = Mapping[str, tuple[HostSight, Judgement]]


def decide(scene: Scene, memory: Memory, policy: Policy, now: float) -> Decision:
    """The whole tick."""
    eyes = open_eyes(scene, memory, policy, now)
    hosts = unseen(eyes) if eyes.blind else doubtful(eyes)
    looks = choose_looks(
        hosts, scene.roster, eyes.heard, eyes.memory.looked, policy=policy, now=now
    )
    if eyes.blind:  # what peers see then is evidence once it is over, and against who vouches
        seen = situations(_patients(eyes, {}), eyes.census, eyes.blind)
        memory = _remember(eyes, (), looks)
        return Decision((), seen, (), looks, eyes.blind, False, memory, eyes.refuted)
    live = frozenset(place for place, count in eyes.census.heard.items() if count)
    ground = Ground(len(scene.roster.hosts), live)
    judged = {host.host: (host, judge(host, ground, policy)) for host in hosts}
    changes, is_storm = rule(_docket(eyes, judged), policy)
    return Decision(
        changes=changes,
        situations=situations(_patients(eyes, judged), eyes.census, eyes.blind),
        holds=_holds(judged),
        looks=looks,
        blind=eyes.blind,
        is_storm=is_storm,
        memory=_remember(eyes, changes, looks),
        refuted=eyes.refuted,
    )


def _holds(judged: _Judged) -> tuple[Hold, ...]:
    return tuple(
        Hold(one.host, one.hold, one.reason) for _, one in judged.values() if one.hold is not None
    )


def _docket(eyes: Eyes, judged: _Judged) -> Docket:
    roster = eyes.scene.roster
    returned = {
        host: eyes.now - at
        for host, at in eyes.memory.gone.items()
        if eyes.now - at <= eyes.policy.window and host in roster.index
    }
    wait = eyes.policy.company
    fresh = {
        host.datacenter
        for host, one in judged.values()
        if one.may_start
        or (one.verdict in DOWN and (host.verdict not in DOWN or host.verdict_age < wait))
    }
    return Docket(
        judged=tuple(judged.values()),
        returned=returned,
        silences=unsettled(eyes, fresh),
        roster=roster,
        standing=resting(eyes, judged),
        fits=eyes.scene.fits,
        paused=eyes.scene.paused,
    )


def _patients(eyes: Eyes, judged: _Judged) -> list[Patient]:
    """Every host that is now neither alive nor merely suspect."""
    roster = eyes.scene.roster
    verdicts = {host: stands.verdict for host, stands in eyes.scene.standing.items()}
    verdicts.update({host: one.verdict for host, (_, one) in judged.items()})
    found = []
    for host, verdict in verdicts.items():
        at = roster.index.get(host)
        if at is None or verdict in (Verdict.ALIVE, Verdict.SUSPECT):
            continue
        witnesses = len(judged[host][1].evidence.witnesses) if host in judged else 0
        silence = judged[host][0].silence if host in judged else 0.0
        place, domains = roster.datacenters[at], roster.domains[at]
        found.append(Patient(host, roster.names[at], place, domains, verdict, witnesses, silence))
    return found


def _remember(eyes: Eyes, changes: tuple[VerdictChange, ...], looks: tuple[Look, ...]) -> Memory:
    memory, policy, now = eyes.memory, eyes.policy, eyes.now
    gone = {host: at for host, at in memory.gone.items() if now - at <= policy.window}
    returns = dict(memory.returns)
    for change in changes:
        if change.after in DOWN and change.before not in DOWN:
            gone[change.host] = now
        if change.after is Verdict.ALIVE:
            recent = [at for at in returns.get(change.host, ()) if now - at <= policy.flap_window]
            returns[change.host] = (*recent, now)
    looked = {host: at for host, at in memory.looked.items() if now - at <= policy.evidence_max_age}
    looked.update({look.host: now for look in looks})
    return replace(memory, ticked=now, gone=gone, returns=returns, looked=looked)
