"""Ids in sentences become names: a person at three in the morning reads names. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from recovery.detection.facts import Evidence, VerdictChange

_ID = re.compile(r"\b[0-9a-f]{32}\b")


def in_names(
    changes: Iterable[VerdictChange], names: Mapping[str, str]
) -> tuple[VerdictChange, ...]:
    """The same changes; `host` stays an id, every sentence and every witness is told by name."""
    return tuple(
        replace(
            change,
            reason=_told(change.reason, names),
            replace_reason=_told(change.replace_reason, names),
            evidence=_evidence(change.evidence, names),
        )
        for change in changes
    )


def _evidence(evidence: Evidence, names: Mapping[str, str]) -> Evidence:
    return Evidence(
        supporting=tuple(_told(one, names) for one in evidence.supporting),
        opposing=tuple(_told(one, names) for one in evidence.opposing),
        missing=tuple(_told(one, names) for one in evidence.missing),
        witnesses=tuple(names.get(one, one) for one in evidence.witnesses),
    )


def _told(sentence: str, names: Mapping[str, str]) -> str:
    return _ID.sub(lambda found: names.get(found[0], found[0]), sentence)
