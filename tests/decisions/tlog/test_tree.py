"""The tree against RFC 6962's published vectors, and its proofs against their own definition."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.core.tlog.tree import (
    EMPTY_ROOT,
    BadProof,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    subtree,
    verify_consistency,
    verify_inclusion,
)

# certificate-transparency's own: merkletree/merkle_tree_test.cc
LEAVES = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
INCLUSION_5_OF_8 = [
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]


class Tree:
    """Every complete subtree, hashed as the definition says."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves

    def complete(self, level: int, index: int) -> bytes:
        if level == 0:
            return self.leaves[index]
        left = self.complete(level - 1, 2 * index)
        return node_hash(left, self.complete(level - 1, 2 * index + 1))

    def root(self, size: int) -> bytes:
        return subtree(0, size, self.complete) if size else EMPTY_ROOT


PUBLISHED = Tree([leaf_hash(data) for data in LEAVES])


def test_the_roots_are_those_that_certificate_transparency_publishes() -> None:
    assert sha256(b"").digest() == EMPTY_ROOT
    for size, root in enumerate(ROOTS, start=1):
        assert root_of(PUBLISHED.leaves[:size]).hex() == root
        assert PUBLISHED.root(size).hex() == root


def test_the_proofs_are_those_that_certificate_transparency_publishes() -> None:
    for (old, size), proof in CONSISTENCY.items():
        made = consistency_proof(old, size, PUBLISHED.complete)
        assert [part.hex() for part in made] == proof
    made = inclusion_proof(5, 8, PUBLISHED.complete)
    assert [part.hex() for part in made] == INCLUSION_5_OF_8


def made_tree(size: int) -> Tree:
    return Tree([leaf_hash(str(index).encode()) for index in range(size)])


def test_every_proof_of_every_small_tree_verifies_and_no_other_does() -> None:
    tree = made_tree(33)
    for size in range(1, 34):
        root = tree.root(size)
        for index in range(size):
            proof = inclusion_proof(index, size, tree.complete)
            verify_inclusion(tree.leaves[index], index, size, proof, root)
            for altered in (proof[:-1], [*proof, root], proof[::-1] if len(proof) > 1 else [root]):
                if altered != proof:
                    with pytest.raises(BadProof):
                        verify_inclusion(tree.leaves[index], index, size, altered, root)
        for old in range(size + 1):
            proof = consistency_proof(old, size, tree.complete)
            verify_consistency(old, size, proof, tree.root(old), root)
            with pytest.raises(BadProof):
                verify_consistency(old, size, proof, b"x" * 32, root)
            with pytest.raises(BadProof):
                verify_consistency(old, size, [*proof, root], tree.root(old), root)


@settings(max_examples=60)
@given(st.integers(0, 700), st.lists(st.integers(0, 400), max_size=5))
def test_a_tree_that_grows_in_batches_is_the_tree_of_all_its_leaves(
    begin: int, batches: list[int]
) -> None:
    leaves = made_tree(begin + sum(batches)).leaves
    frontier, kept = Frontier().extended(leaves[:begin])
    for batch in batches:
        packed = Frontier.from_bytes(frontier.size, frontier.to_bytes())
        frontier, more = packed.extended(leaves[frontier.size : frontier.size + batch])
        kept += more
    assert frontier.root == root_of(leaves)
    assert [(level, index) for level, index, _ in kept] == [
        (1, index) for index in range(len(leaves) // 256)
    ]
    assert all(node == root_of(leaves[256 * i : 256 * i + 256]) for _, i, node in kept)


@given(st.integers(1, 200), st.data())
def test_a_log_whose_past_was_altered_is_not_consistent_with_it(
    size: int, data: st.DataObject
) -> None:
    old = data.draw(st.integers(1, size))
    at = data.draw(st.integers(0, old - 1))
    before, after = made_tree(size), made_tree(size)
    after.leaves[at] = leaf_hash(b"altered")
    proof = consistency_proof(old, size, after.complete)
    with pytest.raises(BadProof):
        verify_consistency(old, size, proof, before.root(old), after.root(size))
