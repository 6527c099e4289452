"""Nobody is safe by Tocsin's own rules: people choose who leads next, after what it would lose."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from dashboard.acts import databases as acts
from dashboard.forms import Choose
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role
from dashboard.views.databases import find, open_word, own_word
from dashboard.views.page import show
from dashboard.views.refusals import press
from recovery.failover.actions.chosen import is_about
from recovery.failover.views.copies import CopyView
from recovery.failover.views.databases import DatabaseView, VouchView
from recovery.failover.views.offers import OfferView


@require_http_methods(["GET", "POST"])
@for_people(May.PROMOTE)
def promote(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """The first person chooses and reads what is lost; where that is much, a second one confirms
    exactly that."""
    view = find(name)
    offers = view.running.may_choose if view.running else ()
    first, agreed = _first(view, offers)
    copies = [(one.digest, f"{one.host}, losing {one.lost}") for one in agreed]
    form = Choose(name, first.id if first else "", copies, request.POST or None)
    mine = own_word(request, first.requested_by if first else "")
    back = f"/databases/{name}/"

    def do() -> str:
        said = form.cleaned_data
        return acts.promote(
            name,
            digest=said["digest"],
            first=UUID(first.id) if first else None,
            typed=said["typed"],
            actor=actor_of(request),
            reason=said["reason"],
        )

    done = press(request, form, do, back=back, is_others=bool(mine), is_over=not copies)
    if isinstance(done, HttpResponse):
        return done
    places = {copy.id: copy for copy in view.copies}
    every = view.running.offers if view.running else ()
    return show(
        request,
        role,
        "promote",
        area="databases",
        topics=(f"database-voice:{name}",),
        heading=f"Choose who leads {name}",
        form=form,
        view=view,
        first=first,
        rows=[(one, places.get(one.replica)) for one in every],
        meaning=f"{mine} {_meaning(view, agreed, first, places)}".strip(),
        barred=not copies or bool(mine),
        said=f"Promote {agreed[0].host}" if len(agreed) == 1 else "Promote this one",
        status=done,
    )


def _first(
    view: DatabaseView, offers: tuple[OfferView, ...]
) -> tuple[VouchView | None, tuple[OfferView, ...]]:
    """The first word that waits for a second, with its one offer; a word whose offer is no more
    waits for nothing."""
    word = open_word(view, "choose")
    mine = tuple(one for one in offers if word and is_about(word.risk, one.digest))
    return (word, mine) if mine else (None, offers)


def _meaning(
    view: DatabaseView,
    offers: tuple[OfferView, ...],
    first: VouchView | None,
    places: dict[str, CopyView],
) -> str:
    running = view.running
    if running is None:
        return f"No failover of {view.name} is under way: there is nothing to choose."
    if (word := running.word) is not None and not word.is_judged:
        who, verb = " and ".join(word.people), "promotes" if len(word.people) == 1 else "promote"
        where = places[word.replica].host if word.replica in places else "it"
        return f"{who} {verb} {where} already: {running.name} is in {running.phase}."
    if not offers:
        why = running.waiting_for or running.cause
        return f"{running.name} of {view.name} waits for nobody’s choice. {why}"
    if first is not None:
        return (
            f"{first.requested_by} promotes {offers[0].host}: {first.reason} On your word it goes "
            "on, and what is lost is lost for good."
        )
    two = any(one.people > 1 for one in offers)
    more = " A second person has to say so too, within 30 minutes, before anything happens."
    return (
        f"{running.name} waits: no standby of {view.name} is safe by Tocsin’s own rules. You may "
        "promote one all the same, knowing what that loses. It still happens only once the old "
        "primary is proven to be closed, so two never lead; if it comes back before, it leads on. "
        "If more would be lost by then than stands here, you are asked again."
        f"{more if two else ''}"
    )
