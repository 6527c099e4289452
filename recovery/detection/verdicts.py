"""The truth table: one host's sight becomes a verdict with its evidence. Pure.

Invariant: *lost* is said only when the host has been silent to us for `lost_after`, kernel and
containers are silent to at least two healthy observers in two other failure domains whose looks
began after its last heartbeat, and nobody sees it alive. Everything less certain moves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from recovery.detection.facts import (
    CONTROL_PLANE,
    LIVING,
    MOVES,
    Evidence,
    Ground,
    HostSight,
    Judgement,
    Kernel,
    Sighting,
)
from recovery.detection.policy import Policy
from recovery.inventory.facts import Verdict


@dataclass(frozen=True, slots=True)
class _View:
    """The looks that count, sorted by what they saw; and why the others don't."""

    serving: tuple[Sighting, ...]
    living: tuple[Sighting, ...]
    silent: tuple[Sighting, ...]
    mute: tuple[Sighting, ...]
    own: Kernel
    refused: tuple[str, ...]

    @property
    def says_kernel_lives(self) -> bool:
        return bool(self.living) or self.own in LIVING

    @property
    def quiet(self) -> tuple[Sighting, ...]:
        return tuple(look for look in self.silent if look.is_quiet)

    @property
    def known_for(self) -> float:
        return max((look.age for look in (*self.silent, *self.mute)), default=0.0)


def judge(host: HostSight, ground: Ground, policy: Policy) -> Judgement:
    """The verdict on one host now. It differs from the old one only by a move of `MOVES`."""
    if host.silence < policy.suspect_after:
        return _heard(host, policy)
    view = _weigh(host, policy)
    verdict, reason, evidence = _find(host, view, ground, policy)
    after = _after(verdict, policy)
    if host.silence < after or (host.verdict, verdict) not in MOVES:
        return _not_yet(host, view, (reason, evidence), ground, policy)
    return Judgement(host.host, verdict, reason, evidence, known_for=view.known_for)


def _after(verdict: Verdict, policy: Policy) -> float:
    return {
        Verdict.LOST: policy.lost_after,
        Verdict.HUNG: policy.hung_after,
        Verdict.AGENT_DOWN: policy.agent_down_after,
        Verdict.ISOLATED: policy.isolated_after,
    }.get(verdict, policy.unknown_after)


def _not_yet(
    host: HostSight, view: _View, said: tuple[str, Evidence], ground: Ground, policy: Policy
) -> Judgement:
    """Suspicion, or the verdict that stands: the evidence does not carry a move (yet)."""
    reason, evidence = said
    if host.verdict not in (Verdict.ALIVE, Verdict.SUSPECT):
        return Judgement(host.host, host.verdict, reason, evidence, known_for=view.known_for)
    may_start = (
        host.silence >= policy.provisional_after
        and bool(view.quiet)
        and not view.says_kernel_lives
        and not view.serving
        and ground.fleet > policy.small_fleet
    )
    return Judgement(
        host=host.host,
        verdict=Verdict.SUSPECT,
        reason=f"Suspected after {host.silence:.1f} s without a heartbeat. {reason}",
        evidence=evidence,
        may_start=may_start,
        known_for=view.known_for,
    )


# ------------------------------------------------------------------ heard


def _heard(host: HostSight, policy: Policy) -> Judgement:
    """Alive, or on its way back: what was given up is believed only after a steady while."""
    beats = f"Heartbeats for {host.steady:.0f} s without a gap."
    wanted = _steady_wanted(host, policy)
    if host.verdict is Verdict.ALIVE or host.steady >= wanted:
        return Judgement(host.host, Verdict.ALIVE, _alive_reason(host, beats), Evidence((beats,)))
    left = wanted - host.steady
    why = f"It is heard again, and believed after {wanted:.0f} s without a gap."
    if host.flaps > policy.flap_free:
        why += f" It came and went {host.flaps} times lately, so this takes longer."
    return Judgement(host.host, host.verdict, why, Evidence((beats,)), hold=left)


