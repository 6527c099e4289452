"""Who may accept writes until when: the rules of leases and promises. Pure, standard library.

The same code runs in the agents, in the gateway and in the simulation (tests/simulation/failover).
`now` is always seconds of the caller's own monotonic clock (an agent: BOOTTIME); two clocks are
never compared, and the time of day decides nothing. Sources: safety.md B1-B3, B6, B7.

What always holds, in real time: the gate of a primary is closed before anybody may conclude that
its lease or the promise it lives by has ended, because a primary counts from *before it sent* and
everybody else from *after they saw*, and because the others wait `guard_span`, not `length`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

NEVER = float("-inf")


def guard_span(length: float, *, drift: float, closing: float) -> float:
    """L_cp = (1+rho) * (L/(1-rho) + F): how long others wait for a lease of `length` to be over.

    `drift`: bound of how far a clock may run fast or slow; `closing`: how long a gate takes to
    close. Used by the decider (B2) and as the span of a promise (B6)."""
    return (1 + drift) * (length / (1 - drift) + closing)


class EarlyFence:
    """An asynchronous primary that nobody hears stops earlier than at its lease's end.

    Invariant: after `span` seconds without any word from the control plane or a peer the gate is
    closed, lease or not, so that fewer acknowledged writes exist on the losing side of a cut
    (safety.md 3.3 C). Only what *arrived* counts, never what was sent.
    """

    __slots__ = ("heard_at", "span")

    def __init__(self, span: float, now: float) -> None:
        self.span = span
        self.heard_at = now

    def heard(self, now: float) -> None:
        self.heard_at = max(self.heard_at, now)

    @property
    def closes_at(self) -> float:
        return self.heard_at + self.span


class AgentLease:
    """Until when one primary's gate may be open: made for one (epoch, incarnation).

    Invariants: the deadline is `length` after a request was *about to be sent*, never after its
    answer arrived; a grant of another epoch, incarnation or of a number that was not asked for
    changes nothing; once fenced it never opens again in this epoch; after a sleep only requests
    sent after waking count. `early` is given for asynchronous databases alone.

    `incarnation` rises with every start of the agent (journaled): numbers begin again with it.
    An agent that starts within a lease hands in the journaled deadline of the same boot.
    """

    __slots__ = (
        "deadline",
        "early",
        "echo",
        "epoch",
        "every",
        "incarnation",
        "is_fenced",
        "length",
        "sequence",
        "slept_at",
        "ticked_at",
        "waiting",
    )

    def __init__(
        self,
        *,
        epoch: int,
        incarnation: int,
        every: float,
        length: float,
        early: float = 0.0,
        deadline: float = NEVER,
        now: float,
    ) -> None:
        self.epoch = epoch
        self.incarnation = incarnation
        self.every = every
        self.length = length
        self.early = EarlyFence(early, now) if early else None
        self.deadline = min(deadline, now + length)
        self.sequence = 0
        self.echo = 0
        self.is_fenced = False
        self.slept_at = NEVER
        self.ticked_at = now
        self.waiting: dict[int, float] = {}

    def renew(self, now: float) -> int:
        """The number of the renewal that is sent next; call it *before* sending (B2)."""
        self.sequence += 1
        self.waiting[self.sequence] = now
        if len(self.waiting) > 64:
            over = now - self.length
            self.waiting = {n: at for n, at in self.waiting.items() if at > over}
        return self.sequence

    def granted(self, *, epoch: int, incarnation: int, sequence: int, now: float) -> bool:
        """A grant arrived; whether it moved the deadline. `echo` is for the next renewal (B7).

        A grant that comes a second time (the gateway repeats the last one while our echo stands
        still) raises the echo and moves nothing."""
        if (epoch, incarnation) != (self.epoch, self.incarnation) or sequence > self.sequence:
            return False
        self.heard(now)
        self.echo = max(self.echo, sequence)
        sent = self.waiting.pop(sequence, NEVER)
        return self._extend(sent)

    def promised(self, asked_at: float) -> bool:
        """Every promotable member promised, to a question sent at `asked_at` (B6)."""
        return self._extend(asked_at)

    def _extend(self, sent: float) -> bool:
        if self.is_fenced or sent < self.slept_at or sent + self.length <= self.deadline:
            return False
        self.deadline = sent + self.length
        return True

    def heard(self, now: float) -> None:
        """Any word from the control plane or from a peer."""
        if self.early:
            self.early.heard(now)

    def wants_promise(self, now: float) -> bool:
        """Half of the lease has gone without a grant: ask the standbys, each `every` (B6).

        Not before: a live promise keeps a standby from being promoted, so a primary that dies
        in the middle of good health must not leave one behind."""
        return not self.is_fenced and self.deadline - now < self.length / 2

    def fence(self) -> None:
        """Closed by order, for the rest of this epoch."""
        self.is_fenced = True
        self.deadline = NEVER

    def distrust(self, now: float) -> None:
        """We may have slept (tick gap, REALTIME-BOOTTIME jump, vmgenid): close now, ask anew."""
        self.deadline = NEVER
        self.slept_at = now
        self.waiting.clear()

    def tick(self, now: float) -> bool:
        """Call it first thing in every round; True: we slept longer than 3 H and closed."""
        gap, self.ticked_at = now - self.ticked_at, now
        if gap <= 3 * self.every:
            return False
        self.distrust(now)
        return True

    @property
    def closes_at(self) -> float:
        """The gate's timer, on the caller's clock: the kernel or the watchdog closes it then."""
        return min(self.deadline, self.early.closes_at) if self.early else self.deadline

    def is_open(self, now: float) -> bool:
        return now < self.closes_at


class PromiseRound:
    """One question to every promotable member: `asked_at` is from before the first was sent.

    Invariant: complete only if *all* of them promised, and never if there is none to ask. Ask
    everybody whom the spec names promotable and every standby that streams from us."""

    __slots__ = ("asked_at", "missing")

    def __init__(self, members: Iterable[str], asked_at: float) -> None:
        self.missing = set(members) or {""}
        self.asked_at = asked_at

    def promised(self, member: str) -> bool:
        """Note one yes; True when it was the last one missing."""
        self.missing.discard(member)
        return not self.missing


@dataclass(frozen=True, slots=True)
class Promises:
    """What one standby has promised (B6). A value: journal the new one (fsync), *then* answer.

    Invariants: while a promise lives, no order promotes this server; a promise is given to the
    primary of the highest epoch that we know, or not at all; `take_over` ends the giving for all
    epochs below its own, and what was promised is still waited out. Each question has to come
    over a connection of its own, whose handshake is the two-way evidence that B7 asks for: else a
    primary that hears nobody is shut, and its standby promises for ever not to be promoted.

    `taken`: who took the giving over by name, below which epoch: they alone give it again, so that
    a late word of one that gave up opens nothing that another relies on.
    """

    epoch: int = 0
    until: float = NEVER
    span: float = 0.0
    refused_below: int = 0
    taken: tuple[tuple[str, int], ...] = ()

    def ask(self, *, epoch: int, span: float, now: float) -> tuple[Promises, str]:
        """The primary of `epoch` asks for `span` (`guard_span` of its lease) from our receipt.

        The value to journal, and why not ("": promised)."""
        if epoch < self.closed_below:
            return self, f"Another takes over at epoch {self.closed_below}."
        if epoch < self.epoch:
            return self, f"Epoch {epoch} is over: we know of epoch {self.epoch}."
        return replace(self, epoch=epoch, span=span, until=max(self.until, now + span)), ""

    @property
    def closed_below(self) -> int:
        """No primary below this epoch is promised anything."""
        return max(self.refused_below, *(epoch for _, epoch in self.taken), 0)

    def take_over(self, epoch: int, by: str = "") -> Promises:
        """No further promise to a primary below `epoch`; with a name it can be given again."""
        if not by:
            return replace(self, refused_below=max(self.refused_below, epoch))
        kept = dict(self.taken)
        return replace(self, taken=tuple((kept | {by: max(kept.get(by, 0), epoch)}).items()))

    def give_again(self, names: Iterable[str]) -> Promises:
        """Whoever took over by these names has given up; what others took stays taken."""
        over = frozenset(names)
        return replace(self, taken=tuple(one for one in self.taken if one[0] not in over))

    def learn(self, epoch: int) -> Promises:
        """A spec or an order of a higher epoch was seen: it refuses all below by itself."""
        if epoch <= self.epoch:
            return self
        taken = tuple(one for one in self.taken if one[1] > epoch)
        return replace(self, epoch=epoch, taken=taken)

    def left(self, now: float) -> float:
        """Seconds for which a promotion is still refused."""
        return max(0.0, self.until - now)

    def refuse_promotion(self, epoch: int, now: float) -> str:
        """Why this server may not be promoted to `epoch` now; "": it may.

        Call `take_over(epoch)` first, whatever comes of this: the order itself ends the giving."""
        if epoch < self.epoch:
            return f"The order is of epoch {epoch}, and epoch {self.epoch} was seen: it is late."
        if left := self.left(now):
            return f"It promised its primary not to be promoted for {left:.1f} s more."
        return ""

    def after_boot(self, now: float) -> Promises:
        """BOOTTIME began again: the whole span counts from now, since we can't know the rest."""
        return self if self.until == NEVER else replace(self, until=now + self.span)


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """The row that is the only right to accept writes (B1): `(incarnation, sequence)` rises."""

    replica: str
    epoch: int
    incarnation: int = 0
    sequence: int = 0
    echo: int = 0
    position: int = 0
    revoked: bool = False

    def renewed(self, *, replica: str, epoch: int, number: tuple[int, int]) -> bool:
        """Whether the renewal `number` = (incarnation, sequence) is granted by this row: the
        WHERE of the gateway's UPDATE. Late, repeated and revoked ones are not."""
        return (
            not self.revoked
            and replica == self.replica
            and epoch == self.epoch
            and number > (self.incarnation, self.sequence)
        )


