"""Why a plan is not prepared at all: nobody could carry it out. Pure."""

from __future__ import annotations

from recovery.drp.facts import Kind, Mode
from recovery.drp.plan import EXPORT, Plan, PlannedStep


def refuse_plan(plan: Plan) -> str:
    """Why this plan cannot be carried out by this version; empty where it can."""
    if plan.origin and not plan.moves:
        return (
            f"Nothing that DRP-{plan.origin:04d} moved goes back from {plan.lost.name} into"
            f" {plan.into.name}: what is left out says why."
        )
    nowhere = next((one for one in plan.moves if one.choice == EXPORT and not one.stores), None)
    if nowhere is not None:
        return f"{nowhere.target.name} is exported nowhere. {nowhere.where} Keep it aside instead."
    return _unsigned(plan) if plan.mode is Mode.DRILL else ""


def _unsigned(plan: Plan) -> str:
    """A drill's host starts a command by signatures alone, and takes those of an earlier step."""
    for step in plan.steps:
        starts = step.kind is Kind.PLACE_APPLICATIONS and step.waves
        is_asked = step.approval is not None
        if starts and not is_asked and not any(map(_is_signed, _before(step, plan))):
            return (
                f"Nobody signs this plan before “{step.title}”, and the hosts of a drill start"
                " nothing that nobody signed: let a step before it take a passkey."
            )
    return ""


def _is_signed(step: PlannedStep) -> bool:
    return step.wants_passkey and not step.is_idle


def _before(step: PlannedStep, plan: Plan) -> list[PlannedStep]:
    """The step itself, and all that is over when it begins."""
    found, todo = {step.id: step}, [*step.needs]
    while todo:
        one = plan.step(todo.pop())
        if one.id not in found:
            found[one.id] = one
            todo += one.needs
    return list(found.values())
