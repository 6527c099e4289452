"""What people do: each view is one action of a room, and says what came of it."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.acts import fleet as acts
from dashboard.forms import Note, Reason, TypedName
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role
from dashboard.views.page import show
from dashboard.views.refusals import answer, press
from recovery.core.errors import Refused
from recovery.inventory.screens import find_host
from recovery.scheduling import screens as scheduling

FROM_PAGE = "From the page."


@require_POST
@for_people(May.ACKNOWLEDGE)
def acknowledge_incident(request: HttpRequest, role: Role, number: int) -> HttpResponse:
    return answer(request, lambda: acts.acknowledge_incident(number, actor_of(request), FROM_PAGE))


@require_POST
@for_people(May.ACKNOWLEDGE)
def acknowledge_alarm(request: HttpRequest, role: Role, pk: UUID) -> HttpResponse:
    return answer(request, lambda: acts.acknowledge_alarm(str(pk), actor_of(request), FROM_PAGE))


@require_POST
@for_people(May.NOTE)
def add_note(request: HttpRequest, role: Role, number: int) -> HttpResponse:
    form = Note(request.POST)

    def do() -> str:
        if not form.is_valid():
            raise Refused(str(form.errors["text"][0]))
        return acts.add_note(number, form.cleaned_data["text"], actor_of(request))

    return answer(request, do, back=f"/incidents/{number}/")


HOST_ACTS = {
    "cordon": ("Cordon", acts.cordon_host, May.CORDON, "Nothing new is placed on it."),
    "drain": ("Drain", acts.drain_host, May.DRAIN, "Each container starts elsewhere first."),
}


@require_http_methods(["GET", "POST"])
def host_act(request: HttpRequest, name: str, verb: str) -> HttpResponse:
    """For whoever may do this very act."""
    if verb not in HOST_ACTS:
        raise Http404(f"A host cannot be asked to {verb}.")
    return for_people(HOST_ACTS[verb][2])(_host_act)(request, name, verb)


def _host_act(request: HttpRequest, role: Role, name: str, verb: str) -> HttpResponse:
    """First the preview with its reason to fill in, then the act."""
    if find_host(name) is None:
        raise Http404(f"There is no host {name}.")
    said, act, _, meaning = HOST_ACTS[verb]
    form, back = Reason(request.POST or None), f"/hosts/{name}/"

    def do() -> str:
        return act(name, actor_of(request), form.cleaned_data["reason"])

    done = press(request, form, do, back=back)
    if isinstance(done, HttpResponse):
        return done
    return show(
        request,
        role,
        "confirm",
        area="hosts",
        topics=(f"host-voice:{name}", f"host-seats:{name}"),
        heading=f"{said} {name}",
        form=form,
        said=said,
        target=name,
        meaning=meaning,
        back=back,
        status=done,
    )


@require_POST
@for_people(May.LAB)
def lab_host(request: HttpRequest, role: Role, name: str, verb: str) -> HttpResponse:
    return answer(
        request,
        lambda: acts.lab_host(name, verb, actor_of(request), "Pressed in the lab."),
        back="/lab/",
    )


@require_http_methods(["GET", "POST"])
@for_people(May.LAB)
def lose_datacenter(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """A grave act: the name is typed by hand."""
    form = TypedName(name, request.POST or None)

    def do() -> str:
        return acts.lose_datacenter(name, actor_of(request), form.cleaned_data["reason"])

    done = press(request, form, do, back="/lab/")
    if isinstance(done, HttpResponse):
        return done
    return show(
        request,
        role,
        "confirm",
        area="lab",
        heading=f"Lose datacenter {name}",
        form=form,
        said="Lose datacenter",
        target=name,
        meaning=f"Every lab host of {name} falls silent at once. Its disks stay.",
        back="/lab/",
        grave=True,
        status=done,
    )


@require_POST
@for_people(May.RELEASE)
def release_held(request: HttpRequest, role: Role) -> HttpResponse:
    """The hosts that the page showed: the press is about those, not about all that are held."""
    shown = request.POST.getlist("hosts")
    return answer(
        request, lambda: acts.release_held(actor_of(request), FROM_PAGE, shown), back="/held/"
    )


@require_http_methods(["GET", "POST"])
@for_people(May.VOUCH)
def release_placement(request: HttpRequest, role: Role, pk: UUID) -> HttpResponse:
    """A person vouches that a lost singleton does not run: what hangs on it is said first."""
    waiting = next((h for h in scheduling.open_holds() if h.seat == str(pk)), None)
    if waiting is None:
        raise Http404("This container does not wait for a person's word.")
    form = Reason(request.POST or None)

    def do() -> str:
        return acts.release_placement(pk, actor_of(request), form.cleaned_data["reason"])

    done = press(request, form, do, back=f"/applications/{waiting.application}/")
    if isinstance(done, HttpResponse):
        return done
    return show(
        request,
        role,
        "confirm",
        area="held",
        topics=(f"application-voice:{waiting.application}",),
        heading=f"{waiting.container} waits for a word",
        form=form,
        said="Say that",
        target=f"{waiting.container} does not run on {waiting.host} any more",
        meaning=(
            f"Two of {waiting.container} must never run. {waiting.host} cannot be asked, so look "
            f"at the machine itself: is it off, or cut off for good? If {waiting.container} still "
            "runs there, both will write. On your word it starts elsewhere at once."
        ),
        ends="It is true for this loss alone.",
        back="/held/",
        status=done,
    )


@require_POST
@for_people(May.CORDON)
def uncordon(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    return answer(
        request,
        lambda: acts.uncordon_host(name, actor_of(request), FROM_PAGE),
        back=f"/hosts/{name}/",
    )
