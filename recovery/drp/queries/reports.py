"""A run's rows → the facts of its report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max

from recovery.audit.models import AuditEntry
from recovery.core.consent import Word
from recovery.drp.approvals.proofs import pins, unproven
from recovery.drp.facts import Factor, Mode, RunState, StepState
from recovery.drp.models import (
    Act,
    Approval,
    Ask,
    BreakGlass,
    Run,
    RunbookVersion,
    RunStep,
)
from recovery.drp.plan import Plan, PlannedStep
from recovery.drp.queries.approvals import ends_of
from recovery.drp.queries.drilled import drill_facts, with_covers
from recovery.drp.queries.people import database_now
from recovery.drp.queries.runs import plan_of
from recovery.drp.queries.sealed import log_of
from recovery.drp.queries.served import Window, events_of, lost_at_of, targets_of
from recovery.drp.reports import facts
from recovery.drp.reports.facts import Moment
from recovery.drp.reports.models import Report, ReportFinding
from recovery.drp.runbooks.reading import reread_runbook


def find_run(number: int) -> Run | None:
    """With its runbook."""
    return Run.objects.select_related("runbook").filter(number=number).first()


def unreported_runs() -> list[Run]:
    """Those that have ended and have no report yet, oldest first."""
    ended = Run.objects.filter(state__in=[RunState.DONE, RunState.ABORTED], reports=None)
    return list(ended.select_related("runbook").order_by("number"))


def newest_report(run: Run) -> Report | None:
    return run.reports.order_by("-number").first()


def next_number(run: Run) -> int:
    """Of its reports."""
    return (Report.objects.filter(run=run).aggregate(n=Max("number"))["n"] or 0) + 1


def report_facts(run: Run) -> facts.Facts:
    """As of now, by the database's clock."""
    plan, now = plan_of(run), database_now()
    steps = list(run.steps.all())
    moments = _moments([run, *steps])
    run_fact = _run(run, plan, moments[str(run.pk)])
    rows = _Rows(run)
    window = _window(run, run_fact, now)
    return facts.Facts(
        made_at=now,
        version=next_number(run),
        run=run_fact,
        plan=_plan(run.runbook),
        steps=tuple(rows.step(row, plan.step(row.name), moments[str(row.pk)]) for row in steps),
        targets=_targets(run, targets_of(plan, rows.acts_by_target(), window)),
        events=events_of(plan, window),
        findings=tuple(_finding(row) for row in ReportFinding.objects.filter(run=run)),
        log=log_of(run, rows.entries(steps), run_fact.started_at or run_fact.requested_at),
        lost_at=window.lost_at,
        drill=drill_facts(run),
    )


def _targets(run: Run, found: tuple[facts.TargetFact, ...]) -> tuple[facts.TargetFact, ...]:
    return with_covers(found) if run.mode == Mode.DRILL else found


def _window(run: Run, fact: facts.RunFact, now: datetime) -> Window:
    """Of a simulation none: whatever users saw meanwhile is not its doing."""
    if run.mode == Mode.SIMULATION:
        return Window(None, None, now)
    return Window(lost_at_of(run, fact), fact.started_at, fact.ended_at or now)


def _moments(rows: Iterable[Run | RunStep]) -> Mapping[str, tuple[Moment, ...]]:
    """By row: each state it came into, oldest first, by the database's clock."""
    types: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        types[row.TYPE].append(str(row.pk))
    found: dict[str, list[Moment]] = defaultdict(list)
    for kind, ids in types.items():
        entries = AuditEntry.objects.filter(object_type=kind, object_id__in=ids)
        for entry in entries.order_by("object_id", "object_version"):
            to = entry.body.get("after", {}).get("state")
            if to is not None:
                found[entry.object_id].append(_moment(entry.recorded_at, str(to), entry.body))
    return defaultdict(tuple, {pk: tuple(many) for pk, many in found.items()})


def _moment(at: datetime, to: str, body: Mapping[str, Any]) -> Moment:
    actor = body.get("actor", {})
    is_person = actor.get("type") == "person"
    by = str(actor.get("id", "")) if is_person else ""
    return Moment(at, to, by, str(body.get("reason", "")), is_person)


def _at(moments: Sequence[Moment], to: str) -> datetime | None:
    return next((one.at for one in moments if one.to == to), None)


def _run(run: Run, plan: Plan, moments: Sequence[Moment]) -> facts.RunFact:
    ended = moments[-1].at if moments and moments[-1].to in {"done", "aborted"} else None
    return facts.RunFact(
        number=run.number,
        name=str(run),
        mode=Mode(run.mode),
        state=RunState(run.state),
        digest=run.digest,
        lost=run.lost,
        into=run.into,
        situation=plan.situation,
        requested_by=run.requested_by,
        requested_at=_at(moments, RunState.PREPARED) or run.requested_at,
        request_reason=run.request_reason,
        started_by=run.started_by,
        started_at=_at(moments, RunState.RUNNING) or run.started_at,
        ended_at=ended or run.ended_at,
        end_reason=run.state_reason,
        override=run.override,
        history=tuple(moments),
    )


