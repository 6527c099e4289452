"""The terms of a lease, what follows from them, and why bad ones are refused. Pure.

Invariant: whatever `refusals` lets through keeps the formulas of safety.md 3.1; each refusal says
the inequality with its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from recovery.core.leases import guard_span
from recovery.inventory.facts import Profile

LEAST_EARLY = 5.0
"""Nobody stops an asynchronous database for an outage shorter than this (safety.md 3.1)."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds of one profile (safety.md 3.2), each with its letter there.

    `every` H, `timeout` R, `length` L, `drift` rho (a share), `closing` F; the budgets: `tick`
    tau, `commit` C, `order` O, `promote` P, `redirect` D, `one_way` delta; `leader` T_lead, the
    take-over by another controller. `promise`: what was promised to the user, from the loss on.
    """

    every: float
    timeout: float
    length: float
    tick: float
    commit: float
    order: float
    promote: float
    redirect: float
    promise: float
    drift: float = 0.001
    closing: float = 0.01
    one_way: float = 0.05
    leader: float = 6.0

    @property
    def span(self) -> float:
        """L_cp: the decider waits this long after it first saw the newest renewal (B2)."""
        return guard_span(self.length, drift=self.drift, closing=self.closing)

    @property
    def early(self) -> float:
        """When an asynchronous primary without any contact closes: max(3 H, 5 s).

        3 H is safety.md's measure of "nobody hears me". With the fast profile that is 1.5 s, one
        slow round of a busy gateway: an outage by our own hand. The rule's second half, "early
        self-fence >= 5 s", therefore lifts the span itself instead of refusing the profile: the
        price is 3.5 s more of writes on the losing side of a cut, still 1 s less than the lease.
        """
        return max(3 * self.every, LEAST_EARLY)

    @property
    def read_within(self) -> float:
        """A renewal tells a position that its agent read at most so long before it was sent: an
        agent whose server did not answer for longer sends none."""
        return max(1.5, 3 * self.every)

    @property
    def worst_case(self) -> float:
        """RTO_max of a crash = L_cp + tau + C + O + P + D + 2 delta."""
        acts = self.tick + self.commit + self.order + self.promote + self.redirect
        return self.span + acts + 2 * self.one_way

    @property
    def pause_tolerated(self) -> float:
        """L - H - R: an agent that sleeps longer finds its gate closed."""
        return self.length - self.every - self.timeout


FAST = Terms(
    every=0.5, timeout=0.7, length=6, tick=0.5, commit=0.3, order=0.8, promote=3, redirect=1,
    promise=15,
)  # fmt: skip
STANDARD = Terms(
    every=2, timeout=3, length=20, tick=1, commit=0.5, order=1, promote=10, redirect=3, promise=60
)
TERMS = {Profile.FAST: FAST, Profile.STANDARD: STANDARD}


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured where the terms are to hold.

    `drift`: worst share by which two clocks of the fleet ran apart; `longest_gap`: between two
    renewals in the last 7 days, None: not 7 days yet; `accepted_by`: who accepts unproven gaps.
    """

    drift: float = 0.0
    longest_gap: float | None = None
    accepted_by: str = ""


def refusals(
    terms: Terms,
    measured: Measured,
    *,
    is_asynchronous: bool,
    profile: Profile = Profile.STANDARD,
    worst_case: float | None = None,
) -> tuple[str, ...]:
    """Every reason not to run under these terms. `worst_case`: the prover's, if it is known."""
    most = terms.worst_case if worst_case is None else worst_case
    found = [
        _unless(
            terms.every * 6 <= terms.length,
            f"H*6 <= L does not hold: {terms.every:g}*6 = {terms.every * 6:g} > {terms.length:g} s;"
            " fewer than six renewals fit into a lease.",
        ),
        _unless(
            terms.timeout <= terms.every * 1.5,
            f"R <= H*1.5 does not hold: {terms.timeout:g} > {terms.every:g}*1.5 ="
            f" {terms.every * 1.5:g} s; one lost renewal would hold up the next two.",
        ),
        _unless(
            terms.drift >= 2 * measured.drift,
            f"rho >= 2*measured drift does not hold: {terms.drift:g} < 2*{measured.drift:g} ="
            f" {2 * measured.drift:g}; the clocks here run apart too fast.",
        ),
        _unless(
            most <= terms.promise,
            f"RTO_max <= promise does not hold: {most:.1f} > {terms.promise:g} s.",
        ),
        _unless(
            not is_asynchronous or terms.early < terms.length,
            f"early self-fence max(3H, 5 s) < L does not hold: {terms.early:g} >="
            f" {terms.length:g} s; it would never come before the lease's end.",
        ),
    ]
    if profile is Profile.FAST:
        found.append(_unproven(terms, measured))
    return tuple(reason for reason in found if reason)


def _unproven(terms: Terms, measured: Measured) -> str:
    """The fast profile wants 7 days of renewal gaps < L/2, or a named override (safety.md 0)."""
    half = terms.length / 2
    if measured.longest_gap is not None:
        return _unless(
            measured.longest_gap < half or bool(measured.accepted_by),
            f"longest renewal gap < L/2 does not hold: {measured.longest_gap:g} >= {half:g} s.",
        )
    return _unless(
        bool(measured.accepted_by),
        f"longest renewal gap < L/2 = {half:g} s is not shown by 7 days of renewals; a named"
        " person may accept unproven renewal gaps.",
    )


def _unless(holds: bool, reason: str) -> str:
    return "" if holds else reason
