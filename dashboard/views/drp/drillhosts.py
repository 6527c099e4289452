"""A drill host that was lost for good is retired by a person, with a reason."""

from __future__ import annotations

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from dashboard.acts import runs as acts
from dashboard.forms import Reason
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role
from dashboard.views.page import show
from dashboard.views.refusals import attempt

BACK = "/recovery/runs/"


@require_http_methods(["GET", "POST"])
@for_people(May.SETTLE)
def retire(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    form = Reason(request.POST or None)
    status = 422 if form.is_bound else 200
    if form.is_valid():
        reason, actor = form.cleaned_data["reason"], actor_of(request)
        do = partial(acts.retire_drill_host, name, actor, reason)
        done = attempt(request, form, do, back=BACK)
        if isinstance(done, HttpResponse):
            return done
        status = done
    return show(
        request,
        role,
        "confirm",
        area="recovery",
        heading=f"Retire the drill host {name}",
        form=form,
        said="Retire",
        target=name,
        grave=True,
        meaning=(
            "It is lost for good: nothing is begun there any more, and its token opens nothing. "
            "What drills left there stays not proven to be gone, with your name and your reason."
        ),
        back=BACK,
        status=status,
    )
