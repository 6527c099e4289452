"""Sealed entries as lines for other programs, in the order of the log.

Invariants: resumable: the same leaf index always gives the same line; nothing in an entry can
end its line or its field early, or begin another one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from recovery.audit import queries
from recovery.audit.leaves import Stored, is_deep, leaf_data, members

FORMATS = ("jsonl", "cef", "syslog")
VERSION = "0.1.0"
AUDIT_NOTICE = 13 * 8 + 5
"""RFC 5424: facility "log audit", severity "notice"."""
ENTERPRISE = "tocsin@32473"
"""The number that RFC 5612 gives to examples: put in your own where a collector wants one."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def export_lines(
    form: str,
    *,
    first: int = 0,
    at_most: int | None = None,
    only: Mapping[str, object] | None = None,
) -> Iterator[tuple[int, str]]:
    """(leaf index, line) of the sealed entries from `first` on that match `only`."""
    write = {"jsonl": json_line, "cef": cef_line, "syslog": syslog_line}[form]
    page = min(2000, at_most or 2000)
    rows = queries.sealed_rows(first, queries.head().size, only=only, page=page)
    for count, (index, _, row) in enumerate(rows):
        if at_most is not None and count >= at_most:
            return
        if row is not None:
            yield index, write(index, row)


def json_line(index: int, row: Stored) -> str:
    """The leaf itself, byte for byte: its hash is in the tree."""
    return leaf_data(index, row).decode()


def cef_line(index: int, row: Stored) -> str:
    """ArcSight's CEF:0. The whole entry travels in `msg`'s neighbours; the leaf index is its id."""
    told = _told(row)
    header = ("CEF:0", "Tocsin", "Tocsin", VERSION, f"{row.object_type}.{told['action']}")
    named = (*header, f"{row.object_type} {told['action']}", "5")
    fields = {
        "externalId": str(index),
        "rt": str(_milliseconds(row.recorded_at)),
        "suid": told["actor"],
        "suser": f"{told['actor_type']}:{told['actor']}",
        "act": told["action"],
        "cs1Label": "objectType",
        "cs1": row.object_type,
        "cs2Label": "objectId",
        "cs2": row.object_id,
        "cn1Label": "objectVersion",
        "cn1": str(row.object_version),
        "cs3Label": "before",
        "cs3": told["before"],
        "cs4Label": "after",
        "cs4": told["after"],
        "msg": told["reason"],
    }
    head = "|".join(_cef_header(part) for part in named)
    return f"{head}|" + " ".join(f"{name}={_cef_value(value)}" for name, value in fields.items())


def syslog_line(index: int, row: Stored, host: str = "tocsin") -> str:
    """RFC 5424 with structured data; the sentence after a byte-order mark, as it asks for."""
    told = _told(row)
    fields = {
        "leaf": str(index),
        "objectType": row.object_type,
        "objectId": row.object_id,
        "objectVersion": str(row.object_version),
        "action": told["action"],
        "actorType": told["actor_type"],
        "actor": told["actor"],
        "before": told["before"],
        "after": told["after"],
    }
    data = " ".join(f'{name}="{_sd_value(value)}"' for name, value in fields.items())
    kind = re.sub(r"[^!-~]", "-", told["action"])[:32] or "-"
    sentence = _CONTROL.sub(" ", told["reason"])
    head = f"<{AUDIT_NOTICE}>1 {row.recorded_at} {host} tocsin - {kind}"
    return f"{head} [{ENTERPRISE} {data}] \ufeff{sentence}"


def _told(row: Stored) -> dict[str, str]:
    body: dict[str, Any] = _read(row.body)
    actor = body.get("actor")
    actor = actor if isinstance(actor, dict) else {}
    return {
        "action": str(body.get("action", "")),
        "actor": str(actor.get("id", "")),
        "actor_type": str(actor.get("type", "")),
        "reason": str(body.get("reason", "")),
        "before": _compact(body.get("before")),
        "after": _compact(body.get("after")),
    }


def _read(text: str) -> dict[str, Any]:
    """What nests deeper than any reader follows stays the text that it is."""
    if not is_deep(text):
        found: dict[str, Any] = json.loads(text)
        return found
    return {
        name: _AsText(value) if is_deep(value) else json.loads(value)
        for name, value in members(text).items()
    }


class _AsText(str):
    """JSON that is written as it is."""

    __slots__ = ()


def _compact(value: object) -> str:
    if isinstance(value, _AsText):
        return str(value)
    return json.dumps(value or {}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _milliseconds(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp() * 1000)


def _cef_header(text: str) -> str:
    return _CONTROL.sub(" ", text).replace("\\", "\\\\").replace("|", "\\|")


def _cef_value(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("=", "\\=")
    return _CONTROL.sub(" ", escaped.replace("\r", "\\r").replace("\n", "\\n"))


def _sd_value(text: str) -> str:
    plain = _CONTROL.sub(" ", text)
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")
