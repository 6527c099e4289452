"""A right to approve is lent by page or API, used, and taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from dashboard.views.drp.lent import next_morning
from recovery.access.actions import register_person
from recovery.alarms.models import Alarm
from recovery.audit.models import AuditEntry
from recovery.core import transitions
from recovery.core.consent import write_pins
from recovery.drp import queries
from recovery.drp.models import Approval, Delegation
from tests.actions.drp.ground import Ground, pin
from tests.actions.drp.test_forged import replace_roles
from tests.dashboard.drp.conftest import Desk, Enter, text
from tests.support.fleet import BY, NOW
from tests.support.passkeys import Passkey

pytestmark = pytest.mark.usefixtures("finn")
PAGE, API = "/recovery/lent/", "/api/drp/lent"
WHY = "On a plane until the morning."


@pytest.fixture
def finn(ground: Ground) -> None:
    """A responder whose key is pinned for more than his role: so that a lent one counts."""
    register_person(
        username="finn", role="responder", password="x", actor=BY, reason="test", now=NOW
    )
    ground.keys["finn"] = Passkey("finn")
    pin(ground.keys, ground.pins)


def until(hours: float = 8) -> str:
    return f"{queries.database_now() + timedelta(hours=hours):%Y-%m-%dT%H:%M}"


def lend(client: Client, **told: str) -> Any:
    """bruno's right as approver, for the night, to finn, unless told otherwise."""
    sent = {"taker": "finn", "role": "approver", "until": until(), "reason": WHY} | told
    return client.post(PAGE, sent)


def send(client: Client, at: str = API, **told: str) -> Any:
    return client.post(at, told, content_type="application/json")


def back(client: Client, reason: str = "I am awake.") -> Any:
    return client.post(f"{PAGE}{Delegation.objects.get().pk}/take-back/", {"reason": reason})


def pin_as(ground: Ground, who: str, *roles: str) -> None:
    pins = [replace_roles(key.pin, who, *roles) for key in ground.keys.values()]
    ground.pins.write_bytes(write_pins(pins))


def asked(ground: Ground, enter: Enter, who: str = "finn") -> Desk:
    """`who` before the question of fencing, which takes two people and their passkeys."""
    ground.begin()
    ground.until("fence")
    ground.look()
    return Desk(ground, enter(who), who, "fence")


def test_who_goes_to_sleep_lends_their_right_and_everybody_reads_of_it(enter: Enter) -> None:
    bruno = enter("bruno")
    assert "Nothing is lent." in text(bruno.get(PAGE))
    form = bruno.get(PAGE).content.decode()
    assert '<option value="finn">finn, responder: key pinned as approver and admin</option>' in form
    for who in ("bruno", "chloe", "dora", "vera"):
        assert f'<option value="{who}"' not in form, "themselves, who has it, and who only looks on"
    assert f'value="{next_morning(queries.database_now()):%Y-%m-%dT%H:%M}"' in form
    said = text(lend(bruno, reason=f"  {WHY} ") and bruno.get(PAGE))
    assert "finn may answer with your role approver until" in said
    assert "By passkey, too: finn’s key is pinned with that role." in said
    assert WHY in said
    assert "bruno lends you the role approver until" in text(
        enter("finn").get("/recovery/approve/")
    )
    told = Alarm.objects.get(key__startswith="right:")
    assert (told.title, told.state) == ("bruno lends finn the role approver", "ended")
    assert WHY in told.body
    entry = AuditEntry.objects.get(object_type="drp delegation").body
    assert (entry["action"], entry["actor"]["id"], entry["reason"]) == ("created", "bruno", WHY)
    for who, may in (("bruno", 1), ("dora", 1), ("finn", 0), ("chloe", 0), ("vera", 0)):
        page = text(enter(who).get(PAGE))
        assert page.count("Take back…") == may, who
        assert WHY in page, who
    assert "You have nothing to lend" in text(enter("finn").get(PAGE)), "it is never lent on"


def test_the_ways_there(enter: Enter) -> None:
    for page in ("/recovery/approve/", "/passkey/", "/find/"):
        assert f'href="{PAGE}"' in enter("bruno").get(page).content.decode(), page


