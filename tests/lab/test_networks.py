"""Two Tocsins on one machine: whose addresses are whose."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recovery.core.errors import BadConfiguration
from recovery.lab import layout, networks
from recovery.lab.net.uplink import DATAGRAM_PORT
from recovery.lab.settings import LabSettings, from_environment
from tests.support import own
from tests.support.running import ROOT

FREE, TAKEN = f"127.{own.STACK}.0.0/16", f"127.{own.OCTET}.0.0/16"


@pytest.fixture
def another_lab() -> Iterator[None]:
    """Holds what a lab in TAKEN holds."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind((next(layout.load().hosts(TAKEN)).inner, DATAGRAM_PORT))
        yield


def chosen(folder: Path, network: str) -> str:
    settings = LabSettings(folder, layout.SHIPPED, network, (), "relay")
    return networks.choose_network(layout.load(), settings)


@pytest.mark.usefixtures("another_lab")
def test_a_network_that_another_lab_holds_gives_way_to_the_next_free_one(tmp_path: Path) -> None:
    assert chosen(tmp_path, TAKEN) not in ("", TAKEN)
    assert chosen(tmp_path, FREE) == FREE


@pytest.mark.usefixtures("another_lab")
def test_a_network_that_a_person_named_is_never_exchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_LAB_NETWORK", TAKEN)
    assert chosen(tmp_path, TAKEN) == TAKEN


def test_the_choice_is_kept_for_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOCSIN_LAB_NETWORK", raising=False)
    monkeypatch.setenv("TOCSIN_LAB_MODE", "relay")
    monkeypatch.setenv("TOCSIN_VAR", str(tmp_path))
    assert from_environment().network == ""
    settings = from_environment()
    settings.folder.mkdir()
    settings.network_file.write_text(FREE)
    assert from_environment().network == FREE


def test_without_any_free_network_the_sentence_names_the_wish() -> None:
    with pytest.raises(BadConfiguration, match="TOCSIN_LAB_NETWORK"):
        networks.first_free(networks.CANDIDATES, lambda network: False)


def test_no_two_test_processes_have_the_same_addresses() -> None:
    asked = "from tests.support import own; print(own.OCTET, own.STACK, own.PORTS.start)"
    told = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True
    )
    theirs = [int(word) for word in told.stdout.split()]
    ours = [own.OCTET, own.STACK, own.PORTS.start]
    assert not any(one == other for one, other in zip(ours, theirs, strict=True))
