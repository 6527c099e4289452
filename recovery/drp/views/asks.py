"""A question to approve a step, as its page shows it, and the words that a person signs.

Invariant: `seen` holds everything on the page that an answer is about; two pages with the same
`seen` say the same of the plan, of what drifted and of which rules are broken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import rfc8785

from recovery.backups.words import counted, spoken
from recovery.core.consent import Pin, challenge
from recovery.drp import queries
from recovery.drp.approvals.facts import Question, Rule
from recovery.drp.approvals.proofs import pins
from recovery.drp.approvals.rules import refuse_answer
from recovery.drp.facts import DANGEROUS, Kind, Mode
from recovery.drp.looking import Unfit
from recovery.drp.models import Ask, BreakGlass, Run
from recovery.drp.plan import Doubt, LeftOut, Move, Plan, PlannedStep, Quote, Target
from recovery.drp.planning.bettering import Better
from recovery.drp.planning.leaving import Leaving, by_hand, leaving
from recovery.drp.planning.quoting import loses_nothing
from recovery.drp.queries.people import people_of
from recovery.drp.queries.runs import plan_of, question_of, word_of
from recovery.drp.queries.seeing import refuse_unseen
from recovery.drp.queries.world import unfit_of
from recovery.drp.runbooks.reading import reread_runbook
from recovery.drp.runbooks.shown import StepLine
from recovery.drp.views.ended import Ended, ended
from recovery.drp.views.lent import unused
from recovery.drp.views.lines import named_lines, takes_over
from recovery.drp.views.losses import LossLine, losses_of
from recovery.drp.views.waiting import LIFE, answerers, principals

LOSING = frozenset({Kind.PROMOTE_DATABASES, Kind.RESTORE_DATABASES, Kind.APPROVAL})
RETURNING = frozenset({Kind.KEEP_COPIES, Kind.EXPORT_COPIES, Kind.LIFT_FENCE, Kind.DISCARD_COPIES})


@dataclass(frozen=True, slots=True)
class SaidView:
    """What one person said."""

    who: str
    for_: str
    is_yes: bool
    at: datetime
    how: str
    reason: str


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """`lost`: None where nobody can tell; `moment`: "" where nobody can tell; `reason`: why it is
    restored and not promoted."""

    name: str
    lost: timedelta | None
    moment: str
    source: str
    is_promoted: bool = False
    reason: str = ""

    @property
    def is_unknown(self) -> bool:
        return not self.moment


@dataclass(frozen=True, slots=True)
class LossRow:
    """What is lost of a database. `quote`: as the plan that is signed has it, None: it quotes none;
    `decided`: as the decision had it, where that is not the same."""

    name: str
    quote: QuoteLine | None
    decided: LossLine | None

    @property
    def tone(self) -> str:
        if self.quote is not None:
            return "unknown" if self.quote.is_unknown else ""
        return self.decided.tone if self.decided else ""


@dataclass(frozen=True, slots=True)
class AskPage:
    """`refusal`: why this very person's yes would not count; `principal`: whose right it would be;
    `drift`: what is no longer as it was asked; `better`: copies that would lose less; `waits_for`:
    who may answer and has not; `is_enough`: nobody more is wanted; `unfit`: what finds no host
    elsewhere as of now; `quotes`, `doubts`: of the plan that is signed; `unseen`: why nobody's yes
    would count now; `ended`: how and when it was over, None: it is open."""

    row: Ask
    run: Run
    plan: Plan
    planned: PlannedStep
    line: StepLine
    question: Question
    drift: tuple[str, ...]
    better: tuple[Better, ...]
    said: tuple[SaidView, ...]
    quotes: tuple[QuoteLine, ...]
    doubts: tuple[Doubt, ...]
    losses: tuple[LossLine, ...]
    left_out: tuple[LeftOut, ...]
    broken: BreakGlass | None
    principal: str
    refusal: str
    credentials: tuple[str, ...]
    waits_for: tuple[str, ...] = ()
    is_enough: bool = False
    unfit: tuple[Unfit, ...] = ()
    unseen: str = ""
    ended: Ended | None = None

    @property
    def takes_over(self) -> str:
        """Where what is left goes."""
        return takes_over(self.plan)

    @property
    def leaving(self) -> Leaving | None:
        """What the signed plan leaves as it is: a yes to any step of it is one to this."""
        return leaving(self.plan)

    @property
    def by_hand(self) -> tuple[str, ...]:
        return by_hand(self.plan)

    @property
    def loss_rows(self) -> tuple[LossRow, ...]:
        """Of each database once, worst first; those that the plan does not quote come last."""
        decided = {one.database: one for one in self.losses}
        quoted = {one.name for one in self.quotes}
        alone = [LossRow(name, None, one) for name, one in decided.items() if name not in quoted]
        rows = [(one, decided.get(one.name)) for one in self.quotes]
        return (
            *(LossRow(q.name, q, None if d and _is_same(q, d) else d) for q, d in rows),
            *alone,
        )

    @property
    def promotes(self) -> bool:
        """Whether one of what is lost is lost by a promotion."""
        return any(one.is_promoted for one in self.quotes)

    @property
    def is_open(self) -> bool:
        return self.ended is None

    @property
    def yes(self) -> tuple[str, ...]:
        return tuple(one.who for one in self.said if one.is_yes)

    @property
    def over(self) -> str:
        return self.ended.said if self.ended else ""

    @property
    def expires_at(self) -> datetime:
        return self.row.asked_at + LIFE

    @property
    def is_drill(self) -> bool:
        return self.plan.mode is Mode.DRILL

    @property
    def is_planned(self) -> bool:
        return self.plan.mode is Mode.PLANNED

    @property
    def is_about_all(self) -> bool:
        """It asks whether the plan goes on: what that touches is what its other steps touch."""
        return self.planned.kind is Kind.APPROVAL

    @property
    def targets(self) -> tuple[Target, ...]:
        """Each once, in the order in which they are taken."""
        steps = self.plan.steps if self.is_about_all else (self.planned,)
        found = (one for step in steps for wave in step.waves for one in wave)
        return tuple({one.key: one for one in found if one.type != "tocsin"}.values())

    @property
    def counted(self) -> str:
        """2 databases, 1 datacenter."""
        counts = Counter(one.type for one in self.targets)
        return ", ".join(counted(n, kind) for kind, n in counts.items())

    @property
    def may_lose(self) -> bool:
        """It decides which copy is the truth."""
        return self.planned.kind in LOSING

    @property
    def loses_nothing(self) -> str:
        """Why, where the plan quotes nothing because there is nothing to quote."""
        return loses_nothing(self.plan) if self.may_lose else ""

    @property
    def returned(self) -> tuple[Move, ...]:
        """What the copies hold that came back, where it decides about them."""
        is_about = self.planned.kind in RETURNING
        return tuple(move for move in self.plan.moves if move.held and is_about)

    @property
    def is_dangerous(self) -> bool:
        return self.planned.kind in DANGEROUS

    @property
    def seen(self) -> str:
        """Canonical: what the answer is bound to."""
        return rfc8785.dumps(
            {
                "ask": str(self.row.pk),
                "state": self.row.state,
                "plan": self.run.digest,
                "drift": list(self.drift),
                "better": sorted(one.copy for one in self.better),
                "broken": sorted(self.broken.rules) if self.broken else [],
            }
        ).decode()

    def challenge(self, person: str) -> bytes:
        """What this person's passkey signs."""
        return challenge(word_of(self.question, self.row, person))


