"""A host that keeps what it cosigned, through crashes, and contradicts itself for nobody."""

from __future__ import annotations

import base64
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recovery.agent.witness import KEPT_LOGS, Witness
from recovery.core import wire
from recovery.core.clock import ManualClock
from recovery.core.tlog.checkpoints import Checkpoint
from recovery.core.tlog.notes import COSIGNATURE, SignerKey, VerifierKey
from recovery.core.tlog.tree import consistency_proof, leaf_hash
from recovery.core.tlog.witness import read_cosignature
from tests.decisions.tlog.test_tree import Tree, made_tree
from tests.decisions.tlog.worlds import KEY, note_of
from tests.support.fleet import NOW

HOST = Ed25519PrivateKey.from_private_bytes(b"h" * 32)
PUBLIC = HOST.public_key().public_bytes_raw()
TREE = made_tree(30)


def witness(folder: Path) -> Witness:
    return Witness(folder / "witness.json", "par1-h1", PUBLIC, HOST.sign, ManualClock(NOW))


def offer(size: int, old: int = 0, tree: Tree = TREE, key: SignerKey = KEY) -> wire.Checkpoint:
    proof = consistency_proof(old, size, tree.complete) if old <= size else []
    return wire.Checkpoint(
        key=str(key.verifier),
        note=Checkpoint(key.name, size, tree.root(size)).signed(key),
        old=old,
        proof=tuple(base64.b64encode(part).decode() for part in proof),
    )


def test_it_cosigns_what_grows_and_keeps_it_before_it_tells(tmp_path: Path) -> None:
    first = witness(tmp_path).take(offer(10))
    assert (first.judgement, first.size, first.kept) == ("cosign", 10, 10)
    key = VerifierKey("par1-h1", PUBLIC, COSIGNATURE)
    assert read_cosignature(note_of(TREE.leaves[:10]), first.line, key) == int(NOW.timestamp())
    after_a_crash = witness(tmp_path)
    assert after_a_crash.take(offer(25, old=10)).judgement == "cosign"
    assert after_a_crash.take(offer(25, old=10)).judgement == "cosign", "asked again"


def test_where_the_disk_refuses_no_cosignature_leaves(tmp_path: Path) -> None:
    (tmp_path / "witness.json.new").mkdir()
    said = witness(tmp_path).take(offer(10))
    assert (said.judgement, said.line) == ("refuse", "")
    assert "directory" in said.reason
    (tmp_path / "witness.json.new").rmdir()
    assert witness(tmp_path).take(offer(12, old=10)).kept == 0


def test_a_shrink_a_fork_and_another_key_are_refused_with_what_was_kept(tmp_path: Path) -> None:
    mine = witness(tmp_path)
    mine.take(offer(20))
    other = made_tree(30)
    other.leaves[3] = leaf_hash(b"altered")
    for frame, why in (
        (offer(19, old=20), "shrunk: 19 leaves, where it had 20"),
        (offer(20, old=20, tree=other), "forked"),
        (offer(28, old=20, tree=other), "forked"),
        (offer(28, old=20, key=SignerKey(KEY.name, b"s" * 32)), "another key"),
    ):
        said = mine.take(frame)
        assert (said.judgement, said.kept if "key" not in why else 20) == ("refuse", 20)
        assert why in said.reason
        assert said.evidence == note_of(TREE.leaves[:20])
    assert mine.take(offer(28, old=20)).judgement == "cosign"


def test_a_proof_from_elsewhere_is_a_conflict_that_says_what_is_kept(tmp_path: Path) -> None:
    mine = witness(tmp_path)
    mine.take(offer(20))
    said = mine.take(offer(28, old=7))
    assert (said.judgement, said.kept) == ("conflict", 20)


