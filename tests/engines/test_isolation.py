"""Whom a server believes to be run by."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from recovery.core.errors import BadConfiguration
from recovery.engines import isolation
from recovery.engines.isolation import Isolation
from recovery.engines.postgres import find_programs
from tests.needs import needs


def test_root_is_shown_as_a_user_that_passwd_names_on_every_machine(tmp_path: Path) -> None:
    needs("network namespaces")
    seat = isolation.take_seat(
        programs=find_programs(),
        folder=tmp_path,
        isolation=Isolation.NAMESPACE,
        elsewhere=tmp_path / "elsewhere",
    )
    shown = subprocess.run([*seat.prefix, "id", "-un"], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "nobody"
    assert seat.owner is None


def test_a_number_without_a_name_gets_a_namespace_and_one_with_a_name_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(isolation, "namespaces_work", lambda: True)
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    assert isolation.choose() is Isolation.NAMESPACE
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    assert isolation.choose() is Isolation.PLAIN


def test_a_misspelt_isolation_is_refused_with_the_words_there_are() -> None:
    with pytest.raises(BadConfiguration, match="plain, namespace, dropped"):
        isolation.choose("sandbox")
