"""The thresholds of detection, versioned; each names where its figure comes from."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from recovery.core.errors import BadConfiguration


@dataclass(frozen=True, slots=True)
class Policy:
    """Defaults follow safety.md. Invariant: `look_after < suspect_after <= lost_after`."""

    version: int = 1
    tick: float = 0.2
    """Five ticks a second (issue 2, scale)."""
    look_after: float = 1.4
    """One heartbeat of 1.0 s plus 0.4 s of jitter: asking is free of consequences."""
    suspect_after: float = 2.1
    """Two heartbeats missed: at 5 % datagram loss 0.25 % of seconds, one loss alone never."""
    lost_after: float = 2.2
    """Crash to lost <= 3 s: 2.2 + digest 0.2 + two ticks of 0.2 after the last heartbeat."""
    provisional_after: float = 2.6
    """Later than a confirmed loss: one witness alone gets more time to be contradicted."""
    agent_down_after: float = 5.0
    """Above a 2 s pause of the agent plus its heartbeat and two losses."""
    isolated_after: float = 5.0
    hung_after: float = 5.0
    """Containers that are slow for a moment must not be replaced."""
    unknown_after: float = 10.0
    """L-1: an alarm within 15 s of silence even if nobody can tell."""
    evidence_max_age: float = 10.0
    """A look older than this says nothing about now."""
    stale_life: float = 3.0
    """Life seen by an observer that has gone silent itself is believed this long: three looks."""
    relook_every: float = 1.0
    """Hosts under suspicion are looked at again; answers take at most 0.8 s."""
    settled_relook_every: float = 3.0
    """Hosts with a verdict are looked at again well within `evidence_max_age`."""
    observers: int = 5
    """Asked per look, from as many other failure domains as there are."""
    looks_per_tick: int = 50
    """250 hosts a second; more at once is a storm, and asks a person anyway."""
    witnesses: int = 2
    """Observers in as many other failure domains (truth table, row *lost*)."""
    small_fleet: int = 3
    """With three hosts or fewer, one broken link is the majority: a person decides."""
    return_steady: float = 10.0
    """A host that was replaced is believed again after ten heartbeats."""
    brief_return_steady: float = 2.0
    """After agent-down or isolated nothing was moved: two heartbeats do."""
    flap_window: float = 600.0
    flap_free: int = 5
    """Suspicions per window that are noise (1.5 expected at 5 % loss); beyond, each doubles."""
    return_steady_max: float = 300.0
    digest_max_age: float = 1.0
    """Five digests missed: blind (M12)."""
    gap_ticks: float = 3.0
    """B3: own tick gap > 3 ticks."""
    start_patience: float = 15.0
    """While everything is being started, eyes that are still closed ring no bell (L-1: 15 s)."""
    regrace: float = 6.0
    """B3 for hosts: after a start six heartbeats are waited for (5 % loss: 1.6e-8 each)."""
    gap_regrace: float = 3.2
    """After a short gap of our own: one whole `lost_after` plus a heartbeat."""
    window: float = 120.0
    """I-BR-1: W."""
    few_hosts: int = 2
    """I-BR-1: max(2 hosts, 20 % of a datacenter)."""
    datacenter_share: float = 0.20
    fleet_share: float = 0.10
    """I-BR-1: > 10 % of a fleet of more than 50 hosts."""
    large_fleet: int = 50
    slow_hosts: int = 4
    """I-BR-2: hosts lost one by one and never back trip the guard too, at 10 % or this many."""
    company: float = 2.0
    """How long a confirmed loss waits for neighbours that are silent but not judged yet."""
    company_after: float = 1.2
    """A neighbour without a heartbeat this long may be going down with it."""
    vantage_points: int = 3
    vantage_needed: int = 2
    """I-BR-3: 2 of 3."""

    def __post_init__(self) -> None:
        ordered = self.tick < self.look_after < self.suspect_after <= self.lost_after
        later = self.lost_after <= self.provisional_after <= self.unknown_after
        if not (ordered and later):
            raise BadConfiguration(
                "tick < look_after < suspect_after <= lost_after <= provisional_after "
                "<= unknown_after must hold",
                field="detection policy",
            )
        if self.witnesses < 2:
            raise BadConfiguration("one observer is never enough", field="witnesses")

    def as_json(self) -> dict[str, float | int]:
        """For the policy row, so that a decision can be replayed under the same figures."""
        return asdict(self)
