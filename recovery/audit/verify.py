"""The whole log against what was signed: is it what was sealed, and which entry is the first
that is not?

Invariant (I-AU-2): whatever a superuser changed before the newest checkpoint that somebody else
has kept is found. `Walk` is pure; `verify_log` feeds it from the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from recovery.audit import queries
from recovery.audit.leaves import Stored, leaf_data
from recovery.core.tlog.checkpoints import Checkpoint, open_checkpoint, parse_checkpoint
from recovery.core.tlog.notes import BadNote, VerifierKey, split_note
from recovery.core.tlog.tree import Frontier, leaf_hash
from recovery.core.tlog.witness import read_cosignature


@dataclass(frozen=True, slots=True)
class Finding:
    """`leaf`: the first that is wrong, where the finding is about entries; `entry`: its row."""

    said: str
    leaf: int | None = None
    entry: int | None = None


@dataclass(slots=True)
class Verified:
    """What was found. `proven`: leaves under a checkpoint that agree with it, from the first on;
    `sealed`: how many there are, looked at or not; `stopped`: the leaf behind which nothing was
    looked at any more, None: all was."""

    proven: int = 0
    sealed: int = 0
    stopped: int | None = None
    unsealed: int = 0
    checkpoints: int = 0
    witnesses: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not self.findings

    @property
    def first_wrong(self) -> int | None:
        return min((one.leaf for one in self.findings if one.leaf is not None), default=None)


class Walk:
    """Leaves in their order, against signed roots: size → root."""

    def __init__(self, signed: Mapping[int, bytes]) -> None:
        self._marks = sorted(signed.items())
        self.proven = 0
        self.edge, self.listed = Frontier(), Frontier()
        self.nodes: list[tuple[int, int, bytes]] = []
        self._suspect: tuple[int, int | None] | None = None
        self.finding: Finding | None = None

    @property
    def size(self) -> int:
        return self.edge.size

    def take(self, index: int, hash_: bytes, row: Stored | None) -> None:
        """The next leaf: its kept hash, and the row that it is of."""
        if index != self.size:
            self.finding = Finding(f"Leaf {self.size} is missing.", self.size)
            return
        found = leaf_hash(leaf_data(index, row)) if row else hash_
        if (row is None or found != hash_) and self._suspect is None:
            self._suspect = (index, row.id if row else None)
        if row is None:
            self.finding = Finding(f"The entry of leaf {index} was removed.", index)
            return
        self.edge, _ = self.edge.extended([found])
        self.listed, nodes = self.listed.extended([hash_])
        self.nodes += nodes
        self._compare()

    def end(self) -> None:
        """No more leaves come."""
        if self.finding is None and self._marks:
            said = f"Leaves are missing from {self.size} on: {self._marks[-1][0]} were signed."
            self.finding = Finding(said, self.size)
        if self.finding is None and self._suspect is not None:
            leaf, entry = self._suspect
            said = f"Entry {entry} (leaf {leaf}, under no checkpoint yet) is not what was sealed."
            self.finding = Finding(said, leaf, entry)

    def _compare(self) -> None:
        while self._marks and self._marks[0][0] == self.size and self.finding is None:
            _, root = self._marks.pop(0)
            if self.edge.root == root:
                if self._suspect is not None:
                    said = f"The kept hash of leaf {self._suspect[0]} was altered."
                    self.finding = Finding(f"{said} Its entry is as it was sealed.", *self._suspect)
                self.proven = self.size
                continue
            self.finding = self._located(root)

    def _located(self, root: bytes) -> Finding:
        last = self.size - 1
        if self._suspect is not None and self.listed.root == root:
            leaf, entry = self._suspect
            return Finding(f"Entry {entry} (leaf {leaf}) is not what was sealed.", leaf, entry)
        first = self._suspect[0] if self._suspect else self.proven
        said = f"An entry from leaf {self.proven} to leaf {last} is not what was sealed;"
        return Finding(f"{said} the kept hashes were altered too.", min(first, self.proven))


def verify_log(
    *,
    keys: Sequence[VerifierKey] = (),
    witnesses: Mapping[str, VerifierKey] | None = None,
    seen: Sequence[str] = (),
) -> Verified:
    """The rows as they are now. `keys`: the log's, from a place that the database's superuser
    cannot write (default: the rows'); `witnesses`: name → pinned key; `seen`: checkpoints that
    somebody kept elsewhere."""
    keys = keys or [VerifierKey.parse(text) for text in queries.log_keys()]
    head, report = queries.head(), Verified()
    signed = _signed_roots(keys, seen, report)
    walk = Walk(signed)
    for index, hash_, row in queries.sealed_rows(0, head.size):
        walk.take(index, hash_, row)
        if walk.finding:
            report.stopped = walk.finding.leaf if index + 1 < head.size else None
            break
    walk.end()
    report.findings += [walk.finding] if walk.finding else []
    report.sealed, report.proven = max(head.size, *signed, 0), walk.proven
    if walk.finding is None:
        report.findings += _machinery(walk, head.edge)
    report.findings += [
        Finding(f"Entry {entry} stands among sealed ones and was never sealed.", entry=entry)
        for entry in queries.never_sealed(head)
    ]
    report.unsealed = queries.waiting().unsealed
    _check_cosignatures(witnesses or {}, report)
    return report


def _signed_roots(
    keys: Sequence[VerifierKey], seen: Sequence[str], report: Verified
) -> dict[int, bytes]:
    signed: dict[int, bytes] = {}
    rows = queries.checkpoints()
    for note, size in [*((row.note, row.size) for row in rows), *((note, None) for note in seen)]:
        try:
            mark = _opened(note, keys)
        except BadNote as error:
            report.findings.append(Finding(f"A checkpoint{_of(size)} does not hold: {error}."))
            continue
        if size is not None and mark.size != size:
            report.findings.append(Finding(f"The checkpoint{_of(size)} is of {mark.size} leaves."))
        if signed.setdefault(mark.size, mark.root) != mark.root:
            said = f"Two roots of {mark.size} leaves were signed: the log was forked."
            report.findings.append(Finding(said, mark.size - 1))
    report.checkpoints = len(rows)
    return signed


def _opened(note: str, keys: Sequence[VerifierKey]) -> Checkpoint:
    origin = parse_checkpoint(split_note(note)[0]).origin
    ours = [key for key in keys if key.name == origin]
    if not ours:
        raise BadNote(f"{origin} is not our log")
    return open_checkpoint(note, ours[0], ours[1:])


def _of(size: int | None) -> str:
    return "" if size is None else f" of {size} leaves"


def _machinery(walk: Walk, head: Frontier) -> list[Finding]:
    """What is kept so that proofs need no rehashing."""
    found = []
    if head != walk.listed:
        found.append(Finding("The head of the log is not the edge of its leaves."))
    for level in {level for level, _, _ in walk.nodes}:
        mine = [node for at, _, node in walk.nodes if at == level]
        kept = queries.hashes_of(level, 0, len(mine) + 1)
        wrong = next((i for i, node in enumerate(mine) if kept[i : i + 1] != [node]), None)
        if wrong is not None or len(kept) != len(mine):
            found.append(Finding(f"Kept node {wrong} of level {level} was altered."))
    return found


def _check_cosignatures(witnesses: Mapping[str, VerifierKey], report: Verified) -> None:
    notes = {row.size: row.note for row in queries.checkpoints()}
    for line in queries.cosignatures():
        key = witnesses.get(line.witness)
        try:
            if key is None:
                raise BadNote("its key is not pinned here")
            read_cosignature(notes[line.size], line.line, key)
        except BadNote as error:
            said = f"The cosignature of {line.witness} under {line.size} leaves: {error}."
            report.findings.append(Finding(said))
        else:
            report.witnesses[line.witness] = line.size
