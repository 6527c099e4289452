"""Rights to approve that are lent: what is so, lend one, take one back."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from dashboard.acts import lent as acts
from dashboard.forms import Reason
from dashboard.people import actor_of, for_people
from dashboard.permissions import May, Role, may
from dashboard.views.drp.forms import Lend
from dashboard.views.page import show
from dashboard.views.refusals import press
from recovery.core import clock
from recovery.drp.views.lent import (
    LentView,
    lendable,
    lent_lately,
    lent_now,
    may_take_back,
    view_lent,
)

BACK = "/recovery/lent/"
MORNING = 7
SHORTEST_NIGHT = timedelta(hours=4)


def next_morning(now: datetime) -> datetime:
    """Of whoever goes to sleep now: seven o’clock in UTC, and not in a moment."""
    after = now + SHORTEST_NIGHT
    morning = after.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    return morning if morning >= after else morning + timedelta(days=1)


@require_http_methods(["GET", "POST"])
@for_people(May.VIEW)
def lent(request: HttpRequest, role: Role) -> HttpResponse:
    if request.method == "POST" and not may(role, May.ANSWER):
        return _show(request, role, None, 403)
    person = request.user.get_username()
    own = lendable(person)
    preset = {"until": f"{next_morning(clock.system.now()):%Y-%m-%dT%H:%M}"}
    form = Lend(acts.takers_for(person), own, request.POST or None, initial=preset)

    def do() -> str:
        return acts.lend(**form.cleaned_data, actor=actor_of(request))

    done = press(request, form, do, back=BACK, is_others=not own)
    return done if isinstance(done, HttpResponse) else _show(request, role, form, done)


def _show(request: HttpRequest, role: Role, form: Lend | None, status: int) -> HttpResponse:
    """`form` None: they may not even answer."""
    person = request.user.get_username()
    is_able = may(role, May.ANSWER)
    return show(
        request,
        role,
        "lent",
        area="recovery",
        heading="Lent rights",
        form=form,
        own=lendable(person),
        has_takers=bool(acts.takers_for(person)),
        lent=[(one, is_able and may_take_back(one, person)) for one in lent_now()],
        over=lent_lately(),
        person=person,
        status=status,
    )


@require_http_methods(["GET", "POST"])
@for_people(May.ANSWER)
def take_back(request: HttpRequest, role: Role, pk: UUID) -> HttpResponse:
    """The giver, or an administrator."""
    form = Reason(request.POST or None)

    def do() -> str:
        return acts.take_back(pk, actor=actor_of(request), reason=form.cleaned_data["reason"])

    one = _find(pk)
    is_others = not may_take_back(one, request.user.get_username())
    is_over = one.over_at is not None
    done = press(request, form, do, back=BACK, is_others=is_others, is_over=is_over)
    if isinstance(done, HttpResponse):
        return done
    one = _find(pk)  # somebody may have been first
    barred = is_others or one.over_at is not None
    return show(
        request,
        role,
        "confirm",
        area="recovery",
        heading=f"Take back the role {one.role} from {one.taker}",
        form=form,
        said="Take back",
        target=f"the role {one.role} from {one.taker}",
        facts=[_lent(one)],
        meaning=_refusal(one, is_others=is_others) or AFTER,
        ends="Nothing is changed." if barred else "It can be lent again.",
        barred=barred,
        back=BACK,
        status=done,
    )


AFTER = "Taken back, nothing rests on it any more, not even an answer that was given with it."


def _find(pk: UUID) -> LentView:
    one = view_lent(pk)
    if one is None:
        raise Http404("There is no such lent right.")
    return one


def _lent(one: LentView) -> str:
    verb = "lends" if one.over_at is None else "lent"
    return f"{one.giver} {verb} {one.taker} the role {one.role}: {one.reason}"


def _refusal(one: LentView, *, is_others: bool) -> str:
    """Why this person does not take it back now."""
    if one.over_at is not None:
        return "It is over already."
    return f"It is {one.giver}’s to take back, or an administrator’s." if is_others else ""
