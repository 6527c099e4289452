"""What returned copies held beyond their primary: listed, and taken away by whoever may and says
why."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_safe

from dashboard.acts import exports as acts
from dashboard.forms import Reason
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role, may
from dashboard.views.databases import find
from dashboard.views.page import show
from dashboard.views.refusals import code_of
from recovery.backups.exported import ExportView
from recovery.core.errors import TocsinError


def _views(name: str) -> tuple[ExportView, ...]:
    return acts.of(find(name).name)


@require_safe
@for_people(May.VIEW)
def exports(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    return show(
        request,
        role,
        "exports",
        area="databases",
        heading=f"Exports of {name}",
        name=name,
        exports=_views(name),
        may_take=may(role, May.TAKE_EXPORT),
    )


@require_http_methods(["GET", "POST"])
@for_people(May.TAKE_EXPORT)
def take(request: HttpRequest, role: Role, name: str, pk: UUID) -> HttpResponse:
    """The log has who, and why, before the first byte."""
    one = next((each for each in _views(name) if each.id == pk), None)
    if one is None:
        raise Http404(f"There is no such export of {name}.")
    form = Reason(request.POST or None)
    status = 422 if form.is_bound else 200
    if form.is_valid():
        try:
            return acts.sent(one, actor_of(request), form.cleaned_data["reason"])
        except TocsinError as error:
            status = code_of(error)
            form.add_error(None, str(error))
    return show(
        request,
        role,
        "exports",
        area="databases",
        heading=f"Take an export of {name} away",
        name=name,
        exports=(one,),
        taking=one,
        form=form,
        may_take=True,
        status=status,
    )
