"""Promised against measured, from what the product's own users of each service saw. Pure.

Invariants: a figure comes from rows or is None; what was not measured keeps no promise and breaks
none; what is still down has no recovery time, and breaks its promise once that has run out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from recovery.drp.reports.document import Measure, Missing, Promise, Service, Tally, Target
from recovery.drp.reports.drilled import stood
from recovery.drp.reports.facts import Facts, GapFact, PromiseFact, TargetFact
from recovery.drp.reports.parts import when
from recovery.drp.reports.words import clock, counted, span
from recovery.drp.runbooks.covers import Covers

KEPT, BROKEN, UNKNOWN = "kept", "broken", "unknown"
NO_PROMISE, DOES_NOT_APPLY = "no promise", "does not apply"
GAP_SEEN = 1.0
"""Seconds: a shorter gap is no row."""


def measured_targets(facts: Facts) -> tuple[Target, ...]:
    """Each database and application of the plan once, by name."""
    promises = {one.covers: one for one in reversed(facts.plan.services) if one.covers}
    rows = sorted(facts.targets, key=lambda one: (one.type, one.name, one.key))
    return tuple(
        _target(one, promises.get(one.covers) if one.covers else None, facts) for one in rows
    )


def _target(one: TargetFact, promise: PromiseFact | None, facts: Facts) -> Target:
    if facts.drill is not None:
        return _drilled(one, promise, facts)
    rto = recovery_time(one, promise.rto if promise else None, facts.made_at)
    rpo = data_lost(one, promise.rpo if promise else None, facts.lost_at)
    name = promise.name if promise else ""
    return Target(one.key, one.type, one.name, name, rto=rto, rpo=rpo)


def _drilled(one: TargetFact, promise: PromiseFact | None, facts: Facts) -> Target:
    """In a drill nobody of production waited: what is measured is what the drill took."""
    thing = stood(one, facts)
    began, name = facts.run.started_at, promise.name if promise else ""
    rto, rpo = (promise.rto, promise.rpo) if promise else (None, None)
    waits = Measure(rto, None, False, _open(rto), "In the drill nothing stood for it.")
    loses = Measure(rpo, None, False, _open(rpo), "In the drill it was not restored.")
    if one.type != "database":
        loses = Measure(rpo, None, False, DOES_NOT_APPLY, "It keeps no data of its own.")
    if thing is not None:
        seconds = span(began, thing.stood_at)
        said = f"From the drill's start until it stood on {thing.host}."
        waits = Measure(rto, seconds, False, verdict(rto, seconds), said)
    if thing is not None and thing.recoverable_to is not None:
        gone = 0.0 if began and thing.recoverable_to >= began else span(thing.recoverable_to, began)
        said = f"Restored up to {clock(thing.recoverable_to)}; the drill began {when(began)}."
        loses = Measure(rpo, gone, False, verdict(rpo, gone), said)
    return Target(one.key, one.type, one.name, name, rto=waits, rpo=loses)


def recovery_time(one: TargetFact, promised: int | None, now: datetime) -> Measure:
    """From the last acknowledged write (or answer) before the longest gap to the first after it."""
    what = "acknowledged write" if one.type == "database" else "answer"
    if one.out_since is not None:
        waited = span(one.out_since, now)
        is_late = promised is not None and waited is not None and waited > promised
        said = f"Not back when this was written: no {what} since {clock(one.out_since)}."
        return Measure(promised, None, False, BROKEN if is_late else _open(promised), said)
    if one.gaps:
        return _longest_gap(one, promised, what)
    if one.is_measured:
        said = "No gap of a second or more was seen."
        return Measure(promised, GAP_SEEN, True, verdict(promised, GAP_SEEN, bound=True), said)
    return Measure(promised, None, False, _open(promised), "Nobody measured it.")


def _longest_gap(one: TargetFact, promised: int | None, what: str) -> Measure:
    """What nobody saw the end of, or was not watched all the time, may have been longer."""
    gap = longest(one.gaps)
    seconds = span(gap.began, gap.ended)
    is_least = not (gap.is_end_seen and one.is_measured)
    judged = verdict(promised, seconds)
    if is_least and judged == KEPT:
        judged = UNKNOWN
    more = f" The longest of {len(one.gaps)} gaps." if len(one.gaps) > 1 else ""
    if not gap.is_end_seen:
        said = f"No {what} from {clock(gap.began)} to {clock(gap.ended)}; nobody saw its end.{more}"
        return Measure(promised, None, False, judged, said)
    more += (
        "" if one.is_measured else " It was not watched all the time: there may be a longer one."
    )
    said = f"Last {what} {clock(gap.began)}, the first after it {clock(gap.ended)}.{more}"
    return Measure(promised, seconds, False, judged, said)


def data_lost(one: TargetFact, promised: int | None, lost_at: datetime | None) -> Measure:
    """How much of what was written is gone, in seconds of writes."""
    if one.type != "database":
        said = "It keeps no data of its own."
        return Measure(promised, None, False, DOES_NOT_APPLY, said)
    if one.restored:
        found = _restored(one, promised, lost_at)
        return msgspec.structs.replace(found, said=f"{found.said} {one.left}".rstrip())
    missing = sum(gap.lost for gap in one.gaps)
    if missing:
        said = f"{counted(missing, 'acknowledged write is', 'acknowledged writes are')} missing."
        return _quoted(one, promised, said)
    if one.out_since is not None:
        return Measure(promised, None, False, _open(promised), "It does not serve yet.")
    return _unhurt(one, promised)


def _unhurt(one: TargetFact, promised: int | None) -> Measure:
    """It serves, and no write is known to be missing."""
    if one.gaps:
        return _nothing(promised, "None of the writes acknowledged before the gap is missing.")
    if one.loss is not None:
        return _quoted(one, promised, "")
    if one.is_measured:
        return _nothing(promised, "No acknowledged write is missing, and none was interrupted.")
    return Measure(promised, None, False, _open(promised), "Nobody measured it.")


def _nothing(promised: int | None, said: str) -> Measure:
    """Counted, and nothing is missing: the one 0 that a report knows."""
    return Measure(promised, 0.0, False, verdict(promised, 0.0), said)


def _restored(one: TargetFact, promised: int | None, lost_at: datetime | None) -> Measure:
    """From the moment it was restored to until the last acknowledged write, or the loss."""
    until = _written_until(one) or lost_at
    to = one.recovered_to
    if to is None:
        said = "Its restore has not said up to which moment it came."
        return Measure(promised, None, False, _open(promised), said)
    if until is None:
        said = f"Restored up to {clock(to)}; nobody saw when it was written last."
        return Measure(promised, None, False, _open(promised), said)
    seconds = 0.0 if to >= until else span(to, until)
    said = f"Restored up to {clock(to)}; it was written until {clock(until)}."
    return Measure(promised, seconds, False, verdict(promised, seconds), said)


def _written_until(one: TargetFact) -> datetime | None:
    """The last acknowledged write before the restored data served: longer gaps before and after
    it are none of the restore's."""
    began = [gap.began for gap in one.gaps]
    if one.out_since is not None:
        began.append(one.out_since)
    at = one.restored_at
    return max((each for each in began if at is None or each <= at), default=None)