def find_ask(pk: UUID) -> Ask | None:
    return (
        Ask.objects.select_related("step__run__runbook", "step__run__decision")
        .filter(pk=pk)
        .first()
    )


def view_ask(pk: UUID, person: str, unwatched: str = "") -> AskPage | None:
    """As this person sees it. `unwatched`: why no controller looks, if none does."""
    row = find_ask(pk)
    if row is None:
        return None
    run, people = row.step.run, people_of()
    plan, sight = plan_of(run), queries.run_sight(run)
    asked = sight.steps[row.step.name].ask
    is_enough = asked is not None and asked.id == str(pk) and asked.weighed.is_enough
    question = question_of(run, plan, row.step, row)
    planned = plan.step(row.step.name)
    rights = principals(person, question, people)
    counted_roles = people.counted(person, person, pins())
    own = refuse_answer(person, person, counted_roles, question)
    return AskPage(
        row=row,
        run=run,
        plan=plan,
        planned=planned,
        line=_line(run, plan, row.step.name),
        question=question,
        drift=sight.drift,
        better=sight.better,
        said=_said(row),
        quotes=_quotes(plan, planned),
        doubts=_doubts(plan, planned),
        losses=_losses(run, planned),
        left_out=tuple(one for one in plan.left_out if one.step == planned.id),
        broken=BreakGlass.objects.filter(ask=row).first(),
        principal=rights[0] if rights else "",
        refusal="" if rights else f"{own} {unused(person, question.role, people)}".strip(),
        credentials=_credentials(pins(), person),
        waits_for=() if is_enough else tuple(answerers(run, row, people)),
        is_enough=is_enough,
        unfit=unfit_of(plan),
        unseen=refuse_unseen(plan, unwatched=unwatched),
        ended=ended(row),
    )


