"""A database that waits is restored elsewhere from a backup: two people, two words."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from dashboard.acts import databases as acts
from dashboard.forms import Reason, RestoreWord
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role
from dashboard.views.act import answer
from dashboard.views.databases import confirm, find
from recovery.backups.words import instant
from recovery.core import clock
from recovery.restores import screens
from recovery.restores.facts import BEFORE_SWITCH, HostSight, Phase
from recovery.restores.screens import Preview, RestoreView


@require_http_methods(["GET", "POST"])
@for_people(May.RESTORE)
def restore(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """The first person sees what is lost and chooses; the second one confirms exactly that."""
    view = find(name)
    running = screens.unfinished(name)
    first = running if running and running.phase == Phase.ASKED else None
    if first and first.in_place:
        return redirect(f"/databases/{name}/restore-in-place/")
    preview = screens.preview(name, clock.system.now())
    if preview is None:
        raise Http404(f"There is no database {name}.")
    form = RestoreWord(
        name,
        first.id if first else "",
        [] if first else _sources(preview),
        [] if first else [(one.key, f"{one.name}, {one.site}") for one in _hosts(preview)],
        {one.key: one.at for one in preview.sources if one.at},
        request.POST or None,
    )
    if form.is_valid():
        said = form.cleaned_data
        return answer(
            request,
            lambda: acts.restore(
                name,
                source=said.get("source", ""),
                host=said.get("host", ""),
                to=said.get("to"),
                first=UUID(first.id) if first else None,
                typed=said["typed"],
                actor=actor_of(request),
                reason=said["reason"],
            ),
            back=f"/databases/{name}/",
        )
    refusal = _refusal(preview, running)
    return confirm(
        request,
        role,
        view,
        form,
        heading=f"Restore {name} on another host from a backup",
        said="Restore",
        target=f"{name} on {first.host}" if first else name,
        meaning=refusal or _meaning(preview, first),
        ends=_ends(first, is_refused=bool(refusal)),
        grave=not refusal,
        barred=bool(refusal),
        other=other_page(name, preview, refusal, "restore-in-place", "Take it back in time there"),
    )


def _sources(preview: Preview) -> list[tuple[str, str]]:
    """The one that would be chosen first."""
    best = preview.choice.source
    ranked = sorted(preview.sources, key=lambda one: best is None or one.key != best.key)
    return [
        (one.key, f"replica {one.number} ({one.store}), up to {instant(one.at)}")
        for one in ranked
        if one.at
    ]


def _hosts(preview: Preview) -> list[HostSight]:
    best = preview.place.host
    return sorted(preview.hosts, key=lambda one: best is None or one.key != best.key)


def _refusal(preview: Preview, running: RestoreView | None) -> str:
    """What the dialog says whose word would be refused."""
    if running is not None and running.phase != Phase.ASKED:
        return f"{running.name} restores it already: {running.word}."
    if preview.refusal:
        return f"{preview.refusal}{other_way(preview)}"
    if preview.choice.source is None:
        return " ".join([preview.choice.reason, *preview.choice.why_not])
    if preview.place.host is None:
        return " ".join([preview.place.reason, *preview.place.why_not])
    return ""


def other_page(
    name: str, preview: Preview, refusal: str, path: str, said: str
) -> tuple[str, str] | None:
    """Where it can be done instead, as a link."""
    if not refusal or not preview.refusal or preview.other.refusal:
        return None
    return f"/databases/{name}/{path}/", said


def other_way(preview: Preview) -> str:
    """Where this one is refused and that one is not."""
    if preview.other.refusal:
        return ""
    return f" It can be restored {preview.other.name}. {preview.other.reason}"


def _meaning(preview: Preview, first: RestoreView | None) -> str:
    """What is lost, from where, where to: of what was asked for, or of what would be best."""
    if first is None:
        said = [preview.risk, preview.choice.reason, *preview.choice.why_not, preview.place.reason]
        return " ".join(said)
    moment = instant(first.to or first.quoted)
    return (
        f"{first.risk} It is restored from replica {first.replica} ({first.store}) to {moment} on"
        f" {first.host}. {first.why}"
    )


def _ends(first: RestoreView | None, *, is_refused: bool) -> str:
    if is_refused:
        return "Nothing is changed."
    if first is None:
        return (
            "A second person has to say so too, within 30 minutes, before anything happens. Until"
            " the new copy is proven and switched to, it can be called off, and the return of its"
            " old host ends it."
        )
    return f"{first.asked_by} says so already."


@require_http_methods(["GET", "POST"])
@for_people(May.RESTORE)
def call_off(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """Elsewhere until the switch, in place until it serves; later the sentence says why not."""
    view, running = find(name), screens.unfinished(name)
    form = Reason(request.POST or None)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        return answer(
            request,
            lambda: acts.call_off_restore(name, actor_of(request), reason),
            back=f"/databases/{name}/",
        )
    what = f"{running.name}, the restore of {name}" if running else f"the restore of {name}"
    return confirm(
        request,
        role,
        view,
        form,
        heading=f"Call off {what}",
        said="Call off",
        target=what,
        barred=running is None or not running.may_be_called_off,
        meaning=_called_off(name, running),
        ends="It can be asked for again at once.",
    )


def _called_off(name: str, running: RestoreView | None) -> str:
    """What becomes of what was restored, and of what was there before."""
    if running is None or not running.in_place:
        return (
            f"What its host has restored so far is removed, and {name} goes on waiting. Once the"
            " restored data are to lead it is refused."
        )
    if running.phase in BEFORE_SWITCH:
        return f"What its host has restored so far is removed, and {name} goes on as it is."
    return (
        f"{running.host} takes the restored data out again and keeps them for 14 days; what was"
        f" there before serves, and its standbys follow it. Once {name} serves with the restored"
        " data it is too late: then it can go back to another moment."
    )