def _quoted(one: TargetFact, promised: int | None, said: str) -> Measure:
    """At most what its promotion was quoted to lose."""
    bound = one.loss.bound if one.loss else None
    quote = (one.loss.said if one.loss else "") or "As it was quoted when it was promoted."
    text = f"{said} {quote}" if said and one.loss else said or quote
    if bound is None:
        return Measure(promised, None, False, _open(promised), text)
    return Measure(promised, bound, True, verdict(promised, bound, bound=True), text)


def longest(gaps: Sequence[GapFact]) -> GapFact:
    return max(gaps, key=lambda gap: (gap.ended - gap.began, gap.began))


def verdict(promised: int | None, seconds: float | None, *, bound: bool = False) -> str:
    """A bound beyond the promise says nothing: it may have been less."""
    if promised is None or seconds is None:
        return _open(promised)
    if seconds <= promised:
        return KEPT
    return UNKNOWN if bound else BROKEN


def _open(promised: int | None) -> str:
    return NO_PROMISE if promised is None else UNKNOWN


# ------------------------------------------------------------------ per promise


def measured_services(facts: Facts, targets: Sequence[Target]) -> tuple[Service, ...]:
    """Each promise of the plan, in its order. A target belongs to one at most."""
    keys: dict[Covers, set[str]] = {}
    for one in facts.targets:
        if one.covers is not None:
            keys.setdefault(one.covers, set()).add(one.key)
    taken: set[Covers] = set()
    found = []
    for promise in facts.plan.services:
        covers = promise.covers if promise.covers not in taken else None
        if covers is not None:
            taken.add(covers)
        ours = [one for one in targets if covers and one.key in keys.get(covers, set())]
        found.append(_service(promise, ours, has_scope=covers is not None))
    return tuple(found)


def _service(promise: PromiseFact, ours: Sequence[Target], *, has_scope: bool) -> Service:
    said = "" if has_scope else "The plan does not say which services this is about."
    if has_scope and not ours:
        said = "The plan took none of these."
    return Service(
        promise=Promise(promise.name, promise.rto, promise.rpo, promise.mtpd),
        targets=len(ours),
        rto=tally(one.rto for one in ours),
        rpo=tally(one.rpo for one in ours),
        said=said,
    )


def tally(measures: Iterable[Measure]) -> Tally:
    """They add up to the targets. `worst` None: none was measured."""
    rows = list(measures)
    by = {name: sum(one.verdict == name for one in rows) for name in (KEPT, BROKEN, UNKNOWN)}
    known = [one.seconds for one in rows if one.seconds is not None]
    return Tally(
        kept=by[KEPT],
        broken=by[BROKEN],
        unknown=by[UNKNOWN],
        none=len(rows) - sum(by.values()),
        worst=max(known, default=None),
    )


def not_back(facts: Facts) -> tuple[Missing, ...]:
    """Everything of the plan that does not serve, or that nothing was done about. What failed and
    serves all the same, where it was, stands among the steps."""
    found = []
    for one in sorted(facts.targets, key=lambda each: (each.type, each.name, each.key)):
        why = _why_not(one)
        if why:
            found.append(Missing(one.key, one.name, why))
    return tuple(found)


def _why_not(one: TargetFact) -> str:
    out = f"Out since {clock(one.out_since)}." if one.out_since is not None else ""
    left = f"The plan left it out: {one.left_out}" if one.left_out else ""
    serves = one.is_measured and one.out_since is None
    if out or (one.failed and not serves):
        return " ".join(part for part in (out, one.failed, left) if part)
    return "" if one.gaps or one.is_measured else left
