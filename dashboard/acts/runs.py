"""What pages, API and command line do with runs: call the room's action, say what came of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from dashboard.pulse import unwatched
from recovery.audit.facts import Actor
from recovery.core import clock
from recovery.core.consent import Assertion, challenge
from recovery.core.errors import Conflict, Missing, Refused, no_such
from recovery.drp import actions
from recovery.drp.actions.answers import Answer, glass_to_break
from recovery.drp.actions.runs import Override
from recovery.drp.approvals.facts import Rule
from recovery.drp.drills import actions as drills
from recovery.drp.drills.models import DrillHost
from recovery.drp.facts import Mode
from recovery.drp.failback import Back
from recovery.drp.models import Run
from recovery.drp.planning.inventory import Wish
from recovery.drp.planning.refusing import refuse_plan
from recovery.drp.press import Press
from recovery.drp.queries.approvals import glass_word
from recovery.drp.queries.failback import back_of
from recovery.drp.queries.runs import plan_of
from recovery.drp.views.asks import AskPage, view_ask
from recovery.drp.views.runs import find_run
from recovery.drp.views.starts import decision_for, find_book, refuse_undecided

DONE: Mapping[Press, str] = {
    Press.START: "{run} runs. Each step that takes a yes waits for another person.",
    Press.WITHDRAW: "{run} is withdrawn; nothing of it was begun.",
    Press.PAUSE: "{run} is paused: nothing new begins, what is under way is waited for.",
    Press.RESUME: "{run} goes on.",
    Press.ABORT: "{run} ends: nothing begins any more.",
    Press.RETRY: "{step} is tried again.",
    Press.SKIP: "{step} is skipped.",
    Press.TELL: "Your word on {step} stands in the log.",
    Press.REPORT: "{step} is done, with what you wrote down.",
    Press.UNDO: "What {step} started is ordered to stop.",
}


@dataclass(frozen=True, slots=True)
class Start:
    """What the requester named. `origin`: the number of the run that is taken back; 0: of none.
    `keep`: databases, by id, of which what their returned copies hold is kept; None: of all of
    which it is not known to be nothing. `export`: of which it goes into a store first."""

    runbook: str
    mode: Mode
    lost: str
    into: str
    situation: str
    origin: int = 0
    keep: frozenset[str] | None = None
    export: frozenset[str] = frozenset()

    @property
    def wish(self) -> Wish:
        """`Refused` where that run is none to take back."""
        back = (
            back_of(
                self.origin,
                out_of=self.lost,
                into=self.into,
                keep=self.keep,
                export=self.export,
            )
            if self.origin
            else None
        )
        return Wish(self.mode, self.lost, self.into, self.situation, back=back)


def kept_ids(back: Back, names: Collection[str], field: str = "keep") -> frozenset[str]:
    """The databases of these names, of which something came back. `Refused` names any other."""
    ids = {one.target.name: one.target.id for one in back.moves if one.held}
    if unknown := sorted(set(names) - ids.keys()):
        known = ", ".join(sorted(ids)) or "none"
        raise Refused(
            f"No copies of {', '.join(unknown)} came back that {back.name} moved: of {known}.",
            field=field,
            kept="Nothing was prepared.",
        )
    return frozenset(ids[name] for name in names)


def check_decided(start: Start) -> None:
    """`Refused` where something is kept or exported that does not go back: one whose id is mistyped
    would be let go."""
    keep = start.keep or frozenset()
    if not keep and not start.export:
        return
    back = start.wish.back
    if back is None:
        raise Refused("Name the run that is taken back too.", field="origin")
    check_ids(back, keep, field="keep")
    check_ids(back, start.export, field="export")


def check_ids(back: Back, ids: Collection[str], field: str) -> None:
    """`Refused` names each of these databases that does not go back."""
    if unknown := sorted(set(ids) - {one.target.id for one in back.moves}):
        raise Refused(
            f"{back.name} moved no database {', '.join(unknown)} that goes back.",
            field=field,
            kept="Nothing was prepared.",
        )


def prepare(
    start: Start,
    *,
    seen: str,
    override: str,
    leaves: Collection[str] = (),
    actor: Actor,
    reason: str,
) -> Run:
    """`seen`: the digest of the plan that was shown, or its `seen`; empty: none was; `leaves`: each
    service that it leaves as it is, named by who starts it nevertheless."""
    book = find_book(start.runbook)
    if book is None:
        raise Missing(f"No runbook {start.runbook} is in force.", field="runbook")
    decision = decision_for(start.lost) if start.mode is Mode.DISASTER else None
    if why := refuse_undecided(start.mode, start.lost, decision):
        raise Refused(why, kept="Nothing was prepared.", todo=f"Look at /recovery/{start.lost}/.")
    return actions.prepare_run(
        runbook=book,
        wish=start.wish,
        override=Override(override, frozenset(leaves)) if override or leaves else None,
        refuse=refuse_plan,
        decision=decision,
        seen=seen,
        actor=actor,
        reason=reason,
        now=clock.system.now(),
    )


def find(number: int) -> Run:
    row = find_run(number)
    if row is None:
        raise no_such("DRP", number)
    return row


def press(
    number: int,
    press: Press,
    *,
    step: str = "",
    key: str = "",
    was_done: bool = False,
    actor: Actor,
    reason: str,
) -> str:
    """The same rules for every door."""
    run = actions.press(
        run=find(number).pk,
        press=press,
        step=step,
        key=key,
        was_done=was_done,
        actor=actor,
        reason=reason,
        now=clock.system.now(),
    )
    title = plan_of(run).step(step).title if step else ""
    return DONE[press].format(run=run, step=f"“{title}”")


def retire_drill_host(name: str, actor: Actor, reason: str) -> str:
    """It is lost for good, as this person says."""
    host = DrillHost.objects.filter(name=name).first()
    if host is None:
        raise Missing(f"There is no drill host {name}.", field="name")
    now = clock.system.now()
    row = drills.retire_drill_host(host=host, by=actor.id, actor=actor, reason=reason, now=now)
    return f"{row} is retired. Of what drills left there: {row.unproven}."


class Changed(Conflict):
    """What the page showed is not so any more. `differences`: a sentence each."""

    def __init__(self, differences: tuple[str, ...]) -> None:
        super().__init__(
            " ".join(differences), kept="Nothing was said.", todo="Read it again, then answer."
        )
        self.differences = differences


def find_ask(pk: UUID, person: str) -> AskPage:
    page = view_ask(pk, person, unwatched())
    if page is None:
        raise Missing("There is no such question.")
    return page


def approve(
    page: AskPage, *, assertion: Assertion | None, actor: Actor, reason: str = "Yes."
) -> str:
    """`page`: as it is now; None: a code was looked at and is right."""
    _check_open(page)
    actions.answer(
        ask=page.row.pk,
        answer=Answer(True, assertion, page.principal),
        unwatched=unwatched(),
        actor=actor,
        reason=reason,
        now=clock.system.now(),
    )
    return f"You approved “{page.planned.title}” of {page.run}. It begins when enough have."


def deny(page: AskPage, *, actor: Actor, reason: str) -> str:
    _check_open(page)
    actions.answer(
        ask=page.row.pk,
        answer=Answer(False, None, page.principal),
        actor=actor,
        reason=reason,
        now=clock.system.now(),
    )
    return f"You said no to “{page.planned.title}”: {page.run} pauses, and shows why."


def glass_challenge(page: AskPage, *, rules: Collection[Rule], actor: Actor, reason: str) -> bytes:
    """What whoever breaks it signs: these rules, this reason. `Refused` where they may not."""
    _check_open(page)
    broken = glass_to_break(page.row, rules=rules, actor=actor, reason=reason)
    return challenge(glass_word(page.run, page.row.step, page.row, broken))


def break_glass(
    page: AskPage, *, rules: Collection[Rule], assertion: Assertion, actor: Actor, reason: str
) -> str:
    _check_open(page)
    actions.break_glass(
        ask=page.row.pk,
        rules=rules,
        assertion=assertion,
        actor=actor,
        reason=reason,
        now=clock.system.now(),
    )
    return "The glass is broken, and everybody was told. You may answer now."


def _check_open(page: AskPage) -> None:
    if page.over:
        raise Conflict(page.over, kept="Nothing was said.", todo=f"Look at {page.run} again.")
    if page.drift:
        raise Changed(page.drift)
