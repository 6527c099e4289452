"""A NUL is no text: it is answered with a sentence, wherever it stands."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from recovery.inventory.models import Host
from tests.dashboard.conftest import SignIn

ADDRESSES = [
    "/hosts/%00/",
    "/applications/a%00b/",
    "/databases/%00/",
    "/find/?q=%00",
    "/log/?actor=%00",
    "/log/?%00=a",
    "/api/hosts/%00/seats",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_nul_in_an_address_is_a_bad_request(sign_in: SignIn, address: str) -> None:
    answer = sign_in("viewer").get(address)
    assert answer.status_code == 400
    assert b"NUL" in answer.content


def test_a_form_sent_to_the_api_is_refused_and_is_no_fault_of_ours(sign_in: SignIn) -> None:
    client = sign_in("responder")
    client.raise_request_exception = False
    answer = client.post("/api/hosts/par1-r1-h01/cordon", {"reason": "New power supply."})
    assert answer.status_code in (400, 422)


PATH = "/hosts/par1-r1-h01/cordon/"
URLENCODED = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("kind", ["multipart", "urlencoded"])
def test_a_form_with_a_nul_names_its_field_and_keeps_what_was_typed_without_it(
    sign_in: SignIn, hosts: dict[str, Host], kind: str
) -> None:
    client = sign_in("responder")
    if kind == "multipart":
        answer = client.post(PATH, {"reason": "a\0bcd", "back": "/hosts/"})
    else:
        answer = client.post(PATH, "reason=a%00bcd&back=/hosts/", content_type=URLENCODED)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "A NUL character stands in “reason”: no text holds one. Nothing was done." in page
    assert ">abcd</textarea>" in page
    assert '<input type="hidden" name="back" value="/hosts/">' in page
    assert "\0" not in page
    assert Host.objects.get(name="par1-r1-h01").cordoned_at is None
    assert client.post(PATH, {"reason": "abcd", "back": "/hosts/"}).status_code == 302
    assert Host.objects.get(name="par1-r1-h01").cordoned_at is not None


def test_a_press_without_a_page_of_its_own_says_it_beside_the_page(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    answer = sign_in("responder").post(PATH, {"reason": "a\0b"}, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert "A NUL character stands in “reason”" in answer.content.decode()
    assert "<html" not in answer.content.decode()


def test_a_nul_in_json_is_a_bad_request_and_changes_nothing(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    client, said = sign_in("responder"), {"reason": "a\0bcd"}
    for path in ("/api/hosts/par1-r1-h01/cordon", PATH):
        answer = client.post(path, said, content_type="application/json")
        assert answer.status_code == 400
        assert b"NUL" in answer.content
    assert Host.objects.get(name="par1-r1-h01").cordoned_at is None


def test_nobody_is_shown_what_somebody_else_sent_in_their_name(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    assert Client().post(PATH, {"reason": "a\0b"}).status_code == 400, "nobody is signed in"
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="responder"))
    answer = client.post(PATH, {"reason": "a\0bcd"})
    assert answer.status_code == 403, "it came from no form of ours"
    assert b"abcd" not in answer.content
    word = Client().post("/account/login/", {"login": "x", "password": "a\0bcd"})
    assert word.status_code == 400
    assert b"abcd" not in word.content, "no password is echoed"
