"""One application's probes, in the order in which they were sent. Pure.

Invariant: an outage runs from the sending of the first probe that got no answer to the arrival
of the next answer, so it is right to the probes' interval. What could not be seen is unknown:
it ends an outage where seeing ended and never lengthens one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from recovery.traffic.facts import Answer, Probe

WINDOW = 60.0
"""Seconds over which the answer rate is told."""
HOLE = 2.0
"""Seconds without a yes or a no: whatever users got meanwhile, nobody saw it."""


@dataclass(frozen=True, slots=True)
class Began:
    """The application stopped answering; `at` is monotonic. `seen` false: nobody had seen it answer
    a moment before, so it may have begun earlier."""

    at: float
    detail: str
    seen: bool = True


@dataclass(frozen=True, slots=True)
class Ended:
    """It answers again, or (`seen` false) could not be asked any more."""

    at: float
    seen: bool = True


Change = Began | Ended


@dataclass(frozen=True, slots=True)
class Rate:
    """The last minute: of `asked` probes `answered` got an answer; `unknown` ones count apart."""

    asked: int
    answered: int
    unknown: int
    latency_ms: float
    last: Answer


@dataclass(slots=True)
class Timeline:
    """The state of one application as its probes tell it."""

    is_out: bool = False
    last_bad: float = 0.0
    seen_since: float | None = None
    """Since when every moment lies between two answers that say yes or no."""
    seen_at: float = 0.0
    last_said: Answer = Answer.UNKNOWN
    """The newest answer that says yes or no, while it is no older than a hole."""
    sent: deque[float] = field(default_factory=deque)
    arrived: dict[float, Probe] = field(default_factory=dict)
    recent: deque[Probe] = field(default_factory=deque)

    def send(self, at: float) -> None:
        """A probe leaves now."""
        self.sent.append(at)

    def note(self, probe: Probe) -> list[Change]:
        """A probe came back; what is certain now. Later ones wait for the earlier ones."""
        self.arrived[probe.sent] = probe
        changes: list[Change] = []
        while self.sent and self.sent[0] in self.arrived:
            changes += self._judge(self.arrived.pop(self.sent.popleft()))
        return changes

    def forget(self, at: float) -> list[Change]:
        """The prober slept or the edge is away: what is in flight tells nothing."""
        flying = list(self.sent)
        changes: list[Change] = []
        for sent in flying:
            if sent not in self.arrived:
                changes += self.note(Probe(sent, at, Answer.UNKNOWN, "not observed"))
        return changes

    def _judge(self, probe: Probe) -> list[Change]:
        self.recent.append(probe)
        while self.recent[0].sent < probe.sent - WINDOW:
            self.recent.popleft()
        if probe.answer is not Answer.UNKNOWN:
            if self.seen_since is None or probe.sent - self.seen_at > HOLE:
                self.seen_since, self.last_said = probe.sent, Answer.UNKNOWN
            self.seen_at, before, self.last_said = probe.done, self.last_said, probe.answer
        match probe.answer:
            case Answer.NO:
                self.last_bad = probe.done
                if not self.is_out:
                    self.is_out = True
                    return [Began(probe.sent, probe.detail, seen=before is Answer.YES)]
            case Answer.YES if self.is_out:
                self.is_out = False
                return [Ended(probe.done)]
            case Answer.UNKNOWN if self.is_out:
                self.is_out = False
                return [Ended(min(self.last_bad, probe.sent), seen=False)]
        return []

    def rate(self) -> Rate | None:
        """What the last minute says; None before the first probe came back."""
        if not self.recent:
            return None
        good = [p for p in self.recent if p.answer is Answer.YES]
        unknown = sum(p.answer is Answer.UNKNOWN for p in self.recent)
        times = sorted(p.done - p.sent for p in good)
        return Rate(
            asked=len(self.recent) - unknown,
            answered=len(good),
            unknown=unknown,
            latency_ms=1000 * times[len(times) // 2] if times else 0.0,
            last=self.recent[-1].answer,
        )
