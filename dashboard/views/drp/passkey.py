"""Your passkey: shown here, pinned by an administrator at the machine."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods

from dashboard.acts import passkeys as acts
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role
from dashboard.views.drp.forms import Shown
from dashboard.views.page import show
from dashboard.views.refusals import code_of
from recovery.core.errors import TocsinError
from recovery.drp.views.passkeys import passkeys_of

STATE = "passkey_state"


@require_http_methods(["GET", "POST"])
@for_people(May.ENROL)
def passkey(request: HttpRequest, role: Role) -> HttpResponse:
    form = Shown(request.POST or None)
    status = 422 if form.is_bound else 200
    if form.is_valid():
        told = form.cleaned_data
        try:
            made = acts.keep(
                request.session.pop(STATE, None),
                told["answer"],
                label=told["label"],
                actor=actor_of(request),
            )
        except TocsinError as error:
            form.add_error(None, str(error))
            status = code_of(error)
        else:
            messages.success(request, f"{made} is kept. It counts once it is pinned.")
            return HttpResponseRedirect("/passkey/")
    return _page(request, role, form, status)


def _page(request: HttpRequest, role: Role, form: Shown, status: int) -> HttpResponse:
    person = request.user.get_username()
    rows = passkeys_of(person)
    options, state = acts.begin(person, [one.handle for one in rows])
    request.session[STATE] = state
    return show(
        request,
        role,
        "passkey",
        area="passkey",
        heading="Your passkey",
        form=form,
        rows=rows,
        options=options,
        person=person,
        status=status,
    )
