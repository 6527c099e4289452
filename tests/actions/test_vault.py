"""What stands in rows opens with the key alone, and the key is not in PostgreSQL (K1)."""

from __future__ import annotations

import base64
import secrets

import pytest
from django.db import connection

from recovery.alarms.actions import register_channel
from recovery.audit.models import AuditEntry
from recovery.core import transitions, vault
from recovery.core.sealing import seal_rows
from recovery.core.vault import VaultClosed
from recovery.gateway.models import HeartbeatKey
from recovery.inventory.models import Database
from tests.actions.failover.fleet import make_pair
from tests.support.fleet import BY, NOW

ADDRESS = "mailto://tocsin:hunter2@example.invalid"


def _dump() -> str:
    """Every row of every table, as text: what somebody has who has the tables alone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [name for (name,) in cursor.fetchall()]
        found = []
        for name in names:
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{name}" t')  # noqa: S608
            found += [text for (text,) in cursor.fetchall()]
    return "\n".join(found)


@pytest.mark.django_db
def test_a_dump_of_every_table_holds_no_secret_as_it_is() -> None:
    pair = make_pair()
    key = secrets.token_bytes(32)
    host = pair.primary.host
    sealed = HeartbeatKey.sealed(host.pk, key)
    row = HeartbeatKey.objects.create(host=host, sealed_secret=sealed)
    channel = register_channel(
        name="the team", kind="apprise", address=ADDRESS, actor=BY, reason="", now=NOW
    )
    database = Database.objects.get(pk=pair.database.pk)
    assert len(database.secret) == 64
    assert row.secret == key
    assert channel.secret_address == ADDRESS
    dump = _dump()
    assert "orders" in dump
    for told in (database.secret, key.hex(), base64.b64encode(key).decode(), "hunter2"):
        assert told not in dump


@pytest.mark.django_db
def test_what_stood_in_a_row_as_it_is_gets_sealed_with_its_entry() -> None:
    database = make_pair().database
    plain = database.secret
    changes = {"sealed_secret": plain}
    row = transitions.amend(database, changes, action="as before", actor=BY, reason="", now=NOW)
    seal_rows(Database, "database")
    after = Database.objects.get(pk=row.pk)
    assert after.sealed_secret != plain
    assert after.secret == plain
    assert after.version == row.version + 1
    entry = AuditEntry.objects.filter(object_type="database", object_id=str(row.pk)).latest("pk")
    assert entry.body["action"] == "secret sealed"
    assert plain not in str(entry.body)


def test_a_sealed_text_opens_only_for_what_it_was_sealed_for() -> None:
    sealed = vault.seal("open sesame", about="database 1")
    assert vault.unseal(sealed, about="database 1") == "open sesame"
    with pytest.raises(VaultClosed, match="rows were exchanged"):
        vault.unseal(sealed, about="database 2")


def test_the_newest_key_seals_and_older_ones_still_open(settings: object) -> None:
    old = vault.seal("open sesame", about="it")
    keys = str(settings.TOCSIN_VAULT_KEYS)  # type: ignore[attr-defined] # pytest-django's
    newer = secrets.token_urlsafe(32)
    settings.TOCSIN_VAULT_KEYS = f"{newer} {keys}"  # type: ignore[attr-defined] # the same
    assert vault.unseal(old, about="it") == "open sesame"
    new = vault.seal("open sesame", about="it")
    settings.TOCSIN_VAULT_KEYS = newer  # type: ignore[attr-defined] # the same
    assert vault.unseal(new, about="it") == "open sesame"
    with pytest.raises(VaultClosed, match="sealed with another key"):
        vault.unseal(old, about="it")


@pytest.mark.parametrize(("keys", "said"), [("", "Nobody gave"), ("short", "not 32 bytes")])
def test_without_a_good_key_the_sentence_says_so(settings: object, keys: str, said: str) -> None:
    settings.TOCSIN_VAULT_KEYS = keys  # type: ignore[attr-defined] # pytest-django's
    with pytest.raises(VaultClosed, match=said):
        vault.seal("open sesame", about="it")
