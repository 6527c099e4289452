"""What is no longer as it was when a plan was approved, in sentences. Pure.

Invariant: whatever would change what a step that has not begun does, or what was quoted, is named;
what this run did itself (`ours`), or is about to have done (`busy`), is not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from recovery.drp.facts import Kind, Mode
from recovery.drp.plan import EXPORT, FOLLOWS, KEEP, Move, Plan, PlannedStep, Quote, Target
from recovery.drp.planning.leaving import BY_HAND

Epochs = Mapping[str, int]
OLD_DRILL = (
    "It was prepared before Tocsin was updated, and does not say what a drill begins on its hosts:"
    " they begin nothing of it."
)
SLACK_MS = 5000
"""By so much a promotion may lose more than was quoted (`elect.SLACK`)."""


@dataclass(frozen=True, slots=True)
class _Ours:
    """What moved by this run's hand."""

    epochs: Epochs
    busy: frozenset[str]

    def touched(self, key: str) -> bool:
        return key in self.epochs or key in self.busy


def drift(
    approved: Plan,
    now: Plan,
    *,
    ours: Epochs | None = None,
    ended: Collection[str] = (),
    busy: Collection[str] = (),
) -> tuple[str, ...]:
    """`ours`: the epochs to which this run has brought targets; `ended`: steps that are over;
    `busy`: targets of acts of ours whose outcome is still to come: they move, and by our hand."""
    return tuple(
        dict.fromkeys(
            [
                *_head(approved, now),
                *_steps(approved, now, _Ours(ours or {}, frozenset(busy)), ended),
                *_quotes(approved, now, _Ours(ours or {}, frozenset(busy))),
                *_doubts(approved, now, _Ours(ours or {}, frozenset(busy))),
                *_moves(approved, now, _Ours(ours or {}, frozenset(busy))),
                *_things(approved, now, ended),
            ]
        )
    )


def _head(approved: Plan, now: Plan) -> Iterator[str]:
    if approved.mode != now.mode:
        yield f"It was approved as a {approved.mode}, and would be a {now.mode}."
    if (approved.runbook, approved.version) != (now.runbook, now.version):
        yield (
            f"It was {approved.runbook} version {approved.version}; now it is {now.runbook}"
            f" version {now.version}."
        )
    elif approved.runbook_digest != now.runbook_digest:
        yield f"{approved.runbook} version {approved.version} was rewritten under the same number."
    for word, was, then in (
        ("The datacenter that is left", approved.lost, now.lost),
        ("The datacenter that takes over", approved.into, now.into),
    ):
        if was.key != then.key:
            yield f"{word} was {was.name}; now it is {then.name}."
    for word, who, told in (
        ("was asked for", approved.requester, now.requester),
        ("was written", approved.last_editor, now.last_editor),
    ):
        if who != told:
            yield f"The plan says that it {word} by {who or 'nobody'}, and its rows by {told}."


def _steps(approved: Plan, now: Plan, ours: _Ours, ended: Collection[str]) -> Iterator[str]:
    before = {step.id: step for step in approved.steps}
    after = {step.id: step for step in now.steps}
    for name in before.keys() - after.keys():
        yield f"Step {name} is in the runbook no longer."
    for name in after.keys() - before.keys():
        yield f"Step {name} is new in the runbook."
    for name, step in before.items():
        if name in after and name not in ended:
            yield from _no_targets(step, after[name], now, ours)
            yield from _step(step, after[name], ours, _is_by_our_hand(name, now, ours))


def _is_by_our_hand(step: str, now: Plan, ours: _Ours) -> bool:
    """All that people would do there by hand is what this run moves itself."""
    found = [one for one in now.left_out if one.step == step and one.reason == BY_HAND]
    return bool(found) and all(ours.touched(one.target.key) for one in found)


def _no_targets(was: PlannedStep, then: PlannedStep, now: Plan, ours: _Ours) -> Iterator[str]:
    """Each with why: whoever reads it has not seen what happened since. Where a person lifted the
    fence, or let a copy follow, there is less to do, and that is no other plan."""
    if was.kind in {Kind.LIFT_FENCE, Kind.DISCARD_COPIES}:
        return
    left = {target.key for wave in then.waves for target in wave}
    for target in (target for wave in was.waves for target in wave):
        if target.key not in left and not ours.touched(target.key):
            why = _why_gone(was, target, now)
            yield f"{was.id}: {target.name} is no target of it any more{why and f': {why}'}."


def _why_gone(was: PlannedStep, target: Target, now: Plan) -> str:
    key = (was.id, target.key)
    if out := next((o.reason for o in now.left_out if (o.step, o.target.key) == key), ""):
        return out
    select = was.params.get("select") or {}
    place = now.into.name if select.get("of") == "into" else now.lost.name
    if target.type == "application":
        return f"it has no container in {place} now"
    if target.type != "database":
        return ""
    if was.kind is Kind.PROMOTE_DATABASES:
        return f"it does not lead in {place} now, or has no standby in {now.into.name} to promote"
    if select.get("standby") is None:
        return f"it does not lead in {place} now"
    return f"it does not lead in {place} now, or a copy in {now.into.name} follows it again"


