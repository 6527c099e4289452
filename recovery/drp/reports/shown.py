"""A report as sections of words, for page and PDF alike. Pure.

Invariant: both say the same of every figure; "not known" stands where the document has None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from recovery.drp.proven import unproven_word
from recovery.drp.reports import document as doc
from recovery.drp.reports import drilled
from recovery.drp.reports.kept import each_service, missing, services
from recovery.drp.reports.parts import MOST_ROWS, Row, Section, in_a_row, places, said_or, when
from recovery.drp.reports.words import clock, counted, lasting


def sections(report: doc.Report) -> tuple[Section, ...]:
    """In the order in which they are asked for: what was promised, what went wrong, then all."""
    found = (
        _run(report),
        services(report.services, is_drill=report.drill is not None),
        each_service(report.targets),
        missing(report.not_back),
        _deviations(report.deviations),
        _phases(report.phases),
        _steps(report.steps),
        _operations(report.steps),
        _approvals(report.approvals),
        _people(report.participants),
        _events(report.events),
        _findings(report.findings),
        _test(report.test),
        drilled.section(report.drill),
        _plan(report.plan),
        _log(report.log),
    )
    return tuple(one for one in found if one is not None)


def _run(report: doc.Report) -> Section:
    run = report.run
    facts = [
        ("Mode", run.mode),
        ("Plan", f"{report.plan.id}, version {report.plan.version}"),
        ("Digest of the plan", run.plan_digest),
        ("Trigger", said_or(run.trigger)),
        ("Declared by", f"{run.declared_by}, {clock(run.declared_at)}"),
        ("Why", said_or(run.declared_reason)),
        *places(run),
        ("Started", f"{run.started_by}, {when(run.started_at)}" if run.started_by else "never"),
        ("Ended", f"{when(run.ended_at)}: {run.state}"),
        ("Took", lasting(run.seconds)),
        ("Last word", said_or(run.end_reason)),
    ]
    return Section("The run", run.name, tuple(facts))


def _deviations(rows: Sequence[doc.Deviation]) -> Section:
    return Section(
        "Deviations",
        "skips, retries, noes, pauses, broken glass",
        columns=("When", "What", "About", "Who", "Why"),
        rows=tuple(
            Row(
                (
                    when(one.at) if one.at else "to the end",
                    one.what + (f", {lasting(one.seconds)}" if one.seconds is not None else ""),
                    one.about,
                    one.who or "Tocsin",
                    said_or(one.reason, "no reason was given"),
                ),
                "risk" if one.what in {"break-glass", "failed", "not known", "false yes"} else "",
            )
            for one in rows
        ),
        empty="It went as planned.",
    )


def _count(steps: doc.Counts) -> str:
    parts = [
        (steps.done, "done"),
        (steps.skipped, "skipped"),
        (steps.failed, "failed"),
        (steps.open, "not done"),
    ]
    return ", ".join(f"{n} {word}" for n, word in parts if n) or "none"


def _phases(rows: Sequence[doc.Phase]) -> Section:
    return Section(
        "Phases",
        "NIST SP 800-34",
        columns=("Phase", "Began", "Ended", "Took", "Steps"),
        rows=tuple(
            Row((p.stage, when(p.began_at), when(p.ended_at), lasting(p.seconds), _count(p.steps)))
            for p in rows
        ),
    )


def _steps(rows: Sequence[doc.Step]) -> Section:
    return Section(
        "Steps",
        counted(len(rows), "step", "steps"),
        columns=("Step", "State", "Began", "Took", "Waited before", "Operations", "Last word"),
        rows=tuple(
            Row(
                (
                    f"{one.number}. {one.title}",
                    _unproven(one) or one.state,
                    when(one.began_at) if one.began_at else "never",
                    lasting(one.seconds) if one.began_at else "–",
                    lasting(one.waited) if one.waited is not None else "–",
                    _acts(one.operations),
                    one.said,
                ),
                "risk" if _unproven(one) else TONES.get(one.state, ""),
            )
            for one in rows
        ),
        empty="The plan has no step.",
    )


TONES = {"failed": "down", "skipped": "risk"}


def _unproven(one: doc.Step) -> str:
    by_word = any(act.by_word for act in one.operations)
    return unproven_word(one.kind, one.state, one.said, by_word=by_word)


def _acts(rows: Iterable[doc.Operation]) -> str:
    states = Counter(one.state for one in rows)
    return ", ".join(f"{n} {state}" for state, n in sorted(states.items())) or "–"


def _operations(steps: Sequence[doc.Step]) -> Section | None:
    rows = [one for step in steps for one in step.operations]
    if not rows:
        return None
    more = len(rows) - MOST_ROWS
    return Section(
        "Operations",
        f"{counted(len(rows), 'operation', 'operations')}, each under its key"
        + (f"; {more} more are in the file" if more > 0 else ""),
        columns=("Key", "Target", "State", "Intended", "Took", "Said"),
        rows=tuple(
            Row(
                (
                    one.key,
                    one.name or one.target,
                    one.state + (f", as {one.by_word} says" if one.by_word else ""),
                    when(one.intended_at),
                    lasting(one.seconds),
                    one.said,
                ),
                {"failed": "down", "unknown": "unknown"}.get(one.state, ""),
            )
            for one in rows[:MOST_ROWS]
        ),
    )


def _word(one: doc.Approval) -> str:
    if one.unproven:
        return f"not theirs: {one.unproven}"
    if not one.is_yes:
        return f"no: {one.reason}"
    return f"yes, {'used' if one.used_at else 'never used'}"


def _approvals(rows: Sequence[doc.Approval]) -> Section:
    return Section(
        "Approvals",
        "who said what, and about which plan",
        columns=("When", "Who", "Step", "Word", "By", "Digest"),
        rows=tuple(
            Row(
                (
                    clock(one.at),
                    one.who + (f" for {one.for_whom}" if one.for_whom else ""),
                    one.step,
                    _word(one),
                    one.factor or "–",
                    one.digest[:16],
                ),
                "down" if one.unproven else "" if one.is_yes else "risk",
            )
            for one in rows
        ),
        empty="Nobody was asked, or nobody answered.",
    )


def _people(rows: Sequence[doc.Participant]) -> Section:
    return Section(
        "Who took part",
        columns=("Person", "Did"),
        rows=tuple(Row((one.who, "; ".join(one.did))) for one in rows),
        empty="Nobody is named.",
    )


def _events(rows: Sequence[doc.Event]) -> Section:
    return Section(
        "Meanwhile",
        "incidents, failovers and restores in its time",
        columns=("What", "About", "Began", "Ended", "State", "Said"),
        rows=tuple(
            Row(
                (
                    f"{e.name}, {e.kind}",
                    e.about,
                    clock(e.began_at),
                    when(e.ended_at) if e.ended_at else "not yet",
                    e.state,
                    e.said,
                )
            )
            for e in rows
        ),
        empty="Nothing else was recorded.",
    )


def _findings(rows: Sequence[doc.Finding]) -> Section:
    return Section(
        "Findings when this was signed",
        columns=("To do", "Owner", "Due", "Proof"),
        rows=tuple(
            Row(
                (
                    f"{one.number}. {one.said}",
                    one.owner,
                    one.due,
                    f"{one.proof} ({one.closed_by})" if one.closed_by else "open",
                )
            )
            for one in rows
        ),
        empty="None was written down yet.",
    )


def _test(test: doc.Test | None) -> Section | None:
    if test is None:
        return None
    nobody = "nobody wrote it down"
    absent, faults = test.absent_by_design, test.injected_faults
    facts = (
        ("Scenario", test.scenario.replace("_", " ")),
        ("Absent by design", nobody if absent is None else in_a_row(absent)),
        ("Injected faults", nobody if faults is None else in_a_row(faults)),
        ("Result", test.result),
    )
    return Section("The exercise", "nothing of production was touched", facts)


def _plan(plan: doc.Plan) -> Section:
    active = f"{plan.activated_by}, {when(plan.activated_at)}" if plan.activated_by else "nobody"
    facts = (
        ("Title", plan.title),
        ("Owner", said_or(plan.owner)),
        ("Deputies", in_a_row(plan.deputies)),
        ("Written by", plan.written_by),
        ("Made active by", active),
        ("SHA-256 of the file", plan.digest),
        ("Scope", said_or(plan.scope)),
        ("Order of recovery", said_or(plan.order)),
        ("Activated when", in_a_row(plan.activation)),
        ("Deactivated when", in_a_row(plan.deactivation)),
        ("A success when", in_a_row(plan.success_criteria)),
        ("Controls relaxed", in_a_row(plan.security_relaxations)),
        ("Failing back", said_or(plan.fail_back)),
    )
    return Section("The plan", f"{plan.id}, version {plan.version}", facts)


def _log(log: doc.Log) -> Section:
    proven = counted(len(log.proofs), "of them is proven", "of them are proven")
    facts = (
        ("Entries", f"{log.entries} about this run; {proven} in the file"),
        ("Sealed at the start", _mark(log.start)),
        ("Sealed when written", _mark(log.end)),
    )
    return Section("The sealed log", "checkpoints as the log signed them", facts)


def _mark(mark: doc.Checkpoint | None) -> str:
    if mark is None:
        return "no checkpoint was there"
    return f"{mark.size} entries, signed {clock(mark.signed_at)}"
