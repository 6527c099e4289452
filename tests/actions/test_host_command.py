"""`manage.py host`: how a real machine joins."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from recovery.core import transitions
from recovery.inventory.models import Datacenter, Host, JoinToken
from tests.support.fleet import BY, NOW, make_fleet

pytestmark = pytest.mark.django_db
WORDS = ["--rack", "r1", "--cpu-millis", "8000", "--memory-mib", "16000", "--address", "192.0.2.9"]


def expect(*words: str) -> str:
    out = io.StringIO()
    call_command("host", *words, *WORDS, stdout=out)
    return out.getvalue()


def test_a_host_of_a_new_datacenter_is_expected_and_its_token_is_shown_once() -> None:
    said = expect("lys1-h1", "--datacenter", "LYS1", "--at", "45.75,4.85")
    token = said.split("the token: ")[1].split()[0]
    assert Host.objects.get(name="lys1-h1").datacenter == Datacenter.objects.get(name="LYS1")
    assert token not in str(JoinToken.objects.values())
    assert 'name = "lys1-h1"' in said


@pytest.mark.parametrize("at", [[], ["--at", "north"], ["--at", "1,2,3"]])
def test_a_new_datacenter_without_coordinates_is_refused(at: list[str]) -> None:
    with pytest.raises(CommandError, match="latitude,longitude"):
        expect("lys1-h1", "--datacenter", "LYS1", *at)


def test_a_host_that_has_joined_gets_no_second_token() -> None:
    host = make_fleet().hosts["par1-r1-h1"]
    transitions.amend(
        host, {"public_key": "k"}, action="enrolled", actor=BY, reason="test", now=NOW
    )
    with pytest.raises(CommandError, match="joined already"):
        call_command("host", host.name, "--datacenter", "PAR1", "--rack", "par1-r1", *WORDS[2:])
