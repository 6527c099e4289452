"""What people do with databases: a switchover, a second failover, a word for a lost primary."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from dashboard.acts import databases as acts
from dashboard.forms import Reason, Seat, Switchover, Word
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role
from dashboard.views.page import show
from dashboard.views.refusals import press
from recovery.core import clock
from recovery.failover import screens
from recovery.failover.actions import standbys
from recovery.failover.views.databases import DatabaseView, VouchView

RISK = (
    "If it still runs and somebody can reach it, two primaries are written to at once, and one "
    "of the two histories is lost."
)


def find(name: str) -> DatabaseView:
    found = screens.view_database(name, clock.system.now())
    if found is None:
        raise Http404(f"There is no database {name}.")
    return found


def _page(name: str) -> str:
    return f"/databases/{name}/"


def open_word(view: DatabaseView, purpose: str) -> VouchView | None:
    """The first person's, that waits for a second one's."""
    asked = (one for one in view.vouches if (one.purpose, one.state) == (purpose, "asked"))
    return next(asked, None)


OWN_WORD = "You gave the first word; the second one is somebody else’s."


def own_word(request: HttpRequest, by: str) -> str:
    """Why this person’s second word would be refused; empty where it would not be. `by`: whose is
    the first one; empty: there is none."""
    return OWN_WORD if by and by == actor_of(request).id else ""


def _why_blocked(view: DatabaseView) -> str:
    if view.blocked_by:
        return f"{view.blocked_by} called the last failover of {view.name} off."
    return f"{view.name} failed over within the last hour."


def confirm(
    request: HttpRequest,
    role: Role,
    view: DatabaseView,
    form: Reason,
    *,
    heading: str,
    status: int,
    barred: bool = False,
    **context: object,
) -> HttpResponse:
    """`barred`: it would be refused, so that nobody is asked to fill anything in; `status`: what
    came of what was sent."""
    name = view.name
    return show(
        request,
        role,
        "confirm",
        area="databases",
        topics=(f"database-voice:{name}", f"database-copies:{name}"),
        heading=heading,
        form=form,
        barred=barred,
        back=_page(name),
        status=status,
        **context,
    )


def not_needed(view: DatabaseView) -> str:
    """What a dialog says whose word would be refused."""
    return f"No word is needed now ({view.name}: {view.word}), and one that is given is refused."


@require_http_methods(["GET", "POST"])
@for_people(May.SWITCH_OVER)
def switchover(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """A dialog with its preview: who leads next, how long, what is lost, what ends it."""
    view = find(name)
    form = Switchover([copy.host for copy in view.targets], request.POST or None)
    barred = view.running is not None or not view.targets

    def do() -> str:
        target, reason = form.cleaned_data["target"], form.cleaned_data["reason"]
        return acts.switch_over(name, target, actor_of(request), reason)

    done = press(request, form, do, back=_page(name), is_over=barred)
    if isinstance(done, HttpResponse):
        return done
    return confirm(
        request,
        role,
        view,
        form,
        heading=f"Switch {name} over",
        status=done,
        barred=barred,
        said="Switch over",
        target=name,
        meaning=_switch_meaning(view),
        ends="A standby that is not safe is refused with the reason, and nothing changes.",
    )


def _switch_meaning(view: DatabaseView) -> str:
    running = view.running
    if running is not None:
        return (
            f"{running.name}, a {running.kind} of {view.name}, is under way in phase "
            f"{running.phase}: another one has to wait for its end."
        )
    if not view.targets:
        return f"No standby of {view.name} could take over now."
    return (
        f"{view.primary.host if view.primary else 'Its primary'} stops taking writes, hands "
        "the rest of its log over and follows the new primary. Users wait for 1 to 5 s; "
        f"their connections are closed. At most {view.worst.promise:.0f} s were promised for "
        "a failover. Lost: nothing that was acknowledged."
    )


@require_http_methods(["GET", "POST"])
@for_people(May.SWITCH_OVER)
def standby(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """One that leads alone (it was restored, or its standby is gone for good) gets a standby."""
    view, hosts = find(name), standbys.seats_for(name)
    form, barred = Seat(hosts, request.POST or None), not (view.is_alone and hosts)

    def do() -> str:
        host, reason = form.cleaned_data["host"], form.cleaned_data["reason"]
        return acts.add_standby(name, host, actor_of(request), reason)

    done = press(request, form, do, back=_page(name), is_over=barred)
    if isinstance(done, HttpResponse):
        return done
    return confirm(
        request,
        role,
        view,
        form,
        heading=f"Give {name} a standby",
        status=done,
        barred=barred,
        said="Give a standby to",
        target=name,
        meaning=_standby_meaning(view, hosts),
        ends="A host that cannot take it is refused with the reason, and nothing changes.",
    )


def _standby_meaning(view: DatabaseView, hosts: list[str]) -> str:
    if not view.is_alone:
        return f"{view.name} does not lead alone ({view.word}): another standby is refused."
    if not hosts:
        return f"No living host of its primary’s datacenter has room for {view.name}."
    return (
        "Its agent copies the primary, which is read for that and goes on serving. When it holds "
        "everything, it could take over, and what is recorded as degraded ends by itself."
    )


@require_http_methods(["GET", "POST"])
@for_people(May.SWITCH_OVER)
def call_off(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """A failover is ended while nobody was ordered to lead; later the sentence says why not."""
    view = find(name)
    form = Reason(request.POST or None)

    def do() -> str:
        return acts.call_off(name, actor_of(request), form.cleaned_data["reason"])

    done = press(request, form, do, back=_page(name))
    if isinstance(done, HttpResponse):
        return done
    running = view.running
    what = f"{running.name}, a {running.kind} of {name}" if running else f"the failover of {name}"
    return confirm(
        request,
        role,
        view,
        form,
        heading=f"Call off {what}",
        status=done,
        barred=running is None or not running.may_be_called_off,
        said="Call off",
        target=what,
        meaning=f"Nothing of {name} is under way: there is nothing to call off."
        if running is None
        else (
            "Until another replica is ordered to lead it can end without another primary: the old "
            "one gets its writes back at a higher epoch, if its agent lives. After that it is "
            "refused. A failover that was called off does not begin again by itself for an hour: "
            f"if the old primary is really lost, {name} stays down until somebody allows it."
        ),
        ends="Allow the next failover on the same page, or wait for the hour to end.",
    )


@require_http_methods(["GET", "POST"])
@for_people(May.SWITCH_OVER)
def unblock(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """A second automatic failover within the hour is a person's decision."""
    view = find(name)
    form = Reason(request.POST or None)

    def do() -> str:
        return acts.allow_failover(name, actor_of(request), form.cleaned_data["reason"])

    done = press(request, form, do, back=_page(name))
    if isinstance(done, HttpResponse):
        return done
    is_free = view.blocked_until is None or view.blocked_until <= clock.system.now()
    return confirm(
        request,
        role,
        view,
        form,
        heading=f"Allow a second failover of {name}",
        status=done,
        barred=is_free,
        said="Allow a second failover of",
        target=name,
        meaning=f"Nothing blocks a failover of {name}: there is nothing to allow."
        if is_free
        else (
            f"{_why_blocked(view)} A database that goes to and fro loses more than one that "
            "waits, so the next automatic failover waits for you."
        ),
        ends="It is true until the next failover.",
    )


