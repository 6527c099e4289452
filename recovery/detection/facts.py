"""What detection looks at and what it says. Frozen values; no I/O.

Every span is in seconds on a monotonic clock; nothing here knows the time of day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from recovery.inventory.facts import Replace, Verdict


class Kernel(StrEnum):
    """What a TCP connect to a host's probe port met."""

    ANSWERS = "answers"
    RESETS = "resets"
    SILENT = "silent"
    UNKNOWN = "unknown"


class Part(StrEnum):
    """What of automation a recovery plan may freeze; the words that its runbooks use."""

    RESCHEDULING = "rescheduling"
    FAILOVER = "failover"
    RETENTION = "retention"
    RESTORE_TESTS = "restore_tests"


class FreezeState(StrEnum):
    """Of what a run froze."""

    STANDING = "standing"
    LIFTED = "lifted"


FREEZE_MOVES: dict[str, frozenset[str]] = {
    FreezeState.STANDING.value: frozenset({FreezeState.LIFTED.value}),
    FreezeState.LIFTED.value: frozenset(),
}
LIVING = frozenset({Kernel.ANSWERS, Kernel.RESETS})
DOWN = frozenset({Verdict.LOST, Verdict.HUNG, Verdict.UNKNOWN})
"""Verdicts under which a host's containers are not believed to serve: the brake counts them."""

GRANTED = frozenset({Replace.ALLOWED, Replace.PACED})

MOVES: dict[tuple[Verdict, Verdict], str] = {
    (Verdict.ALIVE, Verdict.SUSPECT): "miss",
    (Verdict.SUSPECT, Verdict.ALIVE): "hear_again",
    (Verdict.SUSPECT, Verdict.AGENT_DOWN): "find_agent_down",
    (Verdict.SUSPECT, Verdict.HUNG): "find_hung",
    (Verdict.SUSPECT, Verdict.ISOLATED): "find_isolated",
    (Verdict.SUSPECT, Verdict.LOST): "confirm_loss",
    (Verdict.SUSPECT, Verdict.UNKNOWN): "give_up",
    (Verdict.AGENT_DOWN, Verdict.HUNG): "find_hung",
    (Verdict.AGENT_DOWN, Verdict.ISOLATED): "find_isolated",
    (Verdict.AGENT_DOWN, Verdict.LOST): "confirm_loss",
    (Verdict.AGENT_DOWN, Verdict.ALIVE): "return",
    (Verdict.ISOLATED, Verdict.AGENT_DOWN): "find_agent_down",
    (Verdict.ISOLATED, Verdict.HUNG): "find_hung",
    (Verdict.ISOLATED, Verdict.LOST): "confirm_loss",
    (Verdict.ISOLATED, Verdict.ALIVE): "return",
    (Verdict.UNKNOWN, Verdict.AGENT_DOWN): "find_agent_down",
    (Verdict.UNKNOWN, Verdict.HUNG): "find_hung",
    (Verdict.UNKNOWN, Verdict.ISOLATED): "find_isolated",
    (Verdict.UNKNOWN, Verdict.LOST): "confirm_loss",
    (Verdict.UNKNOWN, Verdict.ALIVE): "return",
    (Verdict.HUNG, Verdict.LOST): "confirm_loss",
    (Verdict.HUNG, Verdict.ALIVE): "return",
    (Verdict.LOST, Verdict.ALIVE): "return",
}
"""Every move that detection may make, by name; stricter than what the host's row allows.

A host that was replaced only ever *returns*. Enrolment is the gateway's, not detection's."""

CONTROL_PLANE = "control-plane"
"""The observer id of our own look: it may clear a host, it is never a witness against one."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One look at a host. `age` counts from when the look *began*, not from its report.

    `asked` containers were tried, `answering` of them gave any HTTP answer.
    `observer_steady`: for how long the observer's own heartbeats have come without a gap.
    """

    observer: str
    kernel: Kernel
    answering: int
    asked: int
    age: float
    observer_datacenter: str = ""
    observer_domains: frozenset[str] = frozenset()
    observer_verdict: Verdict = Verdict.ALIVE
    observer_steady: float = 0.0
    observer_name: str = ""

    @property
    def by(self) -> str:
        """The observer as people call it."""
        return self.observer_name or self.observer

    @property
    def is_serving(self) -> bool:
        """At least one container gave an answer."""
        return self.answering > 0

    @property
    def is_quiet(self) -> bool:
        """Nothing of the host answered this look: neither kernel nor container."""
        return self.kernel is Kernel.SILENT and not self.is_serving


