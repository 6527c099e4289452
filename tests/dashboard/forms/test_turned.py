"""A mark that turns the direction of text is refused wherever people write: what is signed reads
as it was written."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from recovery.core.texts import why_not, without
from recovery.inventory.models import Host
from tests.dashboard.conftest import SignIn

PATH, API = "/hosts/par1-r1-h01/cordon/", "/api/hosts/par1-r1-h01/cordon"
MARKS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
SPOKEN = "Zoë Müller-Nuñez saw שלום, مرحبا and می\u200cخواهم: 3 of 4 are back 👍."
TURNED = "Nothing \u202etsol si"


def is_cordoned() -> bool:
    return Host.objects.get(name="par1-r1-h01").cordoned_at is not None


@pytest.mark.parametrize("mark", MARKS, ids=[f"U+{ord(mark):04X}" for mark in MARKS])
def test_each_mark_is_refused_by_its_number_and_can_be_taken_out(mark: str) -> None:
    said = why_not(f"a{mark}b", "“reason”")
    assert f"(U+{ord(mark):04X}) stands in “reason”" in said
    assert without(f"a{mark}b\0") == "ab"


def test_letters_of_every_script_are_text() -> None:
    assert why_not(SPOKEN, "“reason”") == ""
    assert without(SPOKEN) == SPOKEN


def test_a_form_that_turns_text_is_shown_again_without_it(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    client = sign_in("responder")
    answer = client.post(PATH, {"reason": TURNED, "back": "/hosts/"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "turns the direction of text (U+202E) stands in “reason”" in page
    assert "Nothing was done: take it out, and send it again." in page
    assert ">Nothing tsol si</textarea>" in page
    assert "\u202e" not in page
    beside = client.post(PATH, {"reason": TURNED}, headers={"HX-Request": "true"})
    assert (beside.status_code, "(U+202E)" in beside.content.decode()) == (422, True)
    assert Client().post(PATH, {"reason": TURNED}).status_code == 400, "nobody is signed in"
    assert not is_cordoned()
    assert client.post(PATH, {"reason": SPOKEN, "back": "/hosts/"}).status_code == 302
    assert is_cordoned()


@pytest.mark.parametrize("escaped", [True, False])
def test_the_api_refuses_it_however_it_is_written(
    sign_in: SignIn, hosts: dict[str, Host], escaped: bool
) -> None:
    client = sign_in("responder")
    body = json.dumps({"reason": TURNED}, ensure_ascii=escaped)
    for path in (API, PATH):
        answer = client.post(path, body, content_type="application/json")
        assert answer.status_code == 400
        assert "(U+202E) stands in what was sent" in answer.content.decode()
    other = client.post(API, body, content_type="text/plain")
    assert other.status_code == 422, "what is no JSON by its own word is read as such too"
    assert "U+202E" in other.content.decode()
    assert not is_cordoned()
    spoken = json.dumps({"reason": SPOKEN}, ensure_ascii=escaped)
    assert client.post(API, spoken, content_type="application/json").status_code == 200
    assert is_cordoned()


def test_a_password_is_no_text_that_anybody_reads(db: None) -> None:
    word = Client().post("/account/login/", {"login": "x", "password": "a\u202ebcd"})
    assert word.status_code == 200, "wrong it is, and said so by its own page"


def test_a_search_may_hold_one(sign_in: SignIn) -> None:
    assert sign_in("viewer").get("/find/?q=%E2%80%AEpar1").status_code in (200, 302)


@pytest.mark.parametrize(
    "command",
    [
        ["drp", "deny", "00000000-0000-0000-0000-000000000000", "--by", "anna", "--reason"],
        ["audit", "anew", "--reason"],
        ["passkeys", "unpin", "anna", "--reason"],
        ["drillhost", "drill-1", "--retire"],
    ],
    ids=lambda command: command[0],
)
def test_the_command_line_refuses_it(db: None, command: list[str]) -> None:
    with pytest.raises(CommandError, match=r"\(U\+202E\) stands in what was written"):
        call_command(*command, TURNED)
