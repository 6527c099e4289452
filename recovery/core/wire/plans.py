"""What an order of a recovery plan carries: whose step it is, and what shows that people agreed."""

from __future__ import annotations

import base64
import binascii
import zlib

import msgspec

from recovery.core.errors import BadMessage
from recovery.core.mandate import Mandate

MOST_BYTES = 8 * 1024 * 1024
"""Of a mandate unpacked; plans repeat themselves, so that one of a thousand databases fits a frame.
"""


class PlanWord(msgspec.Struct, frozen=True, kw_only=True):
    """`mandate`: the plan's own bytes and the signatures under it, packed; empty: nobody's."""

    run: str
    step: str
    mandate: str


def pack_mandate(mandate: Mandate) -> str:
    """Compressed, in base64."""
    return base64.b64encode(zlib.compress(msgspec.json.encode(mandate), 9)).decode()


def unpack_mandate(text: str) -> Mandate:
    """`BadMessage` where it is none, or too large."""
    if not text:
        raise BadMessage("it carries nobody's approval", field="mandate")
    try:
        unpacking = zlib.decompressobj()
        raw = unpacking.decompress(base64.b64decode(text, validate=True), MOST_BYTES)
        if unpacking.unconsumed_tail or not unpacking.eof:
            raise BadMessage(f"more than {MOST_BYTES} bytes, or cut off", field="mandate")
        return msgspec.json.decode(raw, type=Mandate)
    except (binascii.Error, ValueError, zlib.error, msgspec.MsgspecError, RecursionError) as error:
        raise BadMessage(f"no mandate: {error}", field="mandate") from error