@dataclass(frozen=True, slots=True)
class HostSight:
    """One host as it looks now, with what was believed of it until now.

    `silence`: seconds without a heartbeat, counted from the start of watching if none came.
    `steady`: for how long heartbeats have come without a gap. `flaps`: recent returns.
    `domains`: the failure domains smaller than a datacenter (rack, room, feed), qualified.
    """

    host: str
    name: str
    datacenter: str
    domains: frozenset[str]
    silence: float
    verdict: Verdict = Verdict.ALIVE
    verdict_age: float = 0.0
    replace: Replace = Replace.NONE
    steady: float = 0.0
    flaps: int = 0
    rebooted: bool = False
    sightings: tuple[Sighting, ...] = ()


@dataclass(frozen=True, slots=True)
class Ground:
    """What the rest of the fleet allows to be concluded about one host."""

    fleet: int
    live_datacenters: frozenset[str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Sentences for, against and missing; `witnesses` are the observers that counted."""

    supporting: tuple[str, ...] = ()
    opposing: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()

    def as_json(self) -> dict[str, list[str]]:
        """For the host's row and for the page."""
        return {
            "for": list(self.supporting),
            "against": list(self.opposing),
            "missing": list(self.missing),
            "witnesses": list(self.witnesses),
        }


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the evidence says of one host; `verdict` may equal the old one.

    `may_start`: the evidence suffices for a provisional start (the guard is asked apart).
    `hold`: seconds until a returning host is believed, where it is one. `known_for`: how long
    ago the first look began that found it silent; it was down by then.
    """

    host: str
    verdict: Verdict
    reason: str
    evidence: Evidence
    may_start: bool = False
    hold: float | None = None
    known_for: float = 0.0


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """One row to write. `before` may equal `after`: then only `replace` changes.

    `silence`: seconds since its last heartbeat."""

    host: str
    before: Verdict
    after: Verdict
    reason: str
    evidence: Evidence
    replace: Replace
    replace_reason: str
    silence: float = 0.0


@dataclass(frozen=True, slots=True)
class Hold:
    """A returning host that is not believed yet: `seconds` are left of the countdown."""

    host: str
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Look:
    """Ask these observers to look at the host now."""

    host: str
    observers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gateway:
    """One gateway's digest: how old it is, how long the gateway has run, its own longest gap."""

    name: str
    digest_age: float
    running: float
    gap: float = 0.0


@dataclass(frozen=True, slots=True)
class Anchor:
    """An outside vantage point (a witness process); `reached` is None if it was not tried."""

    name: str
    reached: bool | None


@dataclass(frozen=True, slots=True)
class Vantage:
    """What the controller knows about its own eyes.

    `watching`: seconds since its timers last began (start, leadership, new database identity, or
    the start of the youngest gateway).
    `tick_gap`: seconds since its previous tick. `since_gap`: since its last gap that was too long.
    """

    gateways: tuple[Gateway, ...]
    watching: float
    tick_gap: float
    since_gap: float = float("inf")
    database_changed: bool = False
    anchors: tuple[Anchor, ...] = ()
    paused: str = ""


@dataclass(frozen=True, slots=True)
class Blindness:
    """Hands off: why we don't trust our eyes. `starting`: only because we began a moment ago.

    With `seconds_left` nothing else is wrong: everybody is heard and a grace runs out (B3).
    `is_late`: it runs for no other reason than late ticks of our own. `living`: datacenters of
    which nobody is heard and that others see alive, with how.
    """

    reasons: tuple[str, ...] = ()
    starting: bool = False
    seconds_left: float = 0.0
    is_late: bool = False
    living: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_grace(self) -> bool:
        return self.seconds_left > 0

    def __bool__(self) -> bool:
        return bool(self.reasons)


class Step(StrEnum):
    """The guard's answer."""

    ALLOW = "allow"
    PACE = "pace"
    WAIT = "wait"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Loss:
    """A host that counts for the brake: given up `age` seconds ago, silent by `known_for` ago."""

    host: str
    datacenter: str
    domains: frozenset[str]
    age: float
    is_down: bool = True
    is_confirmed: bool = False
    known_for: float = 0.0


@dataclass(frozen=True, slots=True)
class Shape:
    """How many hosts stand where, and which racks were found to fit elsewhere.

    `fits`: a failure domain's containers fit elsewhere (True), don't (False), or are not
    computed (absent).
    """

    fleet: int
    datacenters: dict[str, int]
    domains: dict[str, int]
    fits: dict[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the brake says, with every reason for its yes or no."""

    step: Step
    reasons: tuple[str, ...]
    is_storm: bool = False

    @property
    def reason(self) -> str:
        return " ".join(self.reasons)
