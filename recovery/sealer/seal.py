"""One sealer: the next entries become leaves, then a checkpoint is signed over them.

Invariants (I-AU-3, safety.md 4.2): leaf indexes are dense and an entry is one leaf, whatever is
killed where, and however many sealers run (PostgreSQL's `audit_seal` compares epoch, size and
entries in the transaction that appends). What was signed once stays a beginning of all that is
signed later, or nothing more is signed.
"""

from __future__ import annotations

import structlog

from recovery.audit import actions, queries
from recovery.audit.leaves import leaf_data
from recovery.audit.queries import Head
from recovery.core.clock import Clock
from recovery.core.control import Watch
from recovery.core.errors import TocsinError
from recovery.core.tlog.checkpoints import Checkpoint, open_checkpoint
from recovery.core.tlog.notes import BadNote, SignerKey
from recovery.core.tlog.tree import BadProof, leaf_hash, verify_consistency
from recovery.sealer.keys import Memory

log = structlog.get_logger()
BATCH = 5000
CHECKPOINT_SECONDS = 10.0
CHECKPOINT_LEAVES = 1000


class Altered(TocsinError):
    """The sealed past is not what this key signed: nothing more is signed over it."""


class Sealer:
    """`epoch` is 0 while another one seals."""

    def __init__(self, name: str, key: SignerKey, memory: Memory, clock: Clock) -> None:
        self.name, self.key, self.memory = name, key, memory
        self.epoch = 0
        self._clock = clock
        self._watch = Watch()
        self._signed_at = clock.monotonic()

    def round(self) -> int:
        """Seal what waits, sign what is due; how many leaves came in. Raises `Altered`."""
        if not self._leads():
            return 0
        total = 0
        while count := self._seal():
            total += count
            self._sign_if_due()
            if count < BATCH:
                break
        self._sign_if_due()
        return total

    def take_lead(self) -> bool:
        """Seal from now on, whoever did before."""
        self.epoch = actions.lead_sealing(seen_epoch=queries.head().epoch, holder=self.name) or 0
        if self.epoch:
            self._remember()
        return bool(self.epoch)

    def sign(self) -> bool:
        """Sign what is sealed now, if that is more than was signed. Raises `Altered`."""
        head = queries.head()
        if head.epoch != self.epoch or head.size == self.memory.size:
            return False
        mark = Checkpoint(self.key.name, head.size, head.edge.root)
        self._check_growth(mark)
        note = mark.signed(self.key)
        if not self.memory.keep(note):
            return False
        self._publish()
        self._signed_at = self._clock.monotonic()
        return True

    def _leads(self) -> bool:
        if self.epoch:
            if actions.beat_sealing(epoch=self.epoch):
                return True
            log.warning("another sealer took over", epoch=self.epoch)
            self.epoch = 0
        seen = queries.head()
        if seen.epoch and not self._watch.may_take(
            (seen.epoch, seen.beat), self._clock.monotonic()
        ):
            return False
        return self.take_lead()

    def _seal(self) -> int:
        """One batch, in one transaction of PostgreSQL's."""
        head = queries.head()
        if head.epoch != self.epoch:
            return 0
        rows = queries.next_entries(head, BATCH)
        if not rows:
            return 0
        leaves = [leaf_hash(leaf_data(head.size + at, row)) for at, row in enumerate(rows)]
        edge, nodes = head.edge.extended(leaves)
        sealed = actions.seal_entries(
            epoch=self.epoch,
            at_size=head.size,
            entries=[row.id for row in rows],
            leaves=leaves,
            edge=edge,
            nodes=nodes,
        )
        return len(rows) if sealed is not None else 0

    def _sign_if_due(self) -> None:
        grown = self._size() - self.memory.size
        is_late = self._clock.monotonic() - self._signed_at >= CHECKPOINT_SECONDS
        if grown >= CHECKPOINT_LEAVES or (grown and is_late):
            self.sign()

    def _size(self) -> int:
        return queries.head().size

    def _check_growth(self, mark: Checkpoint) -> None:
        kept = self.memory.checkpoint
        if kept is None:
            return
        if mark.size < kept.size:
            raise _altered(f"{mark.size} leaves are there, {kept.size} were signed", queries.head())
        try:
            proof = queries.prove_consistency(kept.size, mark.size)
            verify_consistency(kept.size, mark.size, proof, kept.root, mark.root)
        except (BadProof, LookupError) as error:
            raise _altered(str(error), queries.head()) from error

    def _remember(self) -> None:
        """What the key signed and what is published are the same again after a crash."""
        newest = queries.newest_checkpoint()
        if self.memory.checkpoint is None and newest is not None and self._is_ours(newest.note):
            try:
                open_checkpoint(newest.note, self.key.verifier)
            except BadNote as error:
                raise _altered(f"the newest checkpoint: {error}", queries.head()) from error
            self.memory.keep(newest.note)
        if self.memory.size > (newest.size if newest else 0):
            if queries.head().size < self.memory.size:
                raise _altered(f"{self.memory.size} leaves were signed", queries.head())
            self._publish()

    def _is_ours(self, note: str) -> bool:
        """Not one of a log that was before this one (`manage.py audit anew`)."""
        return note.startswith(f"{self.key.name}\n")

    def _publish(self) -> None:
        assert self.memory.checkpoint is not None
        actions.publish_checkpoint(
            checkpoint=self.memory.checkpoint,
            note=self.memory.note,
            key=str(self.key.verifier),
        )


def _altered(why: str, head: Head) -> Altered:
    return Altered(
        f"The sealed log is not what this key signed: {why}.",
        kept=f"{head.size} leaves are kept as they are; nothing more is signed.",
        todo="Find out first: manage.py audit verify. Was Tocsin's own PostgreSQL restored from an "
        "older backup, begin a new log: manage.py audit anew.",
    )
