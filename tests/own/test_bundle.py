"""Tocsin's keys in a store open for the person who holds the recovery key, and for nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recovery.core.errors import BadConfiguration, Refused
from recovery.own import bundle

NOW = datetime(2026, 11, 29, 1, 0, tzinfo=UTC)
FILES = {"secrets/vault": b"a key", "own/keys": b"own-1 AAAA\n"}


def test_what_is_sealed_to_a_person_opens_with_the_private_half_under_its_own_name() -> None:
    private, public = bundle.make_recovery_key()
    name = bundle.name_of(FILES, NOW)
    sealed = bundle.seal_files(FILES, public, name=name)
    assert bundle.open_files(sealed, private + "\n", name=name) == FILES
    for secret in FILES.values():
        assert secret not in sealed
    other = bundle.name_of(FILES, NOW + timedelta(hours=1))
    assert other > name
    assert other.rpartition("-")[2] == name.rpartition("-")[2], "the same keys"
    with pytest.raises(Refused, match="altered"):
        bundle.open_files(sealed, private, name=other)


@pytest.mark.parametrize("place", [0, 10, 40, 60, -1])
def test_a_flipped_byte_anywhere_and_a_cut_are_refused(place: int) -> None:
    private, public = bundle.make_recovery_key()
    sealed = bytearray(bundle.seal_files(FILES, public, name="n"))
    with pytest.raises(Refused):
        bundle.open_files(bytes(sealed[: len(sealed) // 2]), private, name="n")
    sealed[place] ^= 1
    with pytest.raises(Refused):
        bundle.open_files(bytes(sealed), private, name="n")


def test_another_key_and_the_public_half_do_not_open_it() -> None:
    _, public = bundle.make_recovery_key()
    sealed = bundle.seal_files(FILES, public, name="n")
    with pytest.raises(Refused, match="sealed to another recovery key"):
        bundle.open_files(sealed, bundle.make_recovery_key()[0], name="n")
    with pytest.raises(BadConfiguration, match="no recovery key"):
        bundle.open_files(sealed, public, name="n")
    with pytest.raises(BadConfiguration, match="no recovery public"):
        bundle.seal_files(FILES, "tocsin-recovery-public:AAAA", name="n")


def test_it_holds_secrets_certificates_and_our_own_keys_and_no_data(tmp_path: Path) -> None:
    for name in ("secrets/vault", "tls/leaf.key", "own/keys", "own/spool/x", "postgres/data/1"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    assert set(bundle.files_of(tmp_path)) == {"secrets/vault", "tls/leaf.key", "own/keys"}