def _plan(row: RunbookVersion) -> facts.PlanFact:
    book = reread_runbook(row.raw.encode(), f"{row.name}.yaml")
    plan = book.plan
    return facts.PlanFact(
        id=row.name,
        version=row.number,
        title=book.title,
        scenario=book.scenario,
        digest=row.digest,
        written_by=row.written_by,
        activated_by=row.activated_by,
        activated_at=row.activated_at,
        owner=plan.owner,
        deputies=plan.deputies,
        scope=plan.scope,
        order=plan.order,
        activation=plan.activation,
        deactivation=plan.deactivation,
        success_criteria=plan.success_criteria,
        relaxations=plan.security_relaxations,
        fail_back=plan.fail_back,
        services=tuple(
            facts.PromiseFact(one.name, one.rto, one.rpo, one.mtpd, one.covers)
            for one in plan.services
        ),
    )


def _finding(row: ReportFinding) -> facts.FindingFact:
    return facts.FindingFact(
        number=row.number,
        said=row.said,
        owner=row.owner,
        due=f"{row.due:%Y-%m-%d}",
        added_by=row.added_by,
        added_at=row.added_at,
        closed_by=row.closed_by,
        closed_at=row.closed_at,
        proof=row.proof,
    )


class _Rows:
    """Everything that hangs on the steps of one run: five statements, whatever there is."""

    def __init__(self, run: Run) -> None:
        of_run = {"step__run": run}
        self.acts = _by_step(Act.objects.filter(**of_run).order_by("target", "number"))
        self.asks = _by_step(Ask.objects.filter(**of_run))
        asks = [ask.pk for many in self.asks.values() for ask in many]
        self.words = list(
            Approval.objects.filter(ask__in=asks).select_related("ask", "use").order_by("given_at")
        )
        self.broken = list(BreakGlass.objects.filter(ask__in=asks).select_related("ask"))
        self.ended = ends_of(asks)

    def step(self, row: RunStep, planned: PlannedStep, moments: Sequence[Moment]) -> facts.StepFact:
        return facts.StepFact(
            name=row.name,
            position=row.position,
            title=planned.title,
            kind=planned.kind,
            stage=planned.stage,
            owner=planned.owner,
            state=StepState(row.state),
            said=row.said,
            targets=sum(len(wave) for wave in planned.waves),
            history=tuple(moments),
            acts=tuple(_act(act) for act in self.acts.get(row.pk, ())),
            asks=tuple(self._ask(ask) for ask in self.asks.get(row.pk, ())),
            words=tuple(_word(word, row) for word in self.words if word.ask.step_id == row.pk),
            broken=tuple(
                facts.GlassFact(one.by, tuple(one.rules), one.reason, one.at)
                for one in self.broken
                if one.ask.step_id == row.pk
            ),
        )

    def acts_by_target(self) -> Mapping[str, list[Act]]:
        found: dict[str, list[Act]] = defaultdict(list)
        for many in self.acts.values():
            for act in many:
                found[act.target].append(act)
        return found

    def entries(self, steps: Sequence[RunStep]) -> int:
        """In the audit log, of rows that hang on the run: each change is one."""
        acts = [act.version for many in self.acts.values() for act in many]
        asks = [ask.version for many in self.asks.values() for ask in many]
        used = sum(hasattr(word, "use") for word in self.words)
        words = len(self.words) + used + len(self.broken)
        rows: int = sum(acts) + sum(asks)
        return rows + sum(step.version for step in steps) + words

    def _ask(self, ask: Ask) -> facts.AskFact:
        return facts.AskFact(
            ask.round, ask.asked_at, ask.state, ask.end_reason, self.ended.get(str(ask.pk))
        )


def _by_step(rows: Iterable[Any]) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.step_id].append(row)
    return found


def _act(act: Act) -> facts.ActFact:
    return facts.ActFact(
        key=act.key,
        target=act.target,
        name=act.target_name,
        number=act.number,
        round=act.round,
        state=act.state,
        intended_at=act.intended_at,
        ended_at=act.ended_at,
        said=act.said,
        by_word=act.by_word,
    )


def _word(word: Approval, step: RunStep) -> facts.YesFact:
    use = getattr(word, "use", None)
    signed = Word(word.digest, str(step.run_id), step.name, word.approver, word.ask.nonce)
    return facts.YesFact(
        round=word.ask.round,
        approver=word.approver,
        principal=word.principal,
        is_yes=word.is_yes,
        reason=word.reason,
        factor=Factor(word.factor),
        digest=word.digest,
        given_at=word.given_at,
        used_at=use.used_at if use else None,
        unproven=unproven(word.factor, word.proof, signed, pins()) if word.is_yes else "",
    )
