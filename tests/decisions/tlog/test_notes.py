"""Notes and checkpoints as C2SP writes them; a witness that keeps and refuses."""

from __future__ import annotations

import pytest

from recovery.core.tlog.checkpoints import Checkpoint, open_checkpoint, parse_checkpoint
from recovery.core.tlog.notes import BadNote, SignerKey, VerifierKey, open_note, split_note
from recovery.core.tlog.proofs import proof_text
from recovery.core.tlog.tree import Frontier, consistency_proof, leaf_hash
from recovery.core.tlog.witness import Judgement, judge, read_cosignature
from tests.decisions.tlog.test_tree import made_tree
from tests.decisions.tlog.worlds import KEY, WITNESS_KEY, cosigned, note_of

# golang.org/x/mod/sumdb/note, note_test.go
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6"
    "KE6RyyBwJnAM=\n"
)


def test_the_reference_note_is_signed_byte_for_byte_and_opens() -> None:
    assert SignerKey.parse(SKEY).sign(TEXT) == f"{TEXT}\n{LINE}"
    assert open_note(f"{TEXT}\n{LINE}", [VerifierKey.parse(VKEY)]) == TEXT
    assert str(VerifierKey.parse(VKEY)) == VKEY
    assert SignerKey.parse(SKEY).text() == SKEY
    assert "gQoU" not in repr(SignerKey.parse(SKEY))


def test_a_key_that_is_cut_or_altered_anywhere_is_no_key() -> None:
    for at in range(len(VKEY)):
        with pytest.raises(BadNote):
            VerifierKey.parse(VKEY[:at])
        with pytest.raises(BadNote):
            VerifierKey.parse(VKEY[:at] + chr(ord(VKEY[at]) + 1) + VKEY[at + 1 :])


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        TEXT + LINE,
        f"{TEXT}\n",
        f"{TEXT}\n{LINE[:-1]}",
        f"{TEXT}\n{LINE}\n",
        f"{TEXT}\n— Peter\n",
        f"{TEXT}\n— PeterNeumann abcd\n",
        f"{TEXT}\x00\n\n{LINE}",
        f"{TEXT}\n" + LINE * 101,
        f"{TEXT}\n{LINE.replace('— ', '- ')}",
    ],
)
def test_what_is_no_signed_note_is_refused(note: str) -> None:
    with pytest.raises(BadNote):
        open_note(note, [VerifierKey.parse(VKEY)])


def test_an_unknown_signature_is_passed_over_and_a_false_one_of_a_known_key_is_not() -> None:
    mine = SignerKey("other", b"o" * 32)
    both = SignerKey.parse(SKEY).sign(TEXT) + mine.sign(TEXT).rpartition("\n\n")[2]
    assert open_note(both, [mine.verifier]) == TEXT
    with pytest.raises(BadNote, match="no known key"):
        open_note(f"{TEXT}\n{LINE}", [mine.verifier])
    with pytest.raises(BadNote, match="does not verify"):
        open_note(f"{TEXT}more\n\n{LINE}", [VerifierKey.parse(VKEY)])


def test_a_checkpoint_is_read_as_it_is_written_and_in_no_other_way() -> None:
    mark = Checkpoint(KEY.name, 20852163, b"r" * 32)
    assert parse_checkpoint(mark.text()) == mark
    assert open_checkpoint(mark.signed(KEY), KEY.verifier) == mark
    for bad in ("-1", "01", "1 ", "", "x", "٣", str(2**63), "1" * 5000):
        with pytest.raises(BadNote):
            parse_checkpoint(mark.text().replace("20852163", bad))
    with pytest.raises(BadNote, match="of elsewhere"):
        open_checkpoint(KEY.sign(Checkpoint("elsewhere", 1, b"r" * 32).text()), KEY.verifier)


def test_a_witness_cosigns_a_log_that_grows() -> None:
    tree = made_tree(20)
    kept = None
    for old, size in ((0, 5), (5, 5), (5, 12), (12, 20)):
        note = note_of(tree.leaves[:size])
        proof = consistency_proof(old, size, tree.complete)
        judged = judge(kept, KEY.verifier, note, old, proof)
        assert judged.judgement is Judgement.COSIGN
        kept = judged.checkpoint
    assert kept is not None
    assert kept.size == 20


def test_a_witness_refuses_a_log_that_shrank_forked_or_is_another() -> None:
    tree = made_tree(20)
    kept = parse_checkpoint(split_note(note_of(tree.leaves[:12]))[0])

    def said(note: str, old: int = 12, proof: list[bytes] | None = None) -> tuple[Judgement, str]:
        judged = judge(kept, KEY.verifier, note, old, proof or [])
        return judged.judgement, judged.reason

    assert said(note_of(tree.leaves[:11])) == (
        Judgement.REFUSE,
        "the log has shrunk: 11 leaves, where it had 12",
    )
    fork = [*tree.leaves[:11], leaf_hash(b"altered")]
    assert "the tree of 12 leaves had another root" in said(note_of(fork))[1]
    after = [*fork, *tree.leaves[12:]]
    forked = made_tree(20)
    forked.leaves[:] = after
    proof = consistency_proof(12, 20, forked.complete)
    assert said(note_of(after), 12, proof)[0] is Judgement.REFUSE
    assert said(note_of(tree.leaves), 5, proof)[0] is Judgement.CONFLICT
    stranger = SignerKey("tocsin.test/audit", b"s" * 32)
    text = Checkpoint(KEY.name, 20, tree.root(20)).signed(stranger)
    assert said(text)[0] is Judgement.REFUSE


def test_a_cosignature_says_when_and_holds_for_its_text_alone() -> None:
    note = note_of(made_tree(3).leaves)
    line = cosigned(note, 1_679_315_147).removeprefix(note)
    assert read_cosignature(note, line, WITNESS_KEY) == 1_679_315_147
    with pytest.raises(BadNote):
        read_cosignature(note_of(made_tree(4).leaves), line, WITNESS_KEY)
    with pytest.raises(BadNote):
        read_cosignature(note, line + line, WITNESS_KEY)


def test_a_proof_is_written_as_c2sp_says() -> None:
    text = proof_text(5, [b"a" * 32], "test checkpoint\n")
    assert text == (
        "c2sp.org/tlog-proof@v1\nindex 5\nYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=\n\n"
        "test checkpoint\n"
    )


def test_a_frontier_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="no frontier"):
        Frontier.from_bytes(3, b"x" * 32)
    with pytest.raises(ValueError, match="whole hashes"):
        Frontier.from_bytes(1, b"x" * 33)
