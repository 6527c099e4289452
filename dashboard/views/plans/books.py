"""The list of runbooks; a shipped one is taken over by one press, and made active by another."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from dashboard.acts import plans as acts
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role, may
from dashboard.views.page import show
from recovery.core.errors import TocsinError
from recovery.drp.queries import books
from recovery.drp.queries.shipped import missing_book, shipped


@for_people(May.VIEW)
def runbooks(request: HttpRequest, role: Role) -> HttpResponse:
    """All of them, and the newest runs and drills that are over."""
    return show(
        request,
        role,
        "runbooks",
        area="recovery",
        heading="Runbooks",
        lines=books.book_lines(),
        runs=books.ended_runs(),
        findings=books.open_findings(),
        can_write=may(role, May.WRITE_RUNBOOK),
        shipped=shipped(),
        no_book=missing_book(),
    )


@require_POST
@for_people(May.WRITE_RUNBOOK)
def adopt(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """Then its review is shown, whose address whoever pressed tells somebody else."""
    try:
        row = acts.adopt(name, actor_of(request))
    except TocsinError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect("/recovery/runbooks/")
    said = "Somebody else reads this page and makes it active."
    messages.success(request, f"{row} is proposed, written by you. {said}")
    return HttpResponseRedirect(f"/recovery/runbooks/{row.name}/{row.number}/review/")