def _alive_reason(host: HostSight, beats: str) -> str:
    asked = sum(look.asked for look in host.sightings)
    if host.rebooted:
        return f"{beats} It has started anew: what ran on it before is gone."
    if asked and not any(look.is_serving for look in host.sightings):
        return f"{beats} None of its containers answers its peers: they are sick, it is not."
    return beats


def _steady_wanted(host: HostSight, policy: Policy) -> float:
    base = {
        Verdict.ALIVE: 0.0,
        Verdict.SUSPECT: 0.0,
        Verdict.AGENT_DOWN: policy.brief_return_steady,
        Verdict.ISOLATED: policy.brief_return_steady,
    }.get(host.verdict, policy.return_steady)
    extra = host.flaps - policy.flap_free
    if extra <= 0:
        return base
    # the exponent is capped before the power, so that ten thousand flaps cost nothing
    doubled = max(base, policy.brief_return_steady) * 2.0 ** min(extra, 16)
    most = policy.return_steady if host.verdict is Verdict.SUSPECT else policy.return_steady_max
    return float(min(most, doubled))


# ------------------------------------------------------------------ weighing the looks


def _weigh(host: HostSight, policy: Policy) -> _View:
    counted: list[Sighting] = []
    refused: list[str] = []
    own = Kernel.UNKNOWN
    for look in host.sightings:
        why_not = refuse_look(host, look, policy)
        if why_not:
            refused.append(f"{look.by}: {why_not}")
        elif look.observer == CONTROL_PLANE:
            own = look.kernel
        else:
            counted.append(look)
    counted.sort(key=lambda look: look.observer)
    return _View(
        serving=tuple(look for look in counted if look.is_serving),
        living=tuple(look for look in counted if look.kernel in LIVING),
        silent=tuple(look for look in counted if look.kernel is Kernel.SILENT),
        mute=tuple(look for look in counted if look.asked and not look.is_serving),
        own=own,
        refused=tuple(sorted(refused)),
    )


def refuse_look(host: HostSight, look: Sighting, policy: Policy) -> str:
    """Why this look does not count, or nothing. Who sees life is refused for age alone."""
    if look.age >= host.silence:
        return f"its look began {look.age:.1f} s ago, before the last heartbeat"
    if look.age > policy.evidence_max_age:
        return f"its look is {look.age:.0f} s old"
    if look.observer == CONTROL_PLANE:
        return ""
    if look.is_serving or look.kernel in LIVING:
        gone = look.observer_steady < look.age and look.age > policy.stale_life
        return f"it saw life {look.age:.1f} s ago and went silent itself" if gone else ""
    return _refuse_witness(host, look)


def _refuse_witness(host: HostSight, look: Sighting) -> str:
    """Who sees nothing must be in health itself, and must not have failed together with it."""
    if look.observer == host.host:
        return "a host is no witness for itself"
    if look.observer_verdict is not Verdict.ALIVE:
        return f"it is itself {look.observer_verdict}"
    if look.observer_steady < look.age:
        return "its own heartbeats had a gap while it looked"
    shared = look.observer_domains & host.domains
    return f"it shares {', '.join(sorted(shared))}" if shared else ""


def are_independent(looks: Sequence[Sighting], wanted: int) -> bool:
    """`wanted` of the looks come from failure domains that share nothing pairwise."""
    return any(
        all(not (a.observer_domains & b.observer_domains) for a, b in combinations(group, 2))
        for group in combinations(looks, wanted)
    )


# ------------------------------------------------------------------ the table


_Finding = tuple[Verdict, str, Evidence]


def _find(host: HostSight, view: _View, ground: Ground, policy: Policy) -> _Finding:
    if view.serving:
        return _serving(view)
    if view.says_kernel_lives:
        return _not_serving(view, policy)
    return _silent(host, view, ground, policy)


def _serving(view: _View) -> _Finding:
    """Rows 3 and 6: its containers answer peers. Nothing moves, whatever the kernel looks like."""
    support = (_count(view.serving, "get answers from its containers"),)
    if view.silent:
        against = (_count(view.silent, "find its kernel silent"),)
        return (
            Verdict.ISOLATED,
            "Observers contradict one another: containers answer some, others meet silence. "
            "A part of the network is cut; it serves, so nothing moves.",
            _evidence(view, view.serving, support, against),
        )
    return _reached_or_not(view, support, view.serving)


