"""The only writers of stores, of what lies where, of what was read there, and of proofs."""

from recovery.backups.actions.exports import end_exports, note_export, take_export_away
from recovery.backups.actions.hearing import hear_archivers, hear_own, note_jobs
from recovery.backups.actions.loans import (
    borrow_volume,
    end_loan,
    forget_loan,
    lend_volume,
    tell_loan,
)
from recovery.backups.actions.looks import follow_archives, forget_points, see_archives
from recovery.backups.actions.places import assign_replica, register_store
from recovery.backups.actions.promises import move_states, ring_conditions
from recovery.backups.actions.proofs import (
    begin_proof,
    fail_proof,
    note_own_proofs,
    pass_proof,
    void_proof,
)
from recovery.backups.actions.snapshots import (
    begin_snapshot,
    fail_snapshot,
    forget_failed,
    forget_snapshot,
    forget_volume,
    keep_snapshot,
    tell_snapshot,
)

__all__ = [
    "assign_replica",
    "begin_proof",
    "begin_snapshot",
    "borrow_volume",
    "end_exports",
    "end_loan",
    "fail_proof",
    "fail_snapshot",
    "follow_archives",
    "forget_failed",
    "forget_loan",
    "forget_points",
    "forget_snapshot",
    "forget_volume",
    "hear_archivers",
    "hear_own",
    "keep_snapshot",
    "lend_volume",
    "move_states",
    "note_export",
    "note_jobs",
    "note_own_proofs",
    "pass_proof",
    "register_store",
    "ring_conditions",
    "see_archives",
    "take_export_away",
    "tell_loan",
    "tell_snapshot",
    "void_proof",
]