REFUSED: dict[str, tuple[str, dict[str, str], int, str]] = {
    "a responder": ("amelie", {}, 403, "You have no role approver to lend."),
    "a taker": ("finn", {"taker": "amelie"}, 403, "You have no role approver to lend."),
    "a viewer": ("vera", {}, 403, ""),
    "too high": ("bruno", {"role": "admin"}, 403, "You have no role admin to lend."),
    "too low": ("bruno", {"role": "responder"}, 422, "What is lent is approver or admin."),
    "to a viewer": ("bruno", {"taker": "vera"}, 422, "may only look on"),
    "to who has it": ("bruno", {"taker": "chloe"}, 422, "chloe is approver already"),
    "to oneself": ("bruno", {"taker": "bruno"}, 422, "Nobody delegates to themselves."),
    "to nobody": ("bruno", {"taker": "mallory"}, 404, "mallory is nobody who is let in."),
    "over": ("bruno", {"until": "2026-01-01 00:00:00"}, 422, "It would be over already."),
    "too long": ("bruno", {"until": "2999-01-01 00:00:00"}, 422, "Fourteen days at most"),
    "no time": ("bruno", {"until": "tomorrow"}, 422, "in UTC"),
    "no reason": ("bruno", {"reason": " "}, 422, ""),
    "a NUL": ("bruno", {"taker": "fi\0nn"}, 422, "A NUL character stands in"),
    "a NUL as why": ("bruno", {"reason": "On a\0 plane."}, 422, "A NUL character stands in"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_lent_says_why_and_keeps_what_was_typed(enter: Enter, what: str) -> None:
    who, told, code, says = REFUSED[what]
    client = enter(who)
    answer = lend(client, **told)
    page = text(answer)
    assert (answer.status_code, says in page) == (code, True), page
    if who == "bruno" and "reason" not in told:
        assert WHY in page
    sent = {"taker": "finn", "role": "approver", "until": "2026-12-24 07:00:00", "reason": WHY}
    refused = send(client, **(sent | {"until": until_exact()} | told))
    assert refused.status_code == (400 if "NUL" in what else code), refused.content
    assert not Delegation.objects.exists()
    assert not Alarm.objects.filter(key__startswith="right:").exists()


def until_exact() -> str:
    return f"{queries.database_now() + timedelta(hours=8):%Y-%m-%d %H:%M:%S}"


def test_one_role_stands_lent_once_from_one_person_to_another(enter: Enter) -> None:
    bruno = enter("bruno")
    assert lend(bruno).status_code == 302
    again = lend(bruno, until=until(20))
    assert again.status_code == 409
    assert "You lend finn the role approver already, until" in text(again)
    assert WHY in text(again)
    sent = {"taker": "finn", "role": "approver", "until": until_exact(), "reason": WHY}
    assert send(bruno, **sent).status_code == 409
    assert back(bruno).status_code == 302
    assert lend(bruno).status_code == 302, "it is over: now it is lent for another time"
    assert lend(enter("chloe")).status_code == 302, "hers is another one"
    assert lend(bruno, taker="amelie").status_code == 302


def test_a_lent_right_is_used_said_and_counts_once_until_it_is_taken_back(
    ground: Ground, enter: Enter
) -> None:
    bruno = enter("bruno")
    lend(bruno)
    finn = asked(ground, enter)
    assert "You answer with bruno’s right, which was lent to you." in finn.read()
    assert finn.approve().status_code == 302
    said = Approval.objects.latest("given_at")
    assert (said.approver, said.principal) == ("finn", "bruno")
    own = Desk(ground, bruno, "bruno", "fence")
    own.read()
    assert own.approve().status_code == 409, "his right was used"
    assert "nothing rests on it any more" in text(bruno.post(*taking_back(), follow=True))
    ground.say("fence", "chloe")
    ground.look()
    assert ground.step("fence").state == "asking", "one of two: finn’s is worth nothing now"


def taking_back() -> tuple[str, dict[str, str]]:
    return f"{PAGE}{Delegation.objects.get().pk}/take-back/", {"reason": "I am awake."}


def test_after_it_is_taken_back_no_answer_is_taken(ground: Ground, enter: Enter) -> None:
    lend(enter("bruno"))
    finn = asked(ground, enter)
    finn.read()
    assert back(enter("bruno")).status_code == 302
    refused = finn.approve()
    assert refused.status_code == 403
    assert "finn is no approver." in text(refused)
    assert finn.deny().status_code == 403
    assert "finn, you cannot answer this" in finn.read()
    assert not Approval.objects.filter(ask=ground.ask("fence")).exists()


def test_where_the_pins_do_not_allow_it_the_page_says_so_and_nothing_is_taken(
    ground: Ground, enter: Enter
) -> None:
    lend(enter("bruno"))
    finn = asked(ground, enter)
    finn.read()
    pin_as(ground, "finn", "responder")
    why = "finn’s key is pinned without the role approver."
    assert f"counts for nothing: {why}" in text(finn.client.get(PAGE))
    said = f"finn is no approver. What bruno lends you does not count: {why}"
    refused = finn.approve()
    assert (refused.status_code, said in text(refused)) == (403, True)
    assert said in finn.read()
    pin_as(ground, "bruno", "responder")
    assert "bruno’s key is pinned without the role approver." in finn.read()
    assert not Approval.objects.filter(ask=ground.ask("fence")).exists()


def test_who_has_no_pinned_key_is_shown_that_it_serves_by_code_alone(
    ground: Ground, enter: Enter
) -> None:
    del ground.keys["finn"]
    pin(ground.keys, ground.pins)
    bruno = enter("bruno")
    assert "finn, responder: no key pinned" in text(bruno.get(PAGE))
    lend(bruno)
    assert "By code alone: no key of finn is pinned" in text(bruno.get(PAGE))
    page = asked(ground, enter).read()
    assert "You have no pinned passkey, and this step takes one." in page
    assert "cannot answer this" not in page


def test_who_is_not_let_in_any_more_uses_nothing_and_lends_nothing(
    ground: Ground, enter: Enter
) -> None:
    bruno, dora = enter("bruno"), enter("dora")
    lend(bruno)
    ground.dismiss("finn")
    assert "counts for nothing: finn is not let in any more." in text(bruno.get(PAGE))
    assert '<option value="finn"' not in bruno.get(PAGE).content.decode()
    assert back(bruno).status_code == 302
    refused = lend(bruno)
    assert (refused.status_code, "finn is nobody who is let in" in text(refused)) == (404, True)
    lend(bruno, taker="amelie")
    ground.dismiss("bruno")
    assert "counts for nothing: bruno is not let in any more." in text(dora.get(PAGE))


def test_the_giver_or_an_administrator_takes_it_back_and_nobody_else(enter: Enter) -> None:
    lend(enter("bruno"))
    at = taking_back()[0]
    for who in ("finn", "chloe"):
        shown, refused = enter(who).get(at), back(enter(who))
        says = "It is bruno’s to take back, or an administrator’s. Nothing is changed."
        assert says in text(shown)
        assert "<button" not in text(shown).split("<main")[1].split("</main")[0], who
        assert refused.status_code == 403, who
        assert back(enter(who), "").status_code == 403, who
    assert back(enter("vera")).status_code == 403
    assert back(enter("bruno"), "").status_code == 422
    page = text(enter("dora").get(at))
    assert f"bruno lends finn the role approver: {WHY}" in page
    assert "not even an answer that was given with it" in page
    assert "Take back the role approver from finn</button>" in page
    assert back(enter("dora")).status_code == 302
    said = "dora took the role approver back that bruno lent finn"
    assert Alarm.objects.get(key__endswith=":back").title == said
    assert "taken back" in text(enter("vera").get(PAGE))


def test_taking_back_what_is_over_is_refused_and_changes_nothing(enter: Enter) -> None:
    bruno = enter("bruno")
    lend(bruno)
    assert back(bruno).status_code == 302
    first = Delegation.objects.get().revoked_at
    again = back(bruno)
    assert (again.status_code, "It was taken back on" in text(again)) == (409, True)
    assert (
        send(bruno, f"{API}/{Delegation.objects.get().pk}/take-back", reason=WHY).status_code == 409
    )
    assert Delegation.objects.get().revoked_at == first
    assert "It is over already." in text(bruno.get(taking_back()[0]))
    for pk in ("x", uuid4()):
        assert bruno.get(f"{PAGE}{pk}/take-back/").status_code == 404
    assert send(bruno, f"{API}/{uuid4()}/take-back", reason=WHY).status_code == 404


def test_what_ended_by_itself_is_over(ground: Ground, enter: Enter) -> None:
    now, hour = queries.database_now(), timedelta(hours=1)
    row = Delegation(
        giver="bruno", taker="finn", role="approver", reason=WHY,
        begins_at=now - 2 * hour, ends_at=now - hour,
    )  # fmt: skip
    transitions.create([row], actor=BY, reason=WHY, now=NOW)
    bruno = enter("bruno")
    page = text(bruno.get(PAGE))
    assert "Nothing is lent." in page
    assert "bruno to finn, approver" in page
    refused = back(bruno)
    assert (refused.status_code, "It ended by itself on" in text(refused)) == (409, True)
    assert "you cannot answer this" in asked(ground, enter).read()
    assert lend(bruno).status_code == 302


def test_by_the_api_the_same(ground: Ground, enter: Enter) -> None:
    bruno = enter("bruno")
    sent = {"taker": "finn", "role": "approver", "until": until_exact(), "reason": WHY}
    done = send(bruno, **sent)
    assert (done.status_code, "finn may answer" in done.json()["said"]) == (200, True)
    (one,) = enter("vera").get(API).json()
    assert (one["giver"], one["taker"], one["counts"], one["over_at"]) == (
        "bruno", "finn", True, None,
    )  # fmt: skip
    at = f"{API}/{one['id']}/take-back"
    for who in ("finn", "chloe", "vera"):
        assert send(enter(who), at, reason=WHY).status_code == 403, who
    assert send(bruno, at, reason="").status_code == 422
    assert send(bruno, at, reason="I am awake.").status_code == 200
    (one,) = bruno.get(API).json()
    assert one["was_taken_back"]
    field = send(bruno, **sent | {"taker": "mallory"}).json()
    assert (field["field"], field["kept"]) == ("taker", "Nothing was lent.")
    assert send(bruno, **sent, more="x").status_code == 422


@pytest.mark.parametrize(
    ("now", "morning"), [("20:00", "02 07:00"), ("02:59", "01 07:00"), ("03:01", "02 07:00")]
)
def test_the_preset_is_the_next_morning(now: str, morning: str) -> None:
    at = datetime.fromisoformat(f"2026-12-01T{now}").replace(tzinfo=UTC)
    assert f"{next_morning(at):%d %H:%M}" == morning
