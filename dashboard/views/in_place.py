"""A database goes back in time where it is: two people, two words, one moment."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from dashboard.people import for_people
from dashboard.permissions import May, Role
from dashboard.views.databases import confirm, find, own_word
from dashboard.views.restore_forms import BackInTime
from dashboard.views.restores import give_word, moment_of, other_page, other_way, page_of, ranked
from recovery.backups.words import ends, first_instant, instant
from recovery.core import clock
from recovery.restores import screens
from recovery.restores.facts import Phase, Source
from recovery.restores.screens import Preview, RestoreView


@require_http_methods(["GET", "POST"])
@for_people(May.RESTORE)
def restore_in_place(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """The first person sees what is lost with the moment that they chose; the second one confirms
    exactly that."""
    view, now = find(name), clock.system.now()
    running = screens.unfinished(name)
    first = running if running and running.phase == Phase.ASKED and running.in_place else None
    preview = screens.preview(name, now, in_place=True)
    if preview is None:
        raise Http404(f"There is no database {name}.")
    sources = () if first else ranked(preview)
    form = BackInTime(
        name,
        first.id if first else "",
        sources,
        request.POST or None,
        is_exact=_has_moments(preview),
    )
    mine = own_word(request, first.asked_by if first else "")
    done = give_word(request, name, form, first, in_place=True, is_others=bool(mine))
    if isinstance(done, HttpResponse):
        return done
    if form.moment is not None:
        preview = screens.preview(name, now, in_place=True, to=form.moment) or preview
    refusal = _refusal(preview, running, first)
    is_next = bool(first or refusal or form.moment or not _has_moments(preview))
    is_next = is_next and not form.is_refused
    return confirm(
        request,
        role,
        view,
        form,
        heading=f"Take {name} back in time, in its place",
        status=done,
        said="Restore" if is_next else "Show what is lost",
        target=f"{name} in place" if is_next else "with that moment",
        meaning=refusal
        or f"{mine} {_meaning(preview, first, is_chosen=form.moment is not None)}".strip(),
        since=moment_of(preview, first) if is_next and not refusal else None,
        ends=_ends(first, is_refused=bool(refusal or mine)),
        grave=is_next and not refusal,
        barred=bool(refusal or mine),
        other=page_of(running)
        if running
        else other_page(name, preview, refusal, "restore", "Restore it on another host"),
    )


def _has_moments(preview: Preview) -> bool:
    """Else it goes back to its last backup, and what that loses is known at once."""
    return any(one.opens for one in preview.sources)


def _refusal(preview: Preview, running: RestoreView | None, first: RestoreView | None) -> str:
    """What the dialog says whose word would be refused."""
    if running is not None and first is None:
        return f"{running.name} restores it already: {running.word}."
    if preview.refusal:
        return f"{preview.refusal}{other_way(preview)}"
    if preview.choice.source is None:
        return " ".join([preview.choice.reason, *preview.choice.why_not])
    return ""


def _meaning(preview: Preview, first: RestoreView | None, *, is_chosen: bool) -> str:
    """What is lost, in the words that both agree to; before a moment is chosen, what can be."""
    if first is not None:
        moment = instant(first.to or first.quoted, first.asked_at, exact=first.to is not None)
        return (
            f"{first.risk} It goes back to {moment}, from replica {first.replica} ({first.store}),"
            f" on {first.host}."
        )
    best = preview.choice.source
    if is_chosen or best is None or best.at is None or best.opens is None:
        return f"{preview.risk} {preview.place.reason}"
    oldest, newest = ends(best.opens, best.at)
    return (
        f"Replica {best.number} ({best.store}) has every moment from {oldest} to"
        f" {newest}{_but_for(best)}. Choose the last one at which all was well:"
        f" everything that was acknowledged after it is lost to its users, and what that is stands"
        f" here before anybody confirms it. {preview.place.reason}"
    )


def _but_for(source: Source) -> str:
    """The moments within its window that it cannot give, the newest ones."""
    found = [f"{instant(last)} and {first_instant(first)}" for last, first in source.cuts[-3:]]
    return f", but for those between {', and between '.join(found)}" if found else ""


def _ends(first: RestoreView | None, *, is_refused: bool) -> str:
    if is_refused:
        return "Nothing is changed."
    if first is None:
        return (
            "A second person has to say so too, within 30 minutes, before anything happens. Until"
            " the restored data serve, it can be called off: what is there now serves on, or again."
        )
    return f"{first.asked_by} says so already."
