"""A NUL is no text: it is answered with a sentence, wherever it stands."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize("kind", ["multipart", "urlencoded", "json"])
def test_a_nul_in_what_is_sent_is_a_bad_request_and_changes_nothing(
    sign_in: SignIn, hosts: dict[str, Host], kind: str
) -> None:
    client, path, said = sign_in("responder"), "/hosts/par1-r1-h01/cordon/", {"reason": "a\0bcd"}
    if kind == "multipart":
        answer = client.post(path, said)
    elif kind == "urlencoded":
        sent = "reason=a%00bcd"
        answer = client.post(path, sent, content_type="application/x-www-form-urlencoded")
    else:
        answer = client.post("/api/hosts/par1-r1-h01/cordon", said, content_type="application/json")
    assert answer.status_code == 400
    assert b"NUL" in answer.content
    assert Host.objects.get(name="par1-r1-h01").cordoned_at is None
