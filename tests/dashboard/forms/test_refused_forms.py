"""A page that is a form refuses with a code that says why, and keeps what was typed in it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.messages.storage.fallback import FallbackStorage
from django.http import HttpResponse
from django.test import Client, RequestFactory

from dashboard.forms import Reason
from dashboard.views.refusals import press
from recovery.core import clock
from recovery.core.errors import (
    Conflict,
    Forbidden,
    Missing,
    Refused,
    TocsinError,
    Unsure,
    WrongState,
)
from recovery.detection.actions import set_pause
from recovery.detection.facts import Part
from recovery.detection.freezes import lift_freeze
from recovery.failover.models import Failover, Vouch
from recovery.failover.phases import Phase
from recovery.inventory.models import Host
from tests.dashboard import bases, fleet
from tests.dashboard.bases import Base
from tests.dashboard.conftest import SignIn
from tests.support.freezes import freeze

WHY = "Its board is dead."


def pressed(
    sent: dict[str, str], error: TocsinError | None = None, **how: bool
) -> tuple[HttpResponse | int, Reason]:
    """What a page that is one form does with this, where its act fails so."""
    request = RequestFactory(HTTP_HOST="localhost").post("/x/", sent)
    request.session = {}  # type: ignore[assignment]  # as far as messages need one
    request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
    form = Reason(request.POST or None)

    def do() -> str:
        if error is not None:
            raise error
        return "It is done."

    return press(request, form, do, back="/back/", **how), form


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Forbidden("Another one may."), 403),
        (Missing("It is not there."), 404),
        (WrongState("It is over."), 409),
        (Conflict("Somebody was first."), 409),
        (Refused("It does not wait."), 409),
        (Refused("It is full.", field="host"), 422),
        (Unsure("Nobody answered."), 504),
    ],
)
def test_each_kind_of_refusal_has_its_code_and_stands_in_the_form(
    error: TocsinError, code: int
) -> None:
    done, form = pressed({"reason": WHY}, error)
    assert done == code
    assert form.non_field_errors() == [str(error)]
    assert form["reason"].value() == WHY


def test_a_form_that_is_not_whole_is_refused_by_whose_it_is_before_what_was_sent() -> None:
    half = {"reason": "", "typed": "x"}
    assert pressed(half)[0] == 422
    assert pressed(half, is_over=True)[0] == 409
    assert pressed(half, is_over=True, is_others=True)[0] == 403
    assert pressed({})[0] == 200, "it was only opened"
    done, _ = pressed({"reason": WHY}, is_over=True)
    assert isinstance(done, HttpResponse), "the act itself decides"
    assert (done.status_code, done["Location"]) == (302, "/back/")


@pytest.fixture
def seeded(hosts: dict[str, Host]) -> dict[str, Base]:
    return bases.seed_bases(hosts, clock.system.now())


def refused(client: Client, path: str, sent: dict[str, str], code: int, says: str) -> str:
    """The page that it is answered with; nothing is left to be told by the next one."""
    answer: Any = client.post(path, sent)
    html = fleet.plain(answer.content.decode())
    assert (answer.status_code, answer.get("Location")) == (code, None), html
    assert says in html
    assert 'role="alert"' in html
    assert "<p data-tone" not in client.get("/help/").content.decode(), "it was said"
    return html


def test_a_switchover_while_failover_is_frozen_keeps_whom_and_why(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    freeze([Part.FAILOVER], clock.system.now())
    sent = {"target": "par1-r2-h01", "reason": WHY}
    path = "/databases/orders-pg/switchover/"
    html = refused(sign_in("responder"), path, sent, 409, "Nothing was begun.")
    assert f'value="{WHY}"' in html
    assert '<option value="par1-r2-h01" selected>' in html
    assert not Failover.objects.exists()


def test_a_first_word_that_nobody_needs_is_over_whatever_was_typed(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    client, path = sign_in("responder"), "/databases/orders-pg/vouch/"
    refused(client, path, {"reason": WHY, "typed": "orders-pg"}, 409, "not lost")
    answer = client.post(path, {"reason": "", "typed": "x"})
    assert answer.status_code == 409
    assert "No word is needed now" in answer.content.decode()
    assert not Vouch.objects.exists()


@pytest.mark.parametrize("typed", ["orders-pg", "orders"])
def test_the_second_word_of_the_same_person_is_somebody_elses(
    sign_in: SignIn, seeded: dict[str, Base], typed: str
) -> None:
    bases.fail_over(seeded["orders-pg"], clock.system.now(), upto=Phase.ANALYSE)
    client, path = sign_in("responder"), "/databases/orders-pg/vouch/"
    assert client.post(path, {"reason": WHY, "typed": "orders-pg"}).status_code == 302
    sent = {"reason": WHY, "typed": typed, "first": str(Vouch.objects.get().pk)}
    answer = client.post(path, sent)
    assert answer.status_code == 403
    assert "the second one is somebody else’s" in answer.content.decode()
    assert Vouch.objects.get().state == "asked"
    wrong = sign_in("approver").post(path, sent | {"typed": "no"})
    assert wrong.status_code == 422
    assert f'value="{WHY}"' in wrong.content.decode()


def test_a_move_is_refused_on_its_own_page(
    sign_in: SignIn, seeded: dict[str, Base], hosts: dict[str, Host]
) -> None:
    path, now = "/databases/wiki-pg/move/", clock.system.now()
    sent = {"reason": WHY, "typed": "wiki-pg", "host": "mrs1-r2-h02"}
    client = sign_in("responder")
    assert client.post(path, sent).status_code == 409, "it serves"
    fleet.lose_host(hosts["mrs1-r1-h01"], now)
    bases.wait(seeded["wiki-pg"], "Its host mrs1-r1-h01 is lost.", now)
    assert client.post(path, sent).status_code == 302
    mine = sent | {"first": str(Vouch.objects.get().pk)}
    answer = client.post(path, mine)
    assert answer.status_code == 403
    assert "the second one is somebody else’s" in answer.content.decode()


def test_where_nothing_is_to_be_chosen_or_restored_a_word_is_over(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    client, sent = sign_in("responder"), {"reason": WHY, "typed": "orders-pg"}
    answer = client.post("/databases/orders-pg/promote/", sent | {"digest": "d" * 64})
    assert answer.status_code == 409
    assert "there is nothing to choose" in answer.content.decode()
    refused(client, "/databases/orders-pg/call-off/", {"reason": WHY}, 409, "Nothing of orders-pg")
    path = "/databases/orders-pg/restore/call-off/"
    refused(client, path, {"reason": WHY}, 409, "No restore of orders-pg is under way")


def test_a_pause_that_stands_already_is_a_conflict_and_keeps_the_reason(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    set_pause(actor=fleet.CONTROLLER, reason="Somebody was first.", now=clock.system.now())
    html = refused(sign_in("responder"), "/held/pause/", {"reason": WHY}, 409, "Already paused by")
    assert f'value="{WHY}"' in html


def test_a_freeze_that_somebody_lifted_is_over(sign_in: SignIn, hosts: dict[str, Host]) -> None:
    row = freeze(now=clock.system.now())
    lift_freeze(freeze=row.pk, actor=fleet.CONTROLLER, reason="Done.", now=clock.system.now())
    path = f"/held/freezes/{row.pk}/lift/"
    refused(sign_in("responder"), path, {"reason": WHY}, 409, "lifted it already")


def test_with_a_script_the_same_code_is_said_beside_the_page(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    path, sent = "/databases/orders-pg/vouch/", {"reason": WHY, "typed": "orders-pg"}
    answer = sign_in("responder").post(path, sent, headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert "<html" not in answer.content.decode()
