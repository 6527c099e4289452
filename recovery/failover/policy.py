"""The thresholds of failover, versioned; each says where its figure comes from."""

from __future__ import annotations

from dataclasses import asdict, dataclass

MEBI = 1 << 20


@dataclass(frozen=True, slots=True)
class Policy:
    """Defaults follow safety.md; seconds and bytes."""

    version: int = 1
    heard_within: float = 3.0
    """Agents report each second: three words missed, and a sight says nothing about now."""
    ask_ahead: float = 1.5
    """The standby is asked (B6) so long before the lease ends that the answer adds no time."""
    answer_age: float = 3.0
    """An answer about promises that is older than this is asked for again."""
    healthy_for: float = 60.0
    """I-DB-6."""
    most_lag_bytes: int = 16 * MEBI
    """Asynchronous candidates: one WAL segment."""
    most_lag_seconds: float = 10.0
    most_written_per_second: int = 512 * MEBI
    """Nobody writes faster; a standby that holds more than this since the last word lies."""
    least_free_bytes: int = 64 * MEBI
    """A candidate needs room for four WAL segments to be of use."""
    standby_patience: float = 10.0
    """Safety.md section 0: degrade after 10 s without a standby."""
    resync_steady: float = 3.0
    """A standby counts again after three words that say so."""
    restart_memory: float = 600.0
    """A restart that failed is not tried again for so long."""
    vantage_needed: int = 2
    """I-BR-1: the control plane is confirmed by at least 2 of 3 vantage points."""
    catch_up: float = 5.0
    """A switchover gives up, and gives back, if the standby has not caught up by then."""
    switch_lag_bytes: int = 4 * MEBI
    """A switchover begins only with a standby that is this close."""
    promote_overdue: float = 30.0
    """A person is told about a promotion or restart that neither succeeded nor failed."""
    verify_overdue: float = 30.0
    promote_again: float = 10.0
    """Who was to be promoted and was not is a candidate again so much later, by all the rules."""
    fence_again: float = 5.0
    """A receipt that its agent could not give is asked for again so much later."""
    rejoin_again: float = 60.0
    """A rejoin that failed is tried again so much later: somebody may have made room."""
    promote_attempts: int = 3
    """Refused promotions are tried again this often before another is chosen."""
    failovers_at_once: int = 20
    """I-BR-2: unfinished failovers in the fleet."""
    failovers_per_minute: int = 60
    failovers_per_host: int = 4
    """Promotions in flight on one receiving host."""

    def as_json(self) -> dict[str, float | int]:
        """For the policy row, so that a decision can be replayed under the same figures."""
        return asdict(self)