def test_a_log_that_begins_anew_is_cosigned_and_said(tmp_path: Path) -> None:
    mine = witness(tmp_path)
    mine.take(offer(20))
    anew = SignerKey("tocsin.test/audit/2", b"n" * 32)
    said = mine.take(offer(5, key=anew))
    assert said.judgement == "cosign"
    assert "another log than tocsin.test/audit" in said.reason
    assert mine.take(offer(19, old=20)).judgement == "refuse", "the older one is not forgotten"


def test_no_throw_away_log_makes_it_forget_the_one_that_it_kept(tmp_path: Path) -> None:
    mine = witness(tmp_path)
    mine.take(offer(20))
    said = [
        mine.take(offer(5, key=SignerKey(f"thrown.test/{number}", b"n" * 32))).judgement
        for number in range(KEPT_LOGS + 3)
    ]
    assert said == ["cosign"] * (KEPT_LOGS - 1) + ["refuse"] * 4
    assert mine.take(offer(19, old=20)).judgement == "refuse", "what was kept first is known"
    assert mine.take(offer(25, old=20)).judgement == "cosign"


@pytest.mark.parametrize("damage", [b"", b'{"x', b'{"a": 1}', b"\xff\x00", b"[" * 100_000])
def test_a_damaged_file_is_moved_aside_and_told_and_no_agent_ends_of_it(
    tmp_path: Path, damage: bytes
) -> None:
    (tmp_path / "witness.json").write_bytes(damage)
    mine = witness(tmp_path)
    said = mine.take(offer(20))
    aside = f"witness.json.damaged-{int(NOW.timestamp())}"
    assert (said.judgement, said.reason) == (
        "cosign",
        f"what it had kept was damaged and lies in {aside}",
    )
    assert (tmp_path / aside).read_bytes() == damage
    assert not mine.take(offer(25, old=20)).reason
    assert witness(tmp_path).take(offer(19, old=25)).judgement == "refuse"


def test_where_what_was_kept_cannot_be_read_it_refuses_and_tries_again(tmp_path: Path) -> None:
    (tmp_path / "witness.json").mkdir()
    mine = witness(tmp_path)
    assert "directory" in mine.take(offer(20)).reason
    (tmp_path / "witness.json").rmdir()
    assert mine.take(offer(20)).judgement == "cosign"


def test_a_kept_note_that_is_garbage_is_no_reason_to_cosign_another(tmp_path: Path) -> None:
    mine = witness(tmp_path)
    mine.take(offer(20))
    path = tmp_path / "witness.json"
    path.write_text(path.read_text().replace("\\n20\\n", "\\n21\\n"))
    assert witness(tmp_path).take(offer(25, old=20)).judgement == "refuse"


def test_two_control_planes_at_once_are_judged_one_after_the_other(tmp_path: Path) -> None:
    signing, go_on = threading.Event(), threading.Event()

    def sign(text: bytes) -> bytes:
        signing.set()
        assert go_on.wait(60)
        return HOST.sign(text)

    mine = Witness(tmp_path / "witness.json", "par1-h1", PUBLIC, sign, ManualClock(NOW))
    first, second = (threading.Thread(target=mine.take, args=[offer(n)]) for n in (20, 3))
    first.start()
    assert signing.wait(60)
    second.start()
    second.join(0.1)
    assert second.is_alive(), "it waits for the first one's turn to end"
    go_on.set()
    first.join()
    second.join()


@pytest.mark.parametrize(
    "frame",
    [
        wire.Checkpoint(key="x", note="y", old=0),
        wire.Checkpoint(key=str(KEY.verifier), note="y", old=0),
        wire.Checkpoint(key=str(KEY.verifier), note=offer(4).note, old=0, proof=("?",)),
    ],
)
def test_what_is_no_checkpoint_is_refused_and_kept_is_what_was(
    tmp_path: Path, frame: wire.Checkpoint
) -> None:
    mine = witness(tmp_path)
    assert mine.take(frame).judgement == "refuse"
    assert mine.take(offer(4)).judgement == "cosign"
