"""A run: its live page, and each thing that people press, first with its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import structlog
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_GET, require_http_methods

from dashboard.acts import runs as acts
from dashboard.forms import Reason
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role
from dashboard.pulse import unwatched
from dashboard.views.drp.forms import Evidence, Outcome, StartTyped
from dashboard.views.drp.unreadable import or_unreadable
from dashboard.views.page import show
from dashboard.views.refusals import attempt
from recovery.drp.facts import Mode, RunState, called
from recovery.drp.press import ON_STEP, Press
from recovery.drp.views.answering import unanswered_of
from recovery.drp.views.pressing import Barred, barred, barred_abort, barred_now
from recovery.drp.views.runs import RunView, find_run, view_run

log = structlog.get_logger()
PARTS = ("voice", "next", "drill", "steps", "promises", "facts")
GRAVE = frozenset({Press.ABORT, Press.SKIP, Press.UNDO})
SAYS: Mapping[Press, tuple[str, str, str]] = {
    Press.START: (
        "Start",
        "Its first steps begin at once. Each step that takes a yes waits for another person, and"
        " nothing dangerous begins without their passkey.",
        "It can be paused and aborted at any time.",
    ),
    Press.WITHDRAW: ("Withdraw", "Nothing of it was begun, and nothing will be.", "It is final."),
    Press.PAUSE: (
        "Pause",
        "Nothing new begins. What is on its way is looked at until somebody knows how it ended.",
        "Anybody who responds may resume it.",
    ),
    Press.RESUME: ("Resume", "What can begin now begins at once.", "It can be paused again."),
    Press.ABORT: (
        "Abort",
        "Nothing begins any more; what is on its way is waited for, and what is done stays done."
        " Nothing is undone by itself.",
        "It is final: going on means another run.",
    ),
    Press.RETRY: (
        "Retry",
        "It begins anew; what was done of it stays done and is not done again. Where it takes a"
        " yes, people are asked again.",
        "It can be skipped or aborted if it fails again.",
    ),
    Press.SKIP: (
        "Skip",
        "What needs it goes on as if it were done.",
        "It cannot be taken back in this run.",
    ),
    Press.TELL: (
        "Say how it ended:",
        "Nobody knows whether it was done. Look at the target itself before you say anything: on"
        " your word the run goes on, or tries nothing more by itself.",
        "Your word stands in the log under your name.",
    ),
    Press.REPORT: ("Write down", "", "The step is done with it."),
    Press.UNDO: (
        "Undo",
        "What this step started is ordered to stop: nothing else is, and what it replaced is not"
        " started again by it.",
        "It cannot be taken back; rescheduling may start them anew once the freeze is lifted.",
    ),
}


@require_GET
@for_people(May.VIEW)
def runs(request: HttpRequest, role: Role) -> HttpResponse:
    topics = ("runs", "asked", "drill-hosts")
    return show(request, role, "runs", area="recovery", topics=topics, heading="Recovery runs")


@require_GET
@for_people(May.VIEW)
@or_unreadable
def run(request: HttpRequest, role: Role, number: int) -> HttpResponse:
    found = _find(number)
    return show(
        request,
        role,
        "run",
        area="recovery",
        topics=[f"run-{part}:{number}" for part in PARTS],
        heading=f"{found.row}: {found.title}",
        run=found,
    )


def _find(number: int) -> RunView:
    found = view_run(number, unwatched())
    if found is None:
        raise Http404(f"There is no DRP-{number:04d}.")
    return found


@require_http_methods(["GET", "POST"])
@for_people(May.RUN)
@or_unreadable
def press(request: HttpRequest, role: Role, number: int, verb: str, step: str = "") -> HttpResponse:
    """The act with its meaning and a reason; what refuses it is said by the room. A
    start that was pressed twice, or in another tab, leads to the run's own page."""
    if verb == Press.ABORT and not step:
        return _abort(request, role, number)
    found = _find(number)
    _check_there(found, verb, step)
    pressed, key = Press(verb), request.GET.get("key", "")
    form = _form(pressed, found, request)
    bar = barred(found.sight, pressed, step, request.user.get_username())
    status = _status(request, form, bar)
    if bar is None and request.method == "GET":
        bar = barred_now(found.sight, pressed, step, key, request.user.get_username())
    if form.is_valid() and (bar is None or request.headers.get("HX-Request")):
        do = partial(
            acts.press,
            number,
            pressed,
            step=step,
            key=key,
            was_done=form.cleaned_data.get("ended") == "done",
            actor=actor_of(request),
            reason=form.cleaned_data["reason"],
        )
        done = attempt(request, form, do, back=f"/recovery/runs/{number}/")
        if isinstance(done, HttpResponse):
            return done
        status = done
    if pressed is Press.START and found.state is not RunState.PREPARED:
        messages.info(request, f"{found.row} was started already.")
        return HttpResponseRedirect(f"/recovery/runs/{number}/")
    said, meaning, ends = SAYS[pressed]
    return show(
        request,
        role,
        "run-press",
        area="recovery",
        topics=(f"run-voice:{number}",),
        heading=f"{said} {_target(found, pressed, step, key)}",
        form=form,
        said=said,
        target=_target(found, pressed, step, key),
        meaning=meaning or _instructions(found, step),
        ends=ends,
        grave=pressed in GRAVE or _is_real_start(found, pressed),
        back=f"/recovery/runs/{number}/",
        barred=bar,
        unanswered=unanswered_of(found.sight.plan) if pressed is Press.START else (),
        status=status,
    )


