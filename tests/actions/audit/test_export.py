"""Lines for other programs: one entry each, whatever stands in it; and no secret in any."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.db import transaction
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recovery.alarms.actions import register_channel
from recovery.audit import queries
from recovery.audit.actions import append_entries
from recovery.audit.export import cef_line, export_lines, json_line, syslog_line
from recovery.audit.facts import Entry, redact_text
from recovery.audit.leaves import Stored
from recovery.audit.models import AuditEntry
from recovery.inventory import actions as inventory
from tests.actions.audit.ground import sealed, write
from tests.support.fleet import BY, NOW, make_fleet

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=30)


def stored(text: str) -> Stored:
    body = {
        "action": text,
        "actor": {"type": "person", "id": text},
        "reason": text,
        "before": {},
        "after": {text: text},
    }
    return Stored(4, "9", "2026-11-29T01:02:03.000004Z", "host", text, 1, json.dumps(body))


@settings(max_examples=150)
@given(TEXT)
@example('a|b\\c=d\ne\r]"f\u2028 externalId=7')
def test_nothing_in_an_entry_ends_its_line_or_its_field(text: str) -> None:
    row = stored(text)
    for line in (json_line(3, row), cef_line(3, row), syslog_line(3, row)):
        assert "\n" not in line
        assert "\r" not in line
    for line in (cef_line(3, row), syslog_line(3, row)):
        assert len(line.splitlines()) == 1
    cef = re.split(r"(?<!\\)(?:\\\\)*\|", cef_line(3, row), maxsplit=7)
    assert len(cef) == 8
    names = re.findall(r"(?:^| )([A-Za-z0-9]+)(?<!\\)=", cef[7])
    assert names.count("externalId") == 1 or "externalId" in text
    field = r'(?: [A-Za-z]+="(?:[^"\\\]]|\\["\\\]])*")'
    syslog = rf"<109>1 \S+ tocsin tocsin - [!-~]{{1,32}} \[tocsin@32473{field}+\] \ufeff.*"
    assert re.fullmatch(syslog, syslog_line(3, row), re.DOTALL)


def test_a_body_that_nests_deeper_than_any_reader_follows_has_its_lines() -> None:
    deep = '{"a": ' * 5000 + '"x, ]: \\" }"' + "}" * 5000
    body = f'{{"action": "moved", "actor": {{"id": "bo", "type": "person"}}, "after": {deep},'
    body += f' "before": {{"n": 1}}, "reason": {deep}}}'
    row = Stored(4, "9", "2026-11-29T01:02:03.000004Z", "host", "h", 1, body)
    assert "|host.moved|" in cef_line(3, row)
    assert "suser=person:bo" in cef_line(3, row)
    assert 'cs3={"n":1} ' in cef_line(3, row)
    assert deep.replace("\\", "\\\\") in cef_line(3, row)
    assert 'action="moved"' in syslog_line(3, row)
    assert json.loads(json_line(3, row))["body"] == body
    for odd in ("{}", '{"actor": 7}', '{"": 1, "action": 2}'):
        assert cef_line(3, Stored(4, "9", row.recorded_at, "host", "h", 1, odd))


def test_the_lines_of_one_entry_are_as_the_formats_say() -> None:
    row = stored("moved")
    assert cef_line(3, row) == (
        "CEF:0|Tocsin|Tocsin|0.1.0|host.moved|host moved|5|externalId=3 rt=1795914123000 "
        "suid=moved suser=person:moved act=moved cs1Label=objectType cs1=host cs2Label=objectId "
        "cs2=moved cn1Label=objectVersion cn1=1 cs3Label=before cs3={} cs4Label=after "
        'cs4={"moved":"moved"} msg=moved'
    )
    assert syslog_line(3, row) == (
        "<109>1 2026-11-29T01:02:03.000004Z tocsin tocsin - moved [tocsin@32473 "
        'leaf="3" objectType="host" objectId="moved" objectVersion="1" action="moved" '
        'actorType="person" actor="moved" before="{}" after="{\\"moved\\":\\"moved\\"}"] '
        "\ufeffmoved"
    )


@pytest.mark.usefixtures("rows")
def test_an_export_goes_on_where_it_ended_and_filters(tmp_path: Path) -> None:
    write(5)
    make_fleet()
    sealed(tmp_path, 4)
    whole = list(export_lines("jsonl"))
    assert [leaf for leaf, _ in whole] == list(range(queries.head().size))
    parts = list(export_lines("jsonl", at_most=3))
    while len(parts) < len(whole):
        parts += export_lines("jsonl", first=parts[-1][0] + 1, at_most=3)
    assert parts == whole
    notes = list(export_lines("cef", only={"object_type": "note"}))
    assert len(notes) == 9
    assert [
        leaf for leaf, _ in export_lines("cef", only={"object_type": "note"}, first=notes[4][0])
    ]
    assert not list(export_lines("syslog", only={"actor": "nobody"}))


CANARY = "c4n4ry9f2e"


@pytest.mark.usefixtures("rows")
def test_a_canary_put_into_every_secret_place_is_in_no_entry_and_no_export(tmp_path: Path) -> None:
    fleet = make_fleet()
    register_channel(
        name="chat",
        kind="apprise",
        address=f"json://user:{CANARY}@chat.example/{CANARY}",
        actor=BY,
        reason=f"as in https://me:{CANARY}@wiki.example/page",
        now=NOW,
    )
    host = fleet.hosts["par1-r1-h1"]
    token = inventory.issue_join_token(host=host, actor=BY, reason=f"token={CANARY}", now=NOW)
    names = (
        "password",
        "api_key",
        "Authorization",
        "db_credentials",
        "session_cookie",
        "passphrase",
    )
    entry = Entry(
        action="noted",
        object_type="note",
        object_id="1",
        object_version=1,
        actor=BY,
        reason=f"Bearer {CANARY}{CANARY} and password: {CANARY}",
        at=NOW,
        before={name: CANARY for name in names},
        after={"deep": [{"url": f"postgresql://app:{CANARY}@db/x"}, {"my_secret": [CANARY]}]},
        evidence={"log": f"PRIVATE+KEY+log+00000000+{CANARY}", "said": f"secret = {CANARY}"},
    )
    with transaction.atomic():
        append_entries([entry])
    sealed(tmp_path, 1)
    written = " ".join(str(row) for row in AuditEntry.objects.values_list("body", flat=True))
    written += "".join(
        line for form in ("jsonl", "cef", "syslog") for _, line in export_lines(form)
    )
    assert CANARY not in written
    assert token not in written
    assert "redacted" in written


@pytest.mark.parametrize(
    "text",
    [
        "Lag 3 s: the standby of shop-db follows again.",
        "http://[::1]:8080/healthz answers 200, epoch=4",
        "a basic configuration, bearer of bad news",
        "The fencing token is refused.",
        "user@example.org asked: why?",
    ],
)
def test_a_sentence_without_a_secret_stays_as_it_is(text: str) -> None:
    assert redact_text(text) == text
