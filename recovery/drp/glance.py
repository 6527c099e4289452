"""What of a plan that was shown has to stand still until it is prepared, part by part. Pure.

Invariant: whatever decides what is done, to what, with which class of loss, and what nobody proves
or brings back is in one of the parts; what only grows while somebody reads is in none. What people
approve afterwards is the whole plan, as it was prepared.
"""

from __future__ import annotations

from recovery.brief.canon import Plain, loss_class, seal, unlike
from recovery.drp.plan import Plan, digest


def glance(plan: Plan) -> dict[str, Plain]:
    """Four parts, each by its name."""
    return {
        "its steps and targets": [
            plan.runbook_digest,
            str(plan.mode),
            *(f"{one.key} {one.epoch}" for one in (plan.lost, plan.into)),
            plan.requester,
            plan.last_editor,
            plan.origin,
            [
                [step.id, *(f"{one.key} {one.epoch}" for wave in step.waves for one in wave)]
                for step in plan.steps
            ],
        ],
        "its losses": [
            [one.database, one.way, one.source, loss_class(one.lost_ms)] for one in plan.quotes
        ],
        "what it leaves out": [[one.step, one.target.key, one.reason] for one in plan.left_out],
        "what nobody can prove, and what goes back": [
            [[one.database, one.replica, one.said] for one in plan.doubts],
            [
                [one.target.key, list(one.copies), one.choice, one.held, list(one.stores)]
                for one in plan.moves
            ],
        ],
    }


def seen_of(plan: Plan) -> str:
    """What a page or a caller hands back."""
    return seal(glance(plan))


def unlike_seen(seen: str, plan: Plan) -> tuple[str, ...]:
    """Which parts are others than what was shown; `seen` may be the whole plan's digest."""
    return () if seen == digest(plan) else unlike(seen, glance(plan))
