"""RFC 6962's Merkle tree: hashes, roots, and proofs that check without the tree.

Invariants: a root names exactly one list of leaves; a proof that verifies shows that a leaf is
in the list (`verify_inclusion`), or that one list begins with the other (`verify_consistency`).
A *complete* subtree (level, index) holds the leaves from index·2^level on, 2^level of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

HASH = 32
EMPTY_ROOT = sha256(b"").digest()
TILE_LEVELS = 8
"""Complete subtrees are kept at every eighth level: 256 hashes make the next one."""

Node = tuple[int, int]
Complete = Callable[[int, int], bytes]
"""The hash of the complete subtree (level, index)."""


class BadProof(ValueError):
    """The proof does not show what it claims to."""


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: its complete subtrees, largest first. All that appending needs."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise ValueError(f"{len(self.hashes)} hashes are no frontier of {self.size} leaves")

    @property
    def root(self) -> bytes:
        return _fold(self.hashes)

    def to_bytes(self) -> bytes:
        return b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, size: int, packed: bytes) -> Frontier:
        if len(packed) % HASH:
            raise ValueError("a frontier is a row of whole hashes")
        return cls(size, tuple(packed[at : at + HASH] for at in range(0, len(packed), HASH)))

    def extended(self, leaves: Iterable[bytes]) -> tuple[Frontier, list[tuple[int, int, bytes]]]:
        """With these leaf hashes after it; and each complete subtree of a level that is kept
        (1 is 256 leaves, 2 is 65,536 …) which they completed: (level, index, hash)."""
        size, stack, kept = self.size, list(self.hashes), []
        for leaf in leaves:
            node, level, index = leaf, 0, size
            while index & 1:
                node, level, index = node_hash(stack.pop(), node), level + 1, index >> 1
                if level % TILE_LEVELS == 0:
                    kept.append((level // TILE_LEVELS, index, node))
            stack.append(node)
            size += 1
        return Frontier(size, tuple(stack)), kept


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over these leaf hashes."""
    return Frontier().extended(leaves)[0].root


def _fold(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def covering(low: int, high: int) -> Iterator[Node]:
    """The complete subtrees that make up the leaves low ≤ i < high of a tree, left to right."""
    while low < high:
        level = (high - low).bit_length() - 1
        if low:
            level = min(level, (low & -low).bit_length() - 1)
        yield level, low >> level
        low += 1 << level


def subtree(low: int, high: int, complete: Complete) -> bytes:
    """The hash over a range of leaves that a proof needs (`low` is a multiple of its width)."""
    return _fold([complete(level, index) for level, index in covering(low, high)])


def inclusion_proof(index: int, size: int, complete: Complete) -> list[bytes]:
    """That the leaf is at `index` of the tree of `size` leaves."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in {size}")
    low, high, proof = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(subtree(middle, high, complete))
            high = middle
        else:
            proof.append(subtree(low, middle, complete))
            low = middle
    return proof[::-1]


def consistency_proof(old: int, size: int, complete: Complete) -> list[bytes]:
    """That the tree of `size` leaves begins with that of `old`."""
    if not 0 <= old <= size:
        raise ValueError(f"{old} leaves are not the beginning of {size}")
    if old in (0, size):
        return []
    low, high, proof, whole = 0, size, [], True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            proof.append(subtree(middle, high, complete))
            high = middle
        else:
            proof.append(subtree(low, middle, complete))
            low, whole = middle, False
    return ([] if whole else [subtree(low, high, complete)]) + proof[::-1]


def _split(width: int) -> int:
    """The largest power of two below the width."""
    return 1 << ((width - 1).bit_length() - 1)


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """RFC 9162, 2.1.3.2. Raises `BadProof`."""
    if not 0 <= index < size:
        raise BadProof(f"there is no leaf {index} in {size}")
    at, last, found = index, size - 1, leaf
    for part in proof:
        if last == 0:
            raise BadProof("the proof is too long")
        if at & 1 or at == last:
            found = node_hash(part, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, part)
        at, last = at >> 1, last >> 1
    if last or found != root:
        raise BadProof(f"leaf {index} is not in the tree of this root")


def verify_consistency(
    old: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes
) -> None:
    """RFC 9162, 2.1.4.2. Raises `BadProof`."""
    if not 0 <= old <= size:
        raise BadProof(f"{old} leaves are not the beginning of {size}")
    if old in (0, size):
        expected = EMPTY_ROOT if old == 0 else root
        if proof or old_root != expected:
            raise BadProof(f"the tree of {old} leaves had another root")
        return
    parts = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not parts or _both_roots(old, size, parts) != (old_root, root):
        raise BadProof(f"the tree of {size} leaves does not begin with that of {old}")


def _both_roots(old: int, size: int, parts: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The roots of both trees that these parts lead to."""
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = parts[0]
    for part in parts[1:]:
        if last == 0:
            raise BadProof("the proof is too long")
        if at & 1 or at == last:
            first, second = node_hash(part, first), node_hash(part, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, part)
        at, last = at >> 1, last >> 1
    if last:
        raise BadProof("the proof is too short")
    return first, second
