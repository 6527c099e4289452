"""What opens is what was sealed; what does not says why."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from recovery.adapters.backups.sealing import (
    Keys,
    Reused,
    SealBroken,
    _head,
    digest_of,
    read_keys,
    seal,
    unseal,
    unseal_into,
)
from recovery.core.errors import BadConfiguration
from tests.adapters.backups.conftest import KEYS, OTHER_KEYS, key_line

NAME = "shop/1/base/20261128T182311Z-5f3a/part-00000"


@given(st.binary(max_size=5000))
def test_what_was_sealed_opens(plain: bytes) -> None:
    assert unseal(seal(plain, name=NAME, keys=KEYS), name=NAME, keys=KEYS) == plain


def sealed_by_hand(packed: bytes, digest: bytes) -> bytes:
    """With the right key, so that only what it unpacks to can be wrong."""
    key = KEYS.by_id[KEYS.current]
    head = _head(KEYS.current, key, NAME, len(digest + packed) + 16) + bytes(12)
    return head + AESGCM(key).encrypt(bytes(12), digest + packed, head + NAME.encode())


def test_what_was_sealed_before_frames_had_checksums_opens_by_its_digest() -> None:
    frame = zstandard.ZstdCompressor(level=3).compress(b"plain" * 1000)
    old = sealed_by_hand(frame, digest_of(b"plain" * 1000))
    assert unseal(old, name=NAME, keys=KEYS) == b"plain" * 1000
    with pytest.raises(SealBroken, match="does not unpack to what was sealed"):
        unseal(sealed_by_hand(frame, digest_of(b"other")), name=NAME, keys=KEYS)


def test_what_unpacks_to_something_else_than_was_packed_is_found_by_its_checksum() -> None:
    """The tag vouches for the packed bytes alone; this is about unpacking, and memory."""
    plain = os.urandom(1000)
    frame = bytearray(zstandard.ZstdCompressor(level=2, write_checksum=True).compress(plain))
    assert unseal(sealed_by_hand(bytes(frame), digest_of(plain)), name=NAME, keys=KEYS) == plain
    frame[frame.index(plain[500:510])] ^= 1
    with pytest.raises(SealBroken, match="does not unpack to what was sealed"):
        unseal(sealed_by_hand(bytes(frame), digest_of(plain)), name=NAME, keys=KEYS)


@given(st.lists(st.binary(max_size=5000), max_size=4))
def test_memory_that_is_used_again_holds_what_was_opened_last(objects: list[bytes]) -> None:
    memory = Reused()
    for plain in objects:
        sealed = seal(plain, name=NAME, keys=KEYS)
        found, digest = unseal_into(memory, sealed, name=NAME, keys=KEYS)
        assert (bytes(found), digest) == (plain, digest_of(plain))


@pytest.mark.parametrize("kind", [os.urandom, bytes, lambda size: os.urandom(99) * (size // 99)])
def test_a_frame_that_ends_elsewhere_than_it_says_is_none(kind: Callable[[int], bytes]) -> None:
    """Blocks as they are, of one byte again and again, packed."""
    plain = kind(300_000)
    frame = zstandard.ZstdCompressor(level=2, write_checksum=True).compress(plain)
    digest = digest_of(plain)
    assert unseal(sealed_by_hand(frame, digest), name=NAME, keys=KEYS) == plain
    for other in (frame[:-1], frame[:-9], frame[:3], frame[:-4] + b"none", frame + frame):
        with pytest.raises(SealBroken, match="does not unpack to what was sealed"):
            unseal(sealed_by_hand(other, digest), name=NAME, keys=KEYS)


def test_a_frame_that_does_not_say_how_much_it_holds_is_none_of_ours() -> None:
    frame = zstandard.ZstdCompressor(write_content_size=False).compress(b"plain" * 1000)
    with pytest.raises(SealBroken, match="does not unpack to what was sealed"):
        unseal(sealed_by_hand(frame, digest_of(b"plain" * 1000)), name=NAME, keys=KEYS)


@given(st.binary(min_size=1, max_size=5000))
def test_every_frame_has_its_checksum(plain: bytes) -> None:
    """Else its digest is taken again, at ten times the cost."""
    sealed = seal(plain, name=NAME, keys=KEYS)
    key, width = KEYS.by_id[KEYS.current], len(_head(KEYS.current, b"", NAME, 0)) + 12
    opened = AESGCM(key).decrypt(
        sealed[width - 12 : width], sealed[width:], sealed[:width] + NAME.encode()
    )
    assert zstandard.get_frame_parameters(opened[32:]).has_checksum
    assert opened[:32] == digest_of(plain)


def test_it_is_compressed_and_shows_nothing() -> None:
    sealed = seal(b"secret " * 10_000, name=NAME, keys=KEYS)
    assert len(sealed) < 1000
    assert b"secret" not in sealed


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_every_flipped_bit_is_found(place: int, bit: int) -> None:
    sealed = bytearray(seal(b"the bytes of a backup", name=NAME, keys=KEYS))
    sealed[place % len(sealed)] ^= 1 << bit
    with pytest.raises(SealBroken):
        unseal(bytes(sealed), name=NAME, keys=KEYS)


@given(st.integers(0, 10_000))
def test_every_truncation_is_called_so(length: int) -> None:
    sealed = seal(os.urandom(200), name=NAME, keys=KEYS)
    with pytest.raises(SealBroken, match="cut off"):
        unseal(sealed[: length % len(sealed)], name=NAME, keys=KEYS)


def test_each_trouble_has_its_own_sentence() -> None:
    sealed = seal(b"plain", name=NAME, keys=KEYS)
    cases = {
        "sealed with key 'k1', which is not in the key file": (
            sealed,
            NAME,
            Keys("k2", {"k2": b"2" * 32}),
        ),
        "sealed with another key than the one that the key file calls 'k1'": (
            sealed,
            NAME,
            OTHER_KEYS,
        ),
        "sealed under another name and moved here": (sealed, NAME.replace("0000", "0001"), KEYS),
        "at least one byte is not what was sealed": (sealed[:-1] + b"\0", NAME, KEYS),
        "is altered, or none of ours": (b"PK" + sealed, NAME, KEYS),
        "it is altered": (sealed + b"x", NAME, KEYS),
        "cut off after 0 bytes": (b"", NAME, KEYS),
    }
    for words, (data, name, keys) in cases.items():
        with pytest.raises(SealBroken) as broken:
            unseal(data, name=name, keys=keys)
        assert words in str(broken.value)


def test_an_older_key_still_opens_and_the_newest_seals(tmp_path: Path) -> None:
    old = seal(b"plain", name=NAME, keys=KEYS)
    path = tmp_path / "keys"
    path.touch(mode=0o600)
    path.write_text(key_line("k2", b"2" * 32) + key_line("k1", b"1" * 32))
    keys = read_keys(path)
    assert unseal(old, name=NAME, keys=keys) == b"plain"
    assert keys.current == "k2"
    assert b"\x02k2" in seal(b"plain", name=NAME, keys=keys)


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (key_line("k1", b"1" * 32), 0o644, "Others may read keys"),
        ("", 0o600, "has no key"),
        ("k1\n", 0o600, "a line `ID BASE64` for each key"),
        ("k1 ???\n", 0o600, "a line `ID BASE64` for each key"),
        (key_line("k1", b"1" * 16), 0o600, "not 32 bytes"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_refused(
    tmp_path: Path, text: str, mode: int, words: str
) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(BadConfiguration, match=words) as refused:
        read_keys(path)
    assert refused.value.field == "keys"
    assert "1" * 16 not in str(refused.value)


def test_a_key_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="cannot be read"):
        read_keys(tmp_path / "keys")


def test_keys_do_not_show_themselves() -> None:
    assert "111" not in repr(KEYS)
