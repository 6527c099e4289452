"""Two people say that a datacenter is lost, where its silence leaves Tocsin blind; or not after
all."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from dashboard.acts import recovery as acts
from dashboard.forms import Reason, Word
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role
from dashboard.screen import Screen
from dashboard.views.databases import own_word
from dashboard.views.page import show
from dashboard.views.refusals import attempt
from recovery.brief.screens import site_names
from recovery.core import clock
from recovery.detection.screens import LossVouchView, disproved, why_no_vouch

LOOK = (
    "A datacenter that burns and one to which only the network is cut look the same from here."
    " Look with your own eyes, or hear it from somebody who stands in front of it or runs it."
)
FOLLOWS = (
    "None of its hosts is expected any more. Once that lets Tocsin see, it judges them by what"
    " their neighbours meet, rings, and leads to the recovery plan; of a whole datacenter it moves"
    " nothing without people. What still serves users there would be taken from them by that plan."
)
ENDS = "It is over as soon as one of its hosts is heard, or somebody takes it back."
FIRST = "A second person has to say so, too, within 30 minutes, before anything follows."


def _word(screen: Screen, name: str) -> LossVouchView | None:
    if name not in site_names():
        raise Http404(f"There is no datacenter {name}.")
    return next((one for one in screen.vouches if one.site == name), None)


@require_http_methods(["GET", "POST"])
@for_people(May.VOUCH_DATACENTER)
def vouch(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """The first person's word, or the second one's: each types the name of the datacenter."""
    screen = Screen(role)
    word = _word(screen, name)
    first = word if word and not word.stands else None
    form = Word(name, first.id if first else "", request.POST or None)
    status = 422 if form.is_bound else 200
    if form.is_valid():
        came = attempt(
            request,
            form,
            lambda: acts.vouch(
                name,
                first=UUID(first.id) if first else None,
                typed=form.cleaned_data["typed"],
                actor=actor_of(request),
                reason=form.cleaned_data["reason"],
            ),
            f"/recovery/{name}/",
        )
        if not isinstance(came, int):
            return came
        status = came
    refusal = _refusal(request, name, word)
    return show(
        request,
        role,
        "confirm",
        area="recovery",
        heading=f"Vouch that {name} is lost",
        form=form,
        barred=bool(refusal) and not form.is_bound,
        back=f"/recovery/{name}/",
        said="Vouch that",
        target=f"{name} is lost",
        facts=() if refusal else _facts(screen, name, first),
        meaning=refusal or LOOK,
        ends=ENDS if refusal else f"{FOLLOWS} {ENDS}",
        grave=True,
        status=status,
    )


def _facts(screen: Screen, name: str, first: LossVouchView | None) -> list[str]:
    """What is known, each in its own line: who said so, what spoke against it, who is silent."""
    said = f"{first.by} vouches since {first.at:%H:%M:%S}: {first.reason}" if first else FIRST
    return [one for one in (said, disproved(name), screen.brief(name).after) if one]


def _refusal(request: HttpRequest, name: str, word: LossVouchView | None) -> str:
    """Why this person's word would not be taken now."""
    if word and word.stands:
        return f"{word.by} and {word.second} vouch already that {name} is lost."
    return own_word(request, word.by if word else "") or why_no_vouch(name, clock.system.now())


@require_http_methods(["GET", "POST"])
@for_people(May.VOUCH_DATACENTER)
def withdraw(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """Whoever learns that it lives says so: one person is enough."""
    word = _word(Screen(role), name)
    form = Reason(request.POST or None)
    status = 422 if form.is_bound else 200
    if form.is_valid():
        came = attempt(
            request,
            form,
            lambda: acts.withdraw_vouch(
                name, actor=actor_of(request), reason=form.cleaned_data["reason"]
            ),
            f"/recovery/{name}/",
        )
        if not isinstance(came, int):
            return came
        status = came
    who = f"{word.by} and {word.second} vouch" if word and word.second else ""
    return show(
        request,
        role,
        "confirm",
        area="recovery",
        heading=f"Take back that {name} is lost",
        form=form,
        barred=word is None and not form.is_bound,
        back=f"/recovery/{name}/",
        said="Take back that",
        target=f"{name} is lost",
        meaning=(
            f"{who or f'{word.by} vouches'} that it is lost. Taken back, its hosts are expected to"
            " be heard again: as long as they are not, Tocsin may be blind."
            if word
            else f"Nobody vouches that {name} is lost."
        ),
        ends="What was judged meanwhile stays judged; runs that have begun go on.",
        status=status,
    )