class EchoWatch:
    """Two-way evidence at whoever grants (B7): one for each lease, in the gateway's memory.

    Invariant: when the oldest grant that the primary has not echoed was sent 3 H ago, nothing is
    granted any more until an echo moves: a lost way back would otherwise let the agent fence
    itself while we renew for ever. Meanwhile the *last* grant is sent again: it gives nothing
    new, and its echo is what heals us. A gateway that starts begins with an empty one (B3), and
    numbers begin again with each epoch and incarnation, so what was sent before is forgotten.
    """

    __slots__ = ("sent", "session", "span")

    def __init__(self, every: float) -> None:
        self.span = 3 * every
        self.session = (0, 0)
        self.sent: dict[int, float] = {}

    def may_grant(self, *, epoch: int, incarnation: int, echo: int, now: float) -> bool:
        """Call it for each renewal that arrives, before the row is updated."""
        if (epoch, incarnation) != self.session:
            self.session = epoch, incarnation
            self.sent.clear()
        if self.sent:
            self.sent = {number: at for number, at in self.sent.items() if number > echo}
        return not self.sent or now - next(iter(self.sent.values())) < self.span

    def granted(self, sequence: int, now: float) -> None:
        """A grant with this number has been sent."""
        self.sent.setdefault(sequence, now)
