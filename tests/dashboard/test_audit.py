"""The log's pages and its API: what is sealed, by whom it was seen, and lines to take away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from recovery.audit import queries
from recovery.core import clock
from tests.actions.audit.ground import KEY, sealed, write
from tests.actions.audit.test_verify import cosign_newest
from tests.dashboard import fleet
from tests.support.databases import Database


@pytest.fixture
def viewer(quiet_database: Database, tmp_path: Path) -> Client:
    """Somebody who may look, at a log that is sealed but for its newest entries."""
    fleet.seed_people(clock.system.now())
    sealed(tmp_path, 3)
    cosign_newest()
    write(2)
    client = Client()
    client.force_login(User.objects.get(username="viewer"))
    return client


def test_the_log_says_what_is_sealed_signed_and_seen(viewer: Client) -> None:
    page = viewer.get("/log/?object_type=note").content.decode()
    assert page.count("not sealed yet</span>") == 2
    assert page.count("sealed, leaf ") == 3
    assert "of them are cosigned by par1-h1; 1 host keeps a checkpoint" in page
    newest = queries.newest_checkpoint()
    assert newest is not None
    assert f"<b>{newest.size}</b> entries" in page
    leaf, entry = (
        newest.size - 1,
        next(row.id for _, _, row in queries.sealed_rows(newest.size - 1, newest.size) if row),
    )
    shown = viewer.get(f"/log/{entry}/").content.decode()
    assert f'href="/api/audit/proof/{leaf}"' in shown


def test_the_log_is_filtered_by_time(viewer: Client) -> None:
    for filters, count in (
        ("since=2020-01-01", 5),
        ("until=2020-01-01", 0),
        ("since=2020-01-01T00:00&until=2999-01-01", 5),
        ("since=yesterday", 5),
    ):
        page = viewer.get(f"/log/?object_type=note&{filters}").content.decode()
        assert page.count('class="at"') == count


def test_the_api_gives_lines_a_checkpoint_and_proofs(viewer: Client) -> None:
    mark = viewer.get("/api/audit/checkpoint").json()
    assert (mark["unsealed"], mark["keys"]) == (2, [str(KEY.verifier)])
    assert mark["witnessed"] == {"par1-h1": mark["size"]}
    assert mark["note"].count("— ") == 2
    answer = viewer.get("/api/audit/entries?object_type=note&limit=2")
    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert [json.loads(line)["index"] for line in lines] == [mark["size"] - 3, mark["size"] - 2]
    cef = viewer.get("/api/audit/entries?format=cef&limit=1")
    assert b"".join(cef.streaming_content).startswith(b"CEF:0|Tocsin|")  # type: ignore[attr-defined]
    proof = viewer.get(f"/api/audit/proof/{mark['size'] - 1}")
    assert proof.content.decode().endswith(mark["note"])
    assert viewer.get(f"/api/audit/proof/{mark['size']}").status_code == 404
    assert viewer.get("/api/audit/entries?format=xml").status_code == 422
    assert viewer.get("/api/audit/entries?limit=0").status_code == 422


@pytest.mark.django_db
def test_nobody_reads_it_without_a_session() -> None:
    for path in ("entries", "checkpoint", "proof/0"):
        assert Client().get(f"/api/audit/{path}").status_code == 401
