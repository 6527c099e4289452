"""The archive of backups: names, coverage, plans of restores, retention. Pure; no Django, no I/O.

One store holds many databases. Every object is written once, and the names alone tell what can be
restored, so that a listing is a recovery point (docs/decisions/2026-11-28-backups.md).
"""

from __future__ import annotations

from recovery.core.archive.coverage import Backup, Coverage, coverage
from recovery.core.archive.manifest import BadManifest, Manifest, PartFact, decode_manifest
from recovery.core.archive.names import (
    SEGMENT,
    Chunk,
    History,
    Line,
    ManifestName,
    Part,
    backup_name,
    begun_at,
    lsn_number,
    lsn_text,
    parse,
    segment_start,
)
from recovery.core.archive.plan import Refusal, RestorePlan, plan_restore, told
from recovery.core.archive.replay import Replay, refuse_short, replay_of
from recovery.core.archive.retention import RetentionPolicy, retention
from recovery.core.archive.timelines import Chain, Reach, highest_timeline

__all__ = [
    "SEGMENT",
    "Backup",
    "BadManifest",
    "Chain",
    "Chunk",
    "Coverage",
    "History",
    "Line",
    "Manifest",
    "ManifestName",
    "Part",
    "PartFact",
    "Reach",
    "Refusal",
    "Replay",
    "RestorePlan",
    "RetentionPolicy",
    "backup_name",
    "begun_at",
    "coverage",
    "decode_manifest",
    "highest_timeline",
    "lsn_number",
    "lsn_text",
    "parse",
    "plan_restore",
    "refuse_short",
    "replay_of",
    "retention",
    "segment_start",
    "told",
]
