"""Two Tocsins on one machine: whose addresses are whose."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from recovery.core.errors import BadConfiguration
from recovery.lab import layout, networks
from recovery.lab.net.uplink import DATAGRAM_PORT
from recovery.lab.settings import LabSettings, from_environment

FREE, TAKEN = "127.30.0.0/16", "127.31.0.0/16"


@pytest.fixture
def another_lab() -> Iterator[None]:
    """Holds what a lab in 127.31 holds."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.95.1.1", DATAGRAM_PORT))
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
