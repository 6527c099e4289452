"""A runbook as a list of steps that a tired person can read. Pure: values for a template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recovery.drp.facts import DANGEROUS, Kind
from recovery.drp.runbooks.kinds import (
    Check,
    Discard,
    Export,
    Fence,
    ForEach,
    Freeze,
    Keep,
    Lift,
    Manual,
    Notify,
    Place,
    Promote,
    Question,
    Restore,
    Select,
    Traffic,
    Verify,
    Wait,
    Webhook,
)
from recovery.drp.runbooks.schema import Runbook, Step
from recovery.drp.runbooks.spans import write_span

CONDITIONS: Mapping[str, str] = {
    "datacenter_is_silent": "the datacenter is silent, seen from elsewhere",
    "datacenter_is_back": "the datacenter answers, whole",
    "destination_is_there": "the datacenter that takes over answers, whole",
    "datacenter_is_fenced": "nothing in the datacenter can be written to",
    "tocsin_sees": "Tocsin itself sees a majority and the outside",
    "automation_is_frozen": "automation is frozen",
    "capacity_is_there": "there is room for everything that is moved",
    "copies_are_restorable": "the copies are restorable, and proven so",
    "databases_serve": "the databases accept writes",
    "applications_answer": "the applications answer",
    "redundancy_is_whole": "everything has its second copy",
    "datacenter_is_empty": "nothing in the datacenter that is left serves users",
}
ANYWHERE = ", or wherever else the scheduler finds room"
"""Of what was lost; what lives is moved into one datacenter, and nowhere else."""
PLACES = {"lost": "the datacenter that is left", "into": "the datacenter that takes over"}


@dataclass(frozen=True, slots=True)
class StepLine:
    """One line of the list. `gate`: who or what lets it begin; `back`: how it is undone."""

    number: int
    id: str
    title: str
    does: str
    gate: str
    owner: str
    within: str
    after: tuple[str, ...]
    back: str
    is_brink: bool
    is_dangerous: bool
    on_failure: str


def step_lines(runbook: Runbook) -> tuple[StepLine, ...]:
    """In the order of the file, numbered as people will say it aloud."""
    titles = {step.id: step.title for step in runbook.steps}
    return tuple(_line(at, step, titles) for at, step in enumerate(runbook.steps, start=1))


def _line(number: int, step: Step, titles: Mapping[str, str]) -> StepLine:
    return StepLine(
        number=number,
        id=step.id,
        title=step.title,
        does=says(step),
        gate=_gate(step),
        owner=step.owner,
        within=write_span(step.timeout),
        after=tuple(titles[need] for need in step.needs),
        back=step.point_of_no_return or step.undo or "",
        is_brink=step.point_of_no_return is not None,
        is_dangerous=step.kind in DANGEROUS,
        on_failure={
            "ask": "pauses and asks",
            "abort": "ends the run",
            "go_on": "goes on without it",
        }[step.on_failure],
    )


def _gate(step: Step) -> str:
    asked = step.approval
    if asked is None:
        return "a person does it" if step.kind is Kind.MANUAL else "by itself"
    people = f"{asked.count} of role {asked.role}"
    if asked.of:
        people += f" out of {', '.join(asked.of)}"
    how = "passkey" if step.kind in DANGEROUS or step.point_of_no_return else "passkey or code"
    return f"{people}, by {how}"


def says(step: Step) -> str:
    """What it does, as one sentence."""
    act = step.do
    if isinstance(act, ForEach):
        inner = _sentence(act.do)
        return (
            f"{inner}, {act.wave} at a time; after each wave {CONDITIONS[act.gate.that]}"
            f" ({act.gate.at_least} %)."
        )
    return f"{_sentence(act)}."


def _sentence(act: object) -> str:  # noqa: PLR0911 - one sentence a kind
    match act:
        case Check():
            return f"Looks whether {CONDITIONS[act.that]}"
        case Wait():
            held = write_span(act.holds_for)
            return f"Waits until {CONDITIONS[act.that]}, for {held} without a break"
        case Verify():
            all_of = ", ".join(CONDITIONS[each] for each in act.that)
            return f"Verifies that {all_of} ({act.at_least} %)"
        case Manual():
            return f"{act.instructions.rstrip('.')}. Write down: {act.evidence.rstrip('.')}"
        case Question():
            return act.question.rstrip(".")
        case Notify():
            return f"Tells {act.audience}: “{act.message.rstrip('.')}”"
        case Freeze():
            return f"Freezes {', '.join(act.what).replace('_', ' ')}"
        case Fence():
            return f"Fences {PLACES[act.datacenter]}, by {act.proof.replace('_', ' ')}"
        case Webhook():
            return f"Calls {act.url} with {act.event}, signed with the key {act.secret}"
    return _moves(act)


def _moves(act: object) -> str:  # noqa: PLR0911 - one sentence a kind
    match act:
        case Lift():
            where = PLACES[act.datacenter]
            return f"Lifts the fence of {where}, if one stands; copies there stay set apart"
        case Promote():
            return f"Promotes the standbys of {_which(act.select, 'databases')}"
        case Restore():
            return f"Restores {_which(act.select, 'databases')} from their best copies"
        case Keep():
            return (
                f"Keeps what the copies of {_which(act.select, 'databases')} hold that came back,"
                " where that was decided"
            )
        case Export():
            return (
                f"Exports what the copies of {_which(act.select, 'databases')} that came back hold"
                " beyond the primary into a store, sealed, where that was decided; whoever takes it"
                " away reads people's data"
            )
        case Discard():
            return (
                f"Lets the copies of {_which(act.select, 'databases')} that came back follow again;"
                " what only they held is kept for 14 days at least, and serves nobody; one that was"
                " to be kept first and is not stays set apart"
            )
        case Place():
            return f"Starts {_which(act.select, 'applications')} in {PLACES['into']}{ANYWHERE}"
        case Traffic():
            return f"Leads the users of {_which(act.select, act.what)} to where they are now"
    raise AssertionError(f"no sentence for {act!r}")


def _which(select: Select, what: str) -> str:
    copies = {"one": " of one container", "more": " of two and more containers", None: ""}
    plan = f"{select.plan} " if select.plan else ""
    missing = " that have no standby elsewhere to promote" if select.standby else ""
    return f"the {plan}{what}{copies[select.copies]} of {PLACES[select.of]}{missing}"
