"""What stops automation, and how people let it go on: a pause, a freeze, a fence, restored rows."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.acts import fleet as acts
from dashboard.forms import Reason, Settle
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role
from dashboard.views.page import show
from dashboard.views.refusals import answer, press
from recovery.detection.facts import Part
from recovery.detection.queries import standing_freezes
from recovery.drp.facts import ENDED
from recovery.drp.models import Run
from recovery.failover.doubt.seen import doubt

FROM_PAGE = "From the page."
HELD_ON = " Hosts that were held meanwhile wait until a person releases them."


@require_http_methods(["GET", "POST"])
@for_people(May.PAUSE)
def pause(request: HttpRequest, role: Role) -> HttpResponse:
    form = Reason(request.POST or None)

    def do() -> str:
        return acts.pause_automation(actor_of(request), form.cleaned_data["reason"])

    done = press(request, form, do, back="/held/")
    if isinstance(done, HttpResponse):
        return done
    return show(
        request,
        role,
        "confirm",
        area="held",
        heading="Pause automation",
        form=form,
        said="Pause",
        target="automation",
        meaning="Nothing is started or moved; what runs keeps running; losses still ring.",
        back="/held/",
        status=done,
    )


@require_http_methods(["GET", "POST"])
@for_people(May.SETTLE)
def settle(request: HttpRequest, role: Role) -> HttpResponse:
    view = doubt()
    if view is None:
        raise Http404
    form = Settle(view.number, view.silent, request.POST or None)

    def do() -> str:
        told = form.cleaned_data
        without = told.get("without", [])
        return acts.settle_rows(actor_of(request), told["reason"], told["number"], without)

    done = press(request, form, do, back="/held/")
    if isinstance(done, HttpResponse):
        return done
    return show(
        request,
        role,
        "confirm",
        area="held",
        topics=["held"],
        heading="Settle Tocsin’s own rows",
        form=form,
        said="Settle",
        target="these rows",
        grave=True,
        meaning=(
            "Whom its agents name leads each database, above every epoch that anybody has told. "
            "Orders, leases, words and failovers of before have no effect. Containers are started "
            "and stopped as the rows say."
        ),
        ends="It cannot be taken back.",
        back="/held/",
        status=done,
    )


@require_http_methods(["GET", "POST"])
@for_people(May.PAUSE)
def lift_freeze(request: HttpRequest, role: Role, pk: UUID) -> HttpResponse:
    """Not with one press: it stands in the middle of the page that one looks at all night."""
    row = next((one for one in standing_freezes() if one.pk == pk), None)
    form = Reason(request.POST or None)

    def do() -> str:
        return acts.lift_freeze(str(pk), actor_of(request), form.cleaned_data["reason"])

    done = press(request, form, do, back="/")
    if isinstance(done, HttpResponse):
        return done
    if row is None:
        return _lifted(request, role, form, done)
    runs = Run.objects.filter(pk=row.run).exclude(state__in=ENDED).exists()
    return show(
        request,
        role,
        "confirm",
        area="held",
        heading="Lift the freeze",
        form=form,
        said="Lift the freeze",
        target=f"of {row.run_name}",
        grave=runs,
        meaning=(
            f"{', '.join(str(part).replace('_', ' ') for part in row.parts)} begin again by "
            f"themselves. {row.run_name} {'still runs, and counts on it' if runs else 'is over'}."
            f"{HELD_ON if Part.RESCHEDULING in row.parts else ''}"
        ),
        ends="It does not come back by itself.",
        back="/",
        status=done,
    )


def _lifted(request: HttpRequest, role: Role, form: Reason, code: int) -> HttpResponse:
    """Somebody was first: there is nothing to ask any more."""
    said = "That freeze does not stand any more."
    if not form.is_bound:
        messages.error(request, said)
        return HttpResponseRedirect("/")
    return show(
        request,
        role,
        "confirm",
        area="held",
        heading="Lift the freeze",
        form=form,
        barred=True,
        meaning=said,
        ends="Nothing is changed.",
        back="/",
        status=code,
    )


@require_http_methods(["GET", "POST"])
@for_people(May.SETTLE)
def lift_fence(request: HttpRequest, role: Role, site: str) -> HttpResponse:
    form = Reason(request.POST or None)

    def do() -> str:
        return acts.lift_fence(site, actor_of(request), form.cleaned_data["reason"])

    done = press(request, form, do, back="/")
    if isinstance(done, HttpResponse):
        return done
    return show(
        request,
        role,
        "confirm",
        area="held",
        heading=f"Lift the fence of {site}",
        form=form,
        said="Lift",
        target=site,
        grave=True,
        meaning=(
            f"Hosts of {site} are met again, and leases there are renewed. What was promoted "
            "elsewhere stays there: old primaries come back as copies, after a snapshot."
        ),
        back="/",
        status=done,
    )


@require_POST
@for_people(May.PAUSE)
def clear_pause(request: HttpRequest, role: Role) -> HttpResponse:
    return answer(request, lambda: acts.clear_pause(actor_of(request), FROM_PAGE), back="/held/")