@require_http_methods(["GET", "POST"])
@for_people(May.VOUCH_DATABASE)
def vouch(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    """The first person's word, or the second one's: each types the name of the database."""
    view = find(name)
    first = open_word(view, "promote")
    form = Word(name, first.id if first else "", request.POST or None)
    mine = own_word(request, first.requested_by if first else "")
    is_needed = first is not None or view.may_be_vouched_for

    def do() -> str:
        return acts.vouch(
            name,
            first=UUID(first.id) if first else None,
            risk=RISK,
            typed=form.cleaned_data["typed"],
            actor=actor_of(request),
            reason=form.cleaned_data["reason"],
        )

    done = press(request, form, do, back=_page(name), is_others=bool(mine), is_over=not is_needed)
    if isinstance(done, HttpResponse):
        return done
    host = view.primary.host if view.primary else "its old host"
    so_far = (
        f"{first.requested_by} vouches already: {first.reason}"
        if first
        else "A second person has to vouch too, within 30 minutes, before anything happens."
    )
    why = f"{mine} Nobody can prove that {host} is fenced. Look at the machine itself. {RISK}"
    return confirm(
        request,
        role,
        view,
        form,
        heading=f"Vouch that {host} is off",
        status=done,
        barred=not is_needed or bool(mine),
        said="Vouch that",
        target=f"{host} does not serve {name} any more",
        meaning=why.strip() if is_needed else not_needed(view),
        ends=so_far if is_needed else RISK,
        grave=is_needed,
    )