def _step(was: PlannedStep, then: PlannedStep, ours: _Ours, is_ours: bool) -> Iterator[str]:
    old = {target.key: target for wave in was.waves for target in wave}
    new = {target.key: target for wave in then.waves for target in wave}
    for key, target in old.items():
        if key in new and (word := _epoch(target, new[key], ours)) != "":
            yield f"{was.id}: {word}"
    # No standby of it stands by while it is promoted.
    for key in new.keys() - old.keys() - ours.busy:
        if is_ours and new[key].type == "tocsin":
            continue
        yield f"{was.id}: {new[key].name} is a target of it now, and was not when it was approved."
    if _rest(was) != _rest(then):
        yield f"{was.id} does something else now than what was approved."


def _epoch(was: Target, then: Target, ours: _Ours) -> str:
    if then.epoch == was.epoch or was.key in ours.busy or then.epoch == ours.epochs.get(was.key):
        return ""
    return f"{was.name} is in epoch {then.epoch} now; the plan saw epoch {was.epoch}."


def _rest(step: PlannedStep) -> tuple[object, ...]:
    """All of a step but its targets."""
    return (
        step.kind,
        step.needs,
        step.params,
        step.timeout,
        step.retries,
        step.on_failure,
        step.undo,
        step.point_of_no_return,
        step.approval,
        step.gate,
        step.owner,
        step.stage,
        step.title,
    )


def _quotes(approved: Plan, now: Plan, ours: _Ours) -> Iterator[str]:
    after = {(quote.database, quote.way): quote for quote in now.quotes}
    for quote in approved.quotes:
        found = after.get((quote.database, quote.way))
        if quote.way == "promote":
            yield from _promoted(quote, found, ours)
        elif found is None:
            if not ours.touched(f"database:{quote.database}"):
                yield f"{quote.name} has no copy to restore any more; it was quoted {quote.moment}."
        elif found.moment < quote.moment:
            yield (
                f"{quote.name} can be restored up to {found.moment} only; it was quoted up to"
                f" {quote.moment}."
            )


def _promoted(quote: Quote, found: Quote | None, ours: _Ours) -> Iterator[str]:
    """More than was quoted, beyond the slack that a promotion has, or of nobody knows how much."""
    if found is None or quote.lost_ms is None or ours.touched(f"database:{quote.database}"):
        return
    if found.lost_ms is None:
        yield f"{quote.name}: nobody can tell any more what {found.source} lacks."
    elif found.lost_ms > quote.lost_ms + SLACK_MS:
        yield (
            f"{quote.name} would lose {found.lost_ms / 1000:.0f} s ({found.source}); it was quoted"
            f" {quote.lost_ms / 1000:.0f} s."
        )


def _doubts(approved: Plan, now: Plan, ours: _Ours) -> Iterator[str]:
    """What nobody was shown. Whoever answered for more answered for less, too."""
    known = {(one.database, one.replica, one.said) for one in approved.doubts}
    if approved.v < 3:
        return
    for one in now.doubts:
        is_known = (one.database, one.replica, one.said) in known
        if not is_known and not ours.touched(f"database:{one.database}"):
            yield f"{one.said} That was not on the page when it was approved."


def _moves(approved: Plan, now: Plan, ours: _Ours) -> Iterator[str]:
    """Which copies go back was approved one by one."""
    if approved.origin != now.origin:
        yield f"It takes back DRP-{approved.origin:04d}, and would take back DRP-{now.origin:04d}."
    after = {move.target.key: move for move in now.moves}
    for move in approved.moves:
        found = after.get(move.target.key)
        if found is not None and _may_follow(move, found):
            if not ours.touched(move.target.key):
                done = DONE[move.choice]
                yield f"{move.target.name}: what it holds was to be {done}. {found.held}"
            continue
        is_other = found is None or (found.copies, found.choice) != (move.copies, move.choice)
        if is_other and not ours.touched(move.target.key):
            yield f"{move.target.name}: what goes back of it is not what was approved."


def _things(approved: Plan, now: Plan, ended: Collection[str]) -> Iterator[str]:
    """What a drill's host would be told is another than what it compares it with, or is nothing
    that it could compare."""
    steps = approved.steps
    after = {one.target: one.what for one in now.things}
    if approved.v < 5:
        left = {one.key for step in steps if step.id not in ended for w in step.waves for one in w}
        if approved.mode is Mode.DRILL and left & after.keys():
            yield OLD_DRILL
        return
    names = {one.key: one.name for step in steps for wave in step.waves for one in wave}
    for one in approved.things:
        if after.get(one.target, one.what) != one.what:
            yield f"{names[one.target]} would be begun otherwise than it was approved."


DONE = {KEEP: "kept", EXPORT: "exported"}


def _may_follow(was: Move, then: Move) -> bool:
    """A fence was lifted by hand: what people wanted to be kept, failover makes fit to follow."""
    return was.choice in {KEEP, EXPORT} and then.held.count(FOLLOWS) > was.held.count(FOLLOWS)