def _reached_or_not(
    view: _View, support: tuple[str, ...], witnesses: tuple[Sighting, ...]
) -> _Finding:
    """Agent-down where its kernel answers us; isolated where only peers see it. Without a look of
    our own, peers that are refused say that its agent is gone."""
    resets = any(look.kernel is Kernel.RESETS for look in view.living)
    if view.own in LIVING or (resets and view.own is not Kernel.SILENT):
        who = "its kernel answers us" if view.own in LIVING else "its agent's port is closed"
        said = f"The machine lives ({who}), but its agent sends no heartbeats. Nothing moves."
        return Verdict.AGENT_DOWN, said, _evidence(view, witnesses, (*support, f"{who}"))
    missing = () if view.own is Kernel.SILENT else ("our own look at its kernel",)
    said = "We can't see it, its peers can: it is cut off from us alone. Nothing moves."
    return Verdict.ISOLATED, said, _evidence(view, witnesses, support, (), missing)


def _not_serving(view: _View, policy: Policy) -> _Finding:
    """Row 4: a kernel that lives, containers that don't answer two independent observers."""
    support = (_count(view.living, "find its kernel alive"),)
    if view.silent:
        against = (_count(view.silent, "find its kernel silent"),)
        said = (
            "Observers contradict one another about its kernel, and nothing serves. Ask a person."
        )
        return Verdict.UNKNOWN, said, _evidence(view, view.living, support, against)
    if view.living and not view.mute:
        return _reached_or_not(view, (*support, "it has no containers to ask"), view.living)
    said_by = (*support, _count(view.mute, "get no answer from any container"))
    if not are_independent(view.mute, policy.witnesses):
        missing = (f"{policy.witnesses} observers in different failure domains",)
        said = "Its kernel lives; too few observers can tell whether its containers do."
        return Verdict.UNKNOWN, said, _evidence(view, view.mute, said_by, (), missing)
    said = "Its kernel answers, its containers and its agent don't: the machine hangs."
    return Verdict.HUNG, said, _evidence(view, view.mute, said_by)


def _silent(host: HostSight, view: _View, ground: Ground, policy: Policy) -> _Finding:
    """Rows 5 and 7: nobody sees life. Lost with enough witnesses, otherwise nobody can tell."""
    support = (_count(view.quiet, "find kernel and containers silent"),) if view.quiet else ()
    missing = tuple(_lacking(host, view.quiet, ground, policy))
    evidence = _evidence(view, view.quiet, support, (), missing)
    if missing:
        return Verdict.UNKNOWN, f"It can't be told: {'; '.join(missing)} missing.", evidence
    places = len({look.observer_datacenter for look in view.quiet})
    said = (
        f"No heartbeat for {host.silence:.1f} s; kernel and containers are silent to "
        f"{len(view.quiet)} observers in {places} datacenter{'s' if places > 1 else ''}, "
        "and nobody sees it alive."
    )
    return Verdict.LOST, said, evidence


def _lacking(
    host: HostSight, quiet: tuple[Sighting, ...], ground: Ground, policy: Policy
) -> list[str]:
    lacking = []
    if ground.fleet <= policy.small_fleet:
        lacking.append(f"a fleet of more than {policy.small_fleet} hosts")
    if not are_independent(quiet, policy.witnesses):
        lacking.append(f"{policy.witnesses} observers in different other failure domains")
    outside = ground.live_datacenters - {host.datacenter}
    if outside and not any(look.observer_datacenter in outside for look in quiet):
        lacking.append("an observer in another datacenter")
    return lacking


def _evidence(
    view: _View,
    witnesses: Sequence[Sighting],
    supporting: tuple[str, ...] = (),
    opposing: tuple[str, ...] = (),
    missing: tuple[str, ...] = (),
) -> Evidence:
    names = tuple(sorted({look.observer for look in witnesses}))
    return Evidence(supporting, opposing, (*missing, *view.refused), names)


def _count(looks: Sequence[Sighting], what: str) -> str:
    names = ", ".join(sorted(look.by for look in looks))
    return f"{len(looks)} observer{'s' if len(looks) != 1 else ''} {what} ({names})"
