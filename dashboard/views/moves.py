"""A starter database that waits goes to another host with its disk: two people, two words."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from dashboard.acts import databases as acts
from dashboard.forms import Move
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role
from dashboard.views.databases import confirm, find, not_needed, open_word, own_word
from dashboard.views.refusals import press
from recovery.failover import screens
from recovery.failover.actions.moves import RISK
from recovery.inventory.facts import DatabaseState


@require_http_methods(["GET", "POST"])
@for_people(May.VOUCH_DATABASE)
def move(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """The first person chooses the host; the second one confirms exactly that."""
    view = find(name)
    first = open_word(view, "redeploy")
    hosts = [] if first else screens.hosts_for(name)
    form = Move(name, first.id if first else "", hosts, request.POST or None)
    mine = own_word(request, first.requested_by if first else "")
    is_needed = view.state == DatabaseState.WAITING
    back = f"/databases/{name}/"

    def do() -> str:
        said = form.cleaned_data
        return acts.move(
            name,
            host=said.get("host", ""),
            first=UUID(first.id) if first else None,
            typed=said["typed"],
            actor=actor_of(request),
            reason=said["reason"],
        )

    done = press(request, form, do, back=back, is_others=bool(mine), is_over=not is_needed)
    if isinstance(done, HttpResponse):
        return done
    old = view.primary.host if view.primary else "its old host"
    so_far = (
        f"{first.requested_by} says so already, and moves it to {first.host}: {first.reason}"
        if first
        else "A second person has to say so too, within 30 minutes, before anything happens."
    )
    return confirm(
        request,
        role,
        view,
        form,
        heading=f"Move {name} to another host with its disk",
        status=done,
        said="Move",
        target=f"{name} away from {old}",
        meaning=not_needed(view)
        if not is_needed
        else (
            f"{mine} You say that {old} is off, and that its disk is attached to the other host."
            f" {RISK} Nothing empty is made in its place: where the disk is missing it goes on"
            " waiting."
        ).strip(),
        ends=so_far if is_needed else RISK,
        grave=is_needed,
        barred=not is_needed or bool(mine) or not (first or hosts),
    )
