"""Copies that a way back set apart, and left so: they follow again on an approver's word."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from dashboard.acts import databases as acts
from dashboard.forms import Reason
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role
from dashboard.views.databases import confirm, find
from dashboard.views.refusals import press
from recovery.backups.exported import there_of
from recovery.failover.views.databases import DatabaseView


@require_http_methods(["GET", "POST"])
@for_people(May.SETTLE)
def let_follow(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """What a way back set apart and left so: a plan that has it is refused with its name."""
    view = find(name)
    form = Reason(request.POST or None)

    def do() -> str:
        return acts.let_follow(name, actor_of(request), form.cleaned_data["reason"])

    done = press(request, form, do, back=f"/databases/{name}/")
    if isinstance(done, HttpResponse):
        return done
    return confirm(
        request,
        role,
        view,
        form,
        heading=f"Let the copies of {name} that are set apart follow",
        status=done,
        barred=not view.apart,
        said="Let the copies follow of",
        target=name,
        grave=True,
        meaning=_apart_meaning(view),
        ends="While a recovery plan decides about them it is refused, and nothing changes.",
        others=(
            (f"/databases/{name}/exports/", _exported(view)),
            ("/recovery/start/", "Keep or export what they hold first: two people sign a return."),
        ),
    )


def _exported(view: DatabaseView) -> str:
    there = there_of([view.pk])
    if not there:
        return f"No export of what a copy of {view.name} held is there."
    newest = there[0]
    return (
        f"An export of {newest.replica} is there, of {newest.made_at:%Y-%m-%d %H:%M} UTC,"
        f" {newest.bytes / 1e6:.1f} MB."
    )


def _apart_meaning(view: DatabaseView) -> str:
    if not view.apart:
        return f"No copy of {view.name} is set apart: there is nothing to let go."
    held = [
        f"{one.name} on {one.host}" + (f" ({one.alone})" if one.alone else "") for one in view.apart
    ]
    return (
        f"{'; '.join(held)}: rewound or cloned anew where they differ from the primary. What only "
        "they have is kept on their hosts first, for 14 days at least, and serves nobody."
    )