def _check_there(found: RunView, verb: str, step: str) -> None:
    if verb not in set(Press) or (Press(verb) in ON_STEP) != bool(step):
        raise Http404(f"A run cannot be asked to {verb}.")
    if step and step not in found.sight.steps:
        raise Http404(f"There is no step {step} in {found.row}.")


def _status(request: HttpRequest, form: Reason | Evidence, bar: Barred | None) -> int:
    """Before anything was tried: whose it is not is told so, whatever they sent."""
    if bar is not None and bar.is_theirs:
        return 403
    return 422 if form.is_bound else 200


def _abort(request: HttpRequest, role: Role, number: int) -> HttpResponse:
    """It needs nothing but its row, for it may be that nothing else of it can be read."""
    row = find_run(number)
    if row is None:
        raise Http404(f"There is no DRP-{number:04d}.")
    form, back = Reason(request.POST or None), f"/recovery/runs/{number}/"
    status, bar = 422 if form.is_bound else 200, None
    if request.method == "GET":
        bar = barred_abort(RunState(row.state))
    if form.is_valid():
        actor, reason = actor_of(request), form.cleaned_data["reason"]
        do = partial(acts.press, number, Press.ABORT, actor=actor, reason=reason)
        done = attempt(request, form, do, back=back)
        if isinstance(done, HttpResponse):
            return done
        status = done
    said, meaning, ends = SAYS[Press.ABORT]
    target = f"{row}, a {called(row.mode)}"
    return show(
        request,
        role,
        "run-press",
        area="recovery",
        topics=(f"run-voice:{number}",) if _is_readable(number) else (),
        heading=f"{said} {target}",
        form=form,
        said=said,
        target=target,
        meaning=meaning,
        ends=ends,
        grave=True,
        back=back,
        barred=bar,
        status=status,
    )


def _is_readable(number: int) -> bool:
    """Whether its page can be drawn; whatever is wrong with it, it can be aborted."""
    try:
        return view_run(number) is not None
    except Exception:
        log.exception("a run cannot be drawn", run=number)
        return False


def _is_real_start(found: RunView, pressed: Press) -> bool:
    return pressed is Press.START and found.mode in {Mode.PLANNED, Mode.DISASTER}


def _form(pressed: Press, found: RunView, request: HttpRequest) -> Reason | Evidence:
    sent = request.POST or None
    if _is_real_start(found, pressed):
        return StartTyped(found.row.lost, sent)
    if pressed is Press.TELL:
        return Outcome(sent)
    return Evidence(sent) if pressed is Press.REPORT else Reason(sent)


def _target(found: RunView, pressed: Press, step: str, key: str) -> str:
    if not step:
        return f"{found.row}, a {called(found.mode)}"
    title = found.sight.steps[step].planned.title
    if pressed is not Press.TELL:
        return f"“{title}”"
    items = [i.name for s in found.steps if s.line.id == step for i in s.items if i.key == key]
    return f"“{title}” on {items[0]}" if items else f"“{title}”"


def _instructions(found: RunView, step: str) -> str:
    params = found.sight.steps[step].planned.params
    about = ", ".join(name for one in found.steps if one.line.id == step for name in one.about)
    which = f" It is about {about}." if about else ""
    return f"{params.get('instructions', '')}{which} Write down: {params.get('evidence', '')}"
