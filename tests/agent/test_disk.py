"""What the agent keeps on its disk: journal, desired state, identity."""

from __future__ import annotations

from pathlib import Path

import pytest

from recovery.agent import identity
from recovery.agent.config import load
from recovery.agent.desired import GRACE_SECONDS, Book
from recovery.agent.journal import KEPT_OPERATIONS, Journal
from recovery.core.errors import BadConfiguration
from recovery.core.wire import ContainerSpec, Desired, Order, Outcome

SPEC = ContainerSpec(placement="p", application="a", container="a-1", generation=1)


def order(operation: str, epoch: int = 1) -> Order:
    return Order(operation=operation, epoch=epoch, verb="start", container=SPEC)


def outcome(operation: str) -> Outcome:
    return Outcome(operation=operation, epoch=1, state="done")


def desired(version: int, *specs: ContainerSpec, quarantined: bool = False) -> Desired:
    return Desired(version=version, epoch=1, quarantined=quarantined, containers=specs)


def test_the_journal_knows_its_orders_and_outcomes_after_a_restart(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", "boot")
    journal.intend(order("one", epoch=3))
    journal.intend(order("two", epoch=3))
    journal.finish(outcome("one"), 1.0)
    journal.close()
    again = Journal(tmp_path / "j", "boot")
    assert again.epoch == 3
    assert again.outcome_of("one") == outcome("one")
    assert [entry.order.operation for entry in again.open_entries()] == ["two"]


def test_a_torn_last_line_is_cut_off_and_the_rest_is_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", "boot")
    journal.intend(order("one"))
    journal.intend(order("two"))
    journal.close()
    whole = (tmp_path / "j").read_bytes()
    for cut in range(whole.index(b"\n") + 1, len(whole)):
        (tmp_path / "j").write_bytes(whole[:cut])
        again = Journal(tmp_path / "j", "boot")
        assert list(again.entries) == ["one"]
        again.intend(order("three"))
        again.close()
        assert list(Journal(tmp_path / "j", "boot").entries) == ["one", "three"]


def test_the_epoch_survives_compaction_and_never_falls(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", "boot")
    journal.raise_epoch(9)
    journal.raise_epoch(4)
    journal.intend(order("open"))
    for number in range(2 * KEPT_OPERATIONS + 5):
        journal.intend(order(f"op-{number}"))
        journal.finish(outcome(f"op-{number}"), 0.0)
    journal.close()
    again = Journal(tmp_path / "j", "boot")
    assert again.epoch == 9
    assert len(again.entries) <= 2 * KEPT_OPERATIONS
    assert [entry.order.operation for entry in again.open_entries()] == ["open"]


def test_the_kept_list_never_goes_back(tmp_path: Path) -> None:
    book = Book(tmp_path / "d", in_quarantine=False)
    book.take(desired(5, SPEC))
    assert "older than 5" in book.refusal(desired(4))
    again = Book(tmp_path / "d", in_quarantine=False)
    assert again.version == 5
    assert list(again.wanted(0.0)) == ["p"]
    assert not again.is_fresh


def test_an_order_outlives_a_list_that_was_read_before_it(tmp_path: Path) -> None:
    book = Book(tmp_path / "d", in_quarantine=False)
    book.take(desired(1))
    book.add(SPEC, 100.0)
    book.take(desired(2))
    assert "p" in book.wanted(100.0 + GRACE_SECONDS - 0.1)
    assert "p" not in book.wanted(100.0 + GRACE_SECONDS)


def test_an_ordered_stop_outlives_a_list_that_was_read_before_it(tmp_path: Path) -> None:
    book = Book(tmp_path / "d", in_quarantine=False)
    book.take(desired(1, SPEC))
    book.remove("p", 100.0)
    book.take(desired(2, SPEC))
    assert "p" not in book.wanted(101.0)
    assert "p" in book.wanted(100.0 + GRACE_SECONDS)


def test_in_quarantine_the_list_alone_counts(tmp_path: Path) -> None:
    book = Book(tmp_path / "d", in_quarantine=False)
    book.take(desired(1))
    book.add(SPEC, 100.0)
    book.take(desired(2, quarantined=True))
    assert book.wanted(100.0) == {}


def test_keys_are_private_and_survive(tmp_path: Path) -> None:
    made = identity.load(tmp_path / "identity.json")
    assert (tmp_path / "identity.json").stat().st_mode & 0o777 == 0o600
    again = identity.load(tmp_path / "identity.json")
    assert again.signing.private_bytes_raw() == made.signing.private_bytes_raw()
    assert not again.is_enrolled


def test_a_damaged_identity_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "identity.json").write_text('{"signing": "AA=="')
    with pytest.raises(BadConfiguration, match="enrol with a new join token"):
        identity.load(tmp_path / "identity.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "not TOML"),
        ('name = "a"', "control"),
        ('name = 3\ncontrol = ["ws://x"]\nstate = "s"\naddress = "a"', r"\$\.name"),
        ('name = "a"\ncontrol = ["http://x"]\nstate = "s"\naddress = "a"', "control: .*ws://"),
        ('name = "a"\ncontrol = ["ws://x"]\nstate = "s"\naddress = "a"\nwho = 1', "who"),
        ('name = "a"\ncontrol = ["ws://x"]\nstate = "s"\naddress = "a"\nboot = "z"', "boot"),
    ],
)
def test_a_wrong_configuration_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "agent.toml").write_text(text)
    with pytest.raises(BadConfiguration, match=said):
        load(tmp_path / "agent.toml")
