"""Where the sealed log stood at a run's start and stands now, with proofs of the run's entries."""

from __future__ import annotations

import base64
from datetime import datetime

from django.db.models import QuerySet

from recovery.audit import queries as audit
from recovery.audit.bundle import checkpoint_with_witnesses
from recovery.audit.leaves import leaf_data
from recovery.audit.models import AuditEntry
from recovery.audit.queries import Signed
from recovery.drp.models import Approval, Run
from recovery.drp.reports.facts import CheckpointFact, LogFact, ProofFact

MOST_PROOFS = 64
LONGEST_LINE = 65_536
"""Bytes: an entry that holds a large plan is in the log's own export."""


def log_of(run: Run, of_rows: int, started: datetime) -> LogFact:
    """`of_rows`: entries of the rows that hang on the run."""
    end = audit.newest_checkpoint()
    start = audit.checkpoint_before(started)
    return LogFact(
        entries=of_rows + run.version,
        start=_mark(start) if start else None,
        end=_mark(end) if end else None,
        proofs=_proofs(run, end) if end else (),
    )


def is_covered(run: Run) -> bool:
    """Whether a checkpoint is over the run's last entry."""
    last = _entries(run).values_list("pk", flat=True).first()
    found = audit.is_sealed(last) if last is not None else None
    return found is not None and found[1]


def _entries(run: Run) -> QuerySet[AuditEntry]:
    return AuditEntry.objects.filter(object_type=run.TYPE, object_id=str(run.pk)).order_by("-id")


def _mark(mark: Signed) -> CheckpointFact:
    return CheckpointFact(mark.size, mark.signed_at, checkpoint_with_witnesses(mark.size))


def _proofs(run: Run, end: Signed) -> tuple[ProofFact, ...]:
    """Of every state of the run itself, and of what people said to its questions."""
    words = Approval.objects.filter(ask__step__run=run).values_list("pk", flat=True)
    objects = [(run.TYPE, str(run.pk)), *((Approval.TYPE, str(pk)) for pk in words)]
    found: list[ProofFact] = []
    for kind, pk in objects:
        only = {"object_type": kind, "object_id": pk}
        for leaf, _, row in audit.sealed_rows(0, end.size, only=only):
            if row is None or len(found) >= MOST_PROOFS:
                continue
            line = leaf_data(leaf, row)
            if len(line) > LONGEST_LINE:
                continue
            hashes = audit.prove_inclusion(leaf, end.size)
            found.append(
                ProofFact(
                    entry=row.id,
                    leaf=leaf,
                    about=kind,
                    line=line.decode(),
                    hashes=tuple(base64.b64encode(one).decode() for one in hashes),
                )
            )
    return tuple(found)
