"""A passkey is shown on its person's page and pinned by an administrator at the machine."""

from __future__ import annotations

import html
import json
import re
import stat
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from recovery.audit.models import AuditEntry
from recovery.core.consent import read_pins
from recovery.drp import queries
from recovery.drp.approvals.pinning import fingerprint
from recovery.drp.models import Passkey as Row
from tests.actions.drp.ground import Ground
from tests.dashboard.drp.conftest import Enter, text
from tests.support.passkeys import FLAG, Passkey
from tests.support.registering import register

Says = Callable[[str], None]


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Says:
    """What is typed at the machine."""

    def typed(word: str) -> None:
        monkeypatch.setattr("builtins.input", lambda question: word)

    return typed


def options(client: Client) -> dict[str, Any]:
    page = client.get("/passkey/").content.decode()
    found = re.search(r'data-options="([^"]+)"', page)
    assert found is not None
    told: dict[str, Any] = json.loads(html.unescape(found[1]))
    return told


def command(*words: str) -> str:
    out = StringIO()
    call_command("passkeys", *words, stdout=out)
    return out.getvalue()


def test_a_passkey_is_shown_compared_pinned_and_only_then_counts(
    ground: Ground, enter: Enter, says: Says
) -> None:
    client, key = enter("bruno"), Passkey("bruno")
    ground.pins.unlink()
    told = options(client)
    assert told["authenticatorSelection"]["userVerification"] == "required"
    assert told["rp"]["id"] == "tocsin.example"
    assert {one["alg"] for one in told["pubKeyCredParams"]} == {-7, -8}
    sent = {"label": "my phone", "answer": register(key, told)}
    assert client.post("/passkey/", sent).status_code == 302
    row = Row.objects.get()
    seen = fingerprint("bruno", row.handle, row.public)
    page = text(client.get("/passkey/"))
    assert seen in page
    assert "not pinned: approves nothing" in page
    assert "manage.py passkeys pin bruno" in page
    assert not ground.pins.exists(), "no browser writes that file"
    says("no")
    with pytest.raises(CommandError, match="Nothing was pinned"):
        command("pin", "bruno")
    assert not ground.pins.exists()
    says("yes")
    assert seen in command("pin", "bruno")
    (pin,) = read_pins(ground.pins.read_bytes())
    assert (pin.person, pin.credential, pin.key) == ("bruno", key.credential, key.pin.key)
    assert stat.S_IMODE(ground.pins.stat().st_mode) == 0o600
    told = AuditEntry.objects.get(object_type="passkey", body__action="pinned").body["evidence"]
    assert told == {"fingerprint": seen, "roles": ["approver", "responder", "viewer"]}
    assert "not pinned" not in text(client.get("/passkey/"))
    assert "pinned" in command("list")
    assert "1 of bruno unpinned" in command("unpin", "bruno")
    assert read_pins(ground.pins.read_bytes()) == ()
    assert AuditEntry.objects.filter(body__action="unpinned").exists()


def test_a_key_is_pinned_for_a_role_that_may_be_lent_to_its_person(
    ground: Ground, enter: Enter, says: Says
) -> None:
    client = enter("amelie")
    answer = register(Passkey("amelie"), options(client))
    client.post("/passkey/", {"label": "x", "answer": answer})
    ground.pins.unlink()
    says("yes")
    assert "amelie (approver, responder, viewer)" in command("pin", "amelie", "--up-to", "approver")
    (pin,) = read_pins(ground.pins.read_bytes())
    assert pin.roles == ("approver", "responder", "viewer")
    assert "approver" not in queries.rights_of("amelie"), "it lets nobody approve by itself"


BAD: dict[str, dict[str, Any]] = {
    "origin": {"origin": "https://evil.example"},
    "site": {"party": "evil.example"},
    "unverified": {"flags": FLAG.UP | FLAG.AT},
    "framed": {"cross_origin": True},
}


def test_a_registration_that_is_none_of_ours_is_refused(ground: Ground, enter: Enter) -> None:
    client = enter("bruno")
    for what, how in BAD.items():
        answer = register(Passkey("bruno"), options(client), **how)
        refused = client.post("/passkey/", {"label": "x", "answer": answer})
        assert refused.status_code == 422, what
        assert "That is no passkey of this page" in text(refused), what
    assert not Row.objects.exists()


def test_an_answer_is_of_its_own_page_and_taken_once(ground: Ground, enter: Enter) -> None:
    client, other = enter("bruno"), enter("chloe")
    answer = register(Passkey("bruno"), options(client))
    options(other)
    assert other.post("/passkey/", {"label": "x", "answer": answer}).status_code == 422
    assert client.post("/passkey/", {"label": "x", "answer": answer}).status_code == 302
    assert client.post("/passkey/", {"label": "x", "answer": answer}).status_code == 422
    for rubbish in ("", "{}", "[1]", "[" * 5000):
        options(client)
        assert client.post("/passkey/", {"label": "x", "answer": rubbish}).status_code == 422
    assert Row.objects.get().person == "bruno"
    assert client.post("/passkey/", {"label": "", "answer": answer}).status_code == 422


def test_a_damaged_file_is_never_overwritten(ground: Ground, enter: Enter, says: Says) -> None:
    client = enter("bruno")
    answer = register(Passkey("bruno"), options(client))
    client.post("/passkey/", {"label": "x", "answer": answer})
    ground.pins.write_text("[{")
    says("yes")
    with pytest.raises(CommandError, match="cannot be read"):
        command("pin", "bruno")
    assert ground.pins.read_text() == "[{"
    assert "cannot be read" in command("list")
    assert Row.objects.get().pinned_by == "", "nobody reads that it counts"


def test_who_is_nobody_or_showed_nothing_is_not_pinned(
    ground: Ground, says: Says, tmp_path: Path
) -> None:
    says("yes")
    with pytest.raises(CommandError, match="nobody who is let in"):
        command("pin", "mallory")
    with pytest.raises(CommandError, match="has shown no passkey"):
        command("pin", "bruno")
    assert "(shown on no page)" in command("list"), "the ground put them there by hand"
    says("")
    with pytest.raises(CommandError, match="Nothing was unpinned"):
        command("unpin", "bruno")


def test_a_viewer_shows_no_passkey(ground: Ground, enter: Enter) -> None:
    assert enter("vera").get("/passkey/").status_code == 403
