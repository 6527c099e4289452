"""`manage.py runbooks`: for whoever writes one."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from recovery.drp.models import RunbookVersion
from tests.decisions.drp.books import NAMES, raw


def told(*words: str) -> str:
    out = io.StringIO()
    call_command("runbooks", *words, stdout=out)
    return out.getvalue()


def test_the_shipped_ones_can_be_made_active_and_read_as_a_list() -> None:
    said = told()
    assert said.count("can be made active") == len(NAMES)
    shown = told("--show", "datacenter-lost.yaml")
    assert " 7. Fence the datacenter [1 of role approver, by passkey, 5m]" in shown
    assert "    POINT OF NO RETURN: From the first promotion" in shown


def test_a_bad_one_is_told_of_with_its_place_and_keeps_no_other_back(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(raw().replace("version: 2", "version: x"))
    (tmp_path / "draft.yaml").write_text(raw().replace("  bia_ref", "  # bia_ref"))
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"Not taken: bad\.yaml"):
        call_command("runbooks", "--folder", str(tmp_path), stdout=out)
    assert "bad.yaml, line 3, column 1: version: This is no whole number." in out.getvalue()
    assert "draft.yaml: version 2, 16 steps, a draft: bia_ref empty." in out.getvalue()
    with pytest.raises(CommandError, match="There is no x"):
        told("--folder", str(tmp_path), "--show", "x")


@pytest.mark.django_db
def test_drafts_are_kept_once_however_often_they_are_written() -> None:
    assert "datacenter-lost version 2 is kept as draft." in told("--write", "emil")
    told("--write", "emil")
    rows = RunbookVersion.objects.all()
    assert {(row.name, row.state, row.written_by) for row in rows} == {
        (name, "draft", "emil") for name in NAMES
    }
