"""The panels of a run: where it stands, who does what next, its steps, its promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dashboard.facets.anew import anew, offer
from dashboard.permissions import May, Role
from dashboard.screen import Screen
from recovery.access.actions import ROLES
from recovery.core.errors import TocsinError
from recovery.drp.approvals.facts import AskState
from recovery.drp.facts import ActState, Kind, Mode, RunState, StepState
from recovery.drp.press import ROLE, Press, refuse_press, refuse_role
from recovery.drp.queries.people import people_of
from recovery.drp.queries.seeing import refuse_unseen
from recovery.drp.views.asks import find_ask
from recovery.drp.views.drills import drill_hosts as view_hosts
from recovery.drp.views.drills import view_drill
from recovery.drp.views.ended import ended
from recovery.drp.views.pressing import able
from recovery.drp.views.runs import RunView, run_lines
from recovery.drp.views.steps import StepView
from recovery.drp.views.waiting import LIFE, may_answer

Context = Mapping[str, Any]
ITEMS_SHOWN = 12
LONGEST_NUMBER = 15
MODES = {
    Mode.SIMULATION: "Simulation: nothing is done",
    Mode.DRILL: "Drill: not production",
    Mode.PLANNED: "Planned: production",
    Mode.DISASTER: "Disaster: production",
}
ON_RUN = (Press.START, Press.RESUME, Press.PAUSE, Press.WITHDRAW, Press.ABORT)
LOOKED_FOR = {
    RunState.PREPARED: (Press.START, "started"),
    RunState.PAUSED: (Press.RESUME, "resumed"),
}
"""What people look for in these states: while it would be refused, they are told why."""


@dataclass(frozen=True, slots=True)
class Button:
    """`why`: it would be refused: nothing to press, and `says` with this is told instead."""

    press: Press
    href: str
    says: str
    why: str = ""


def roles_of(role: Role) -> frozenset[str]:
    """Each may do what the ones before it may."""
    return frozenset(ROLES[: ROLES.index(role) + 1])


def runs(screen: Screen, key: str) -> Context:
    """`key`: only those of this datacenter."""
    return {"rows": run_lines(lost=key), "modes": MODES}


def asked(screen: Screen, key: str) -> Context | None:
    """Each with what its run could do better now."""
    if not screen.asks:
        return None
    runs = {one.run: _run(screen, str(one.run)) for one in screen.asks}
    offers = {number: offer(run, screen) for number, run in runs.items() if run}
    return {"rows": [(one, offers.get(one.run)) for one in screen.asks]}


def ask_state(screen: Screen, key: str) -> Context | None:
    """Whether an open page is still about something, and whether `key`, a question and the person
    who looks, may answer it."""
    pk, person = _uuid(key.partition("/")[0]), key.partition("/")[2]
    ask = find_ask(pk) if pk else None
    if ask is None:
        return None
    run = _run(screen, str(ask.step.run.number))
    if run is None:
        return None
    sight = run.sight.steps[ask.step.name].ask
    return {
        "ask": ask,
        "is_open": ask.state == AskState.OPEN and sight is not None and sight.id == str(pk),
        "is_mine": screen.may(May.ANSWER) and may_answer(run.row, ask, person),
        "missing": sight.weighed.missing if sight else "",
        "newer": sight.id if sight and sight.id != str(pk) else "",
        "drift": run.sight.drift,
        "better": offer(run, screen),
        "unseen": refuse_unseen(run.sight.plan, unwatched=screen.unwatched),
        "ended": ended(ask),
        "expires_at": ask.asked_at + LIFE,
        "run": run,
    }


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _run(screen: Screen, key: str) -> RunView | None:
    """None where there is none, or none that can be read: its page says why, and no panel fails."""
    if not key.isdecimal() or len(key) > LONGEST_NUMBER:
        return None
    try:
        return screen.run(int(key))
    except TocsinError:
        return None


def run_voice(screen: Screen, key: str) -> Context | None:
    run = _run(screen, key)
    if run is None:
        return None
    return {"run": run, "mode": MODES[run.mode], "said": sentence(run), "tone": _tone(run)}


def _tone(run: RunView) -> str:
    if any(step.unknown for step in run.steps):
        return "unknown"
    if run.state is RunState.PAUSED or any(step.tone == "down" for step in run.steps):
        return "risk"
    return ""


STANDS = {
    RunState.PREPARED: "is prepared. Nobody has started it.",
    RunState.PAUSED: "stands still.",
    RunState.ABORTING: "is being aborted: what is on its way is waited for.",
    RunState.ABORTED: "was aborted.",
}


def sentence(run: RunView) -> str:
    """What stands at the top."""
    where = f"{run.row.lost} into {run.row.into}"
    if run.state in STANDS:
        return f"{where} {STANDS[run.state]}"
    if run.state is RunState.DONE:
        return _ended(run)
    lost = next((step for step in run.steps if step.unknown), None)
    if lost is not None:
        return f"{where} waits for a person’s word: {lost.line.title}."
    for state, says in ((StepState.ASKING, "waits for a yes"), (StepState.BEGUN, "goes on")):
        found = next((step for step in run.steps if step.state is state), None)
        if found is not None:
            return f"{where} {says}: {found.line.title}."
    return f"{where} goes on."


def _ended(run: RunView) -> str:
    where = f"{run.row.lost} into {run.row.into}"
    failed = [step for step in run.steps if step.state is StepState.FAILED]
    bad = len(failed)
    if run.mode is Mode.SIMULATION:
        found = f"{bad} of {len(run.steps)} steps would not work now" if bad else "all would work"
        return f"{where} was simulated: {found}."
    if bad == 1:
        return f"{where} is done, but: {failed[0].said or failed[0].line.title}"
    return f"{where} is done{f', {bad} of its steps failed' if bad else ''}."


def run_next(screen: Screen, key: str) -> Context | None:
    run = _run(screen, key)
    if run is None:
        return None
    roles = roles_of(screen.role)
    mine = next((one for one in run.next if one.who in roles and one.people), None)
    buttons = list(_buttons(run, roles))
    return {
        "run": run,
        "mine": mine,
        "buttons": buttons,
        "start": _of(buttons, Press.START),
        "abort": _of(buttons, Press.ABORT) if _is_stale(run) else None,
        "anew": anew(run, screen) if screen.may(May.RUN) else None,
        "better": offer(run, screen),
        "frozen": run.is_over and any(one.run == str(run.row) for one in screen.freezes),
    }


def _is_stale(run: RunView) -> bool:
    """It stands still and is not as it was approved: no press goes on with it."""
    return run.state is RunState.PAUSED and bool(run.sight.drift)


def _of(buttons: list[Button], press: Press) -> Button | None:
    return next((one for one in buttons if one.press is press and not one.why), None)


def _buttons(run: RunView, roles: frozenset[str]) -> Iterator[Button]:
    """Those that would do something; of a start and a resume that would not, why not."""
    looked_for, word = LOOKED_FOR.get(run.state, (None, ""))
    for press in ON_RUN:
        why = refuse_press(press, run.sight, roles, said="It is asked for.")
        if not why:
            href = f"/recovery/runs/{run.row.number}/{press}/"
            yield Button(press, href, f"{press.capitalize()} {run.row}…")
        elif press is looked_for and ROLE[press] in roles:
            yield Button(press, "", f"{run.row} cannot be {word} now", why)


def run_steps(screen: Screen, key: str) -> Context | None:
    run = _run(screen, key)
    if run is None:
        return None
    roles = roles_of(screen.role)
    rows = [(step, tuple(_step_buttons(run, step, roles)), _shown(step)) for step in run.steps]
    brink = next((step.line.id for step in run.steps if step.line.is_brink), "")
    return {"run": run, "rows": rows, "brink": brink}


def _step_buttons(run: RunView, step: StepView, roles: frozenset[str]) -> Iterator[Button]:
    """Per step: what failed is tried again or skipped, what a person does is written down, and
    what nobody knows is told."""
    at, name, title = f"/recovery/runs/{run.row.number}", step.line.id, step.line.title
    for press in (Press.RETRY, Press.SKIP, Press.UNDO):
        if step.state is not StepState.FAILED and press is Press.SKIP:
            continue
        why = refuse_press(press, run.sight, roles, step=name, said="It is asked for.")
        says = f"{press.capitalize()} “{title}”…"
        if not why:
            yield Button(press, f"{at}/{press}/{name}/", says)
        elif press is Press.SKIP and (who := _others(run, name, why)):
            yield Button(press, "", says, who)
    for item in step.items:
        word = _word(step, item.state)
        if word is None:
            continue
        if not refuse_press(word, run.sight, roles, step=name, key=item.key, said="It is."):
            verb = "Write down what you did" if word is Press.REPORT else f"Say of {item.name}"
            yield Button(word, f"{at}/{word}/{name}/?key={item.key}", f"{verb}…")


def _others(run: RunView, step: str, why: str) -> str:
    """Who skips it, where it is skipped, and is not whoever looks."""
    if why != refuse_role(Press.SKIP, run.sight, frozenset(), step):
        return ""
    return " or ".join(able(run.sight, Press.SKIP, step, people_of())) or "nobody is there who may"


def _word(step: StepView, state: str) -> Press | None:
    if state == ActState.UNKNOWN:
        return Press.TELL
    is_manual = step.kind is Kind.MANUAL
    return Press.REPORT if is_manual and state == ActState.INTENDED else None


def _shown(step: StepView) -> tuple[list[Any], int]:
    """Items worth a line: the troubled and those under way first; how many more there are."""
    if not step.has_items or step.state is StepState.PENDING:
        return [], 0
    order = {"unknown": 0, "failed": 1, "intended": 2, "": 3, "done": 4}
    rows = sorted(step.items, key=lambda one: order[one.state])
    return rows[:ITEMS_SHOWN], max(0, len(rows) - ITEMS_SHOWN)


def run_drill(screen: Screen, key: str) -> Context | None:
    """Where a drill is carried out, and that nothing of it is left."""
    run = _run(screen, key)
    view = view_drill(run.row, is_over=run.is_over) if run else None
    return {"view": view} if view else None


def drill_hosts(screen: Screen, key: str) -> Context | None:
    rows = view_hosts()
    return {"rows": rows} if rows else None


def run_promises(screen: Screen, key: str) -> Context | None:
    run = _run(screen, key)
    if run is None or run.mode is Mode.SIMULATION or not run.promises:
        return None
    return {"run": run}


def run_facts(screen: Screen, key: str) -> Context | None:
    run = _run(screen, key)
    return {"run": run, "mode": MODES[run.mode]} if run else None