def _credentials(pinned: Sequence[Pin], person: str) -> tuple[str, ...]:
    return tuple(pin.credential for pin in pinned if pin.person == person)


def _line(run: Run, plan: Plan, step: str) -> StepLine:
    book = reread_runbook(run.runbook.raw.encode(), f"{run.runbook.name}.yaml")
    return next(line for line in named_lines(book, plan) if line.id == step)


def _said(row: Ask) -> tuple[SaidView, ...]:
    return tuple(
        SaidView(
            who=one.approver,
            for_=one.principal if one.principal != one.approver else "",
            is_yes=one.is_yes,
            at=one.given_at,
            how=one.factor,
            reason=one.reason,
        )
        for one in row.approvals.all()
    )


def _quotes(plan: Plan, planned: PlannedStep) -> tuple[QuoteLine, ...]:
    """Of what this step decides about; of everything, where people are asked as such. Worst first:
    what nobody can tell, then what goes back furthest."""
    if planned.kind not in LOSING:
        return ()
    keys = {one.key for wave in planned.waves for one in wave}
    every = planned.kind is Kind.APPROVAL
    found = [quote_line(one) for one in plan.quotes if every or f"database:{one.database}" in keys]
    return tuple(sorted(found, key=lambda one: (one.moment, one.name)))


def _is_same(quote: QuoteLine, decided: LossLine) -> bool:
    """In the words that people read."""
    if quote.lost is None or decided.lost is None:
        return quote.lost is decided.lost and not decided.is_all
    return spoken(quote.lost) == spoken(decided.lost)


def quote_line(one: Quote) -> QuoteLine:
    lost = None if one.lost_ms is None else timedelta(milliseconds=one.lost_ms)
    is_promoted = one.way == "promote"
    return QuoteLine(one.name, lost, one.moment, one.source, is_promoted, one.reason)


def _doubts(plan: Plan, planned: PlannedStep) -> tuple[Doubt, ...]:
    """What a yes to this step answers for; a fence is about all that stands behind it."""
    if planned.kind not in LOSING | {Kind.FENCE_DATACENTER}:
        return ()
    keys = {one.key for wave in planned.waves for one in wave}
    every = planned.kind in {Kind.APPROVAL, Kind.FENCE_DATACENTER}
    return tuple(one for one in plan.doubts if every or f"database:{one.database}" in keys)


def _losses(run: Run, planned: PlannedStep) -> tuple[LossLine, ...]:
    """The decision's, of the same databases."""
    if planned.kind not in LOSING:
        return ()
    names = {one.name for wave in planned.waves for one in wave}
    every = planned.kind is Kind.APPROVAL
    return tuple(one for one in losses_of(run) if every or one.database in names)


def breakable(page: AskPage, person: str) -> tuple[Rule, ...]:
    """The rules that stand in this person's way, or in everybody's; each is named by hand."""
    found = []
    if person == page.question.requester:
        found.append(Rule.REQUESTER_APPROVES)
    if person == page.question.editor:
        found.append(Rule.EDITOR_APPROVES)
    if page.question.count > 1:
        found.append(Rule.TOO_FEW_PEOPLE)
    return tuple(found)
