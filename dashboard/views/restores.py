"""A database that waits is restored elsewhere from a backup: two people, two words."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from dashboard.acts import databases as acts
from dashboard.forms import Reason
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role
from dashboard.views.databases import confirm, find, own_word
from dashboard.views.refusals import press
from dashboard.views.restore_forms import RestoreWord, ToMoment
from recovery.backups.words import instant
from recovery.core import clock
from recovery.restores import screens
from recovery.restores.facts import BEFORE_SWITCH, HostSight, Phase, Source
from recovery.restores.screens import Preview, RestoreView


@require_http_methods(["GET", "POST"])
@for_people(May.RESTORE)
def restore(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """The first person sees what is lost and chooses; the second one confirms exactly that."""
    view, now = find(name), clock.system.now()
    running = screens.unfinished(name)
    first = running if running and running.phase == Phase.ASKED else None
    if first and first.in_place:
        return redirect(f"/databases/{name}/restore-in-place/")
    preview = screens.preview(name, now)
    if preview is None:
        raise Http404(f"There is no database {name}.")
    form = RestoreWord(
        name,
        first.id if first else "",
        () if first else ranked(preview),
        [] if first else [(one.key, f"{one.name}, {one.site}") for one in _hosts(preview)],
        request.POST or None,
    )
    mine = own_word(request, first.asked_by if first else "")
    done = give_word(request, name, form, first, is_others=bool(mine))
    if isinstance(done, HttpResponse):
        return done
    if form.moment is not None:
        preview = screens.preview(name, now, to=form.moment) or preview
    refusal = _refusal(preview, running)
    is_next = not form.is_refused
    return confirm(
        request,
        role,
        view,
        form,
        heading=f"Restore {name} on another host from a backup",
        status=done,
        said="Restore" if is_next else "Show what is lost",
        target=_target(name, first) if is_next else "with that moment",
        meaning=refusal or f"{mine} {_meaning(preview, first)}".strip(),
        since=None if refusal else moment_of(preview, first),
        ends=_ends(first, is_refused=bool(refusal or mine)),
        grave=is_next and not refusal,
        barred=bool(refusal or mine),
        other=page_of(running)
        if running
        else other_page(name, preview, refusal, "restore-in-place", "Take it back in time there"),
    )


def give_word(
    request: HttpRequest,
    name: str,
    form: ToMoment,
    first: RestoreView | None,
    *,
    in_place: bool = False,
    is_others: bool,
) -> HttpResponse | int:
    """The first person's, with all that they chose, or the second one's to that very one."""

    def do() -> str:
        said = form.cleaned_data
        return acts.restore(
            name,
            source=said.get("source", ""),
            host=said.get("host", ""),
            to=said.get("to"),
            in_place=in_place,
            first=UUID(first.id) if first else None,
            typed=said["typed"],
            actor=actor_of(request),
            reason=said["reason"],
        )

    return press(request, form, do, back=f"/databases/{name}/", is_others=is_others)


def _target(name: str, first: RestoreView | None) -> str:
    return f"{name} on {first.host}" if first else name


def ranked(preview: Preview) -> tuple[Source, ...]:
    """The one that would be chosen first, and none that cannot be."""
    best = preview.choice.source
    usable = (one for one in preview.sources if one.at)
    return tuple(sorted(usable, key=lambda one: best is None or one.key != best.key))


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


def moment_of(preview: Preview, first: RestoreView | None) -> datetime | None:
    """The one whose age stands beside what is agreed to, and counts on."""
    return (first.to or first.quoted) if first else preview.upto


def page_of(running: RestoreView) -> tuple[str, str] | None:
    """What may be done about the one that runs, as a link."""
    if not running.may_be_called_off:
        return None
    return f"/databases/{running.database}/restore/call-off/", f"Call {running.name} off"


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
    moment = instant(first.to or first.quoted, first.asked_at, exact=first.to is not None)
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

    def do() -> str:
        return acts.call_off_restore(name, actor_of(request), form.cleaned_data["reason"])

    done = press(request, form, do, back=f"/databases/{name}/")
    if isinstance(done, HttpResponse):
        return done
    what = f"{running.name}, the restore of {name}" if running else f"the restore of {name}"
    return confirm(
        request,
        role,
        view,
        form,
        heading=f"Call off {what}",
        status=done,
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
