"""What an agent of an older version answers to what it does not know. Pure.

Invariants (I-CP-7): such an order ends at once, with a sentence that says what to do; none is taken
for done of which its agent cannot have understood a part, for agents pass over fields that they do
not know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from recovery.core import wire

_UNKNOWN_VERB = re.compile(r"Invalid enum value '([^']*)' - at `\$\.verb`")


class _Given(msgspec.Struct, frozen=True):
    given_again: tuple[str, ...] = ()


def as_told(
    outcome: wire.Outcome, *, verb: str, params: Mapping[str, object], version: str
) -> wire.Outcome:
    """The outcome as it is written; `version`: of the agent, by its newest session."""
    if outcome.state == "refused":
        found = _UNKNOWN_VERB.search(outcome.detail)
        if found is not None and found[1] == verb:
            said = f"{_older(version)} “{verb}”: update it. Nothing was done."
            return msgspec.structs.replace(outcome, detail=said)
    if outcome.state == "done" and not _gave_again(params.get("give_again"), outcome.detail):
        said = (
            f"{_older(version)} take-overs by name: it promises nothing more in this epoch, and its"
            " primary does not outlive us. Update it."
        )
        return msgspec.structs.replace(outcome, state="failed", detail=said)
    return outcome


def _older(version: str) -> str:
    return f"Its agent is of version {version or 'unknown'}, which does not know"


def _gave_again(names: object, detail: str) -> bool:
    if not isinstance(names, list) or not names:
        return True
    try:
        given = msgspec.json.decode(detail, type=_Given).given_again
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return False
    return {*names} <= {*given}
