"""What agents of one database write to each other: MAC and protection against repetition. Pure.

Invariant: a question counts once, from a member that knows the database's secret, to the replica
that it names; an answer counts for that question alone.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TypeVar

import msgspec

from recovery.core.errors import BadMessage
from recovery.core.wire import derive_secret

MAC_HEADER = "x-tocsin-mac"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A primary asks a standby's agent not to be promoted for `span` seconds from now (B6); 0 only
    greets. (`incarnation`, `number`) rises with every question of this replica."""

    replica: str
    to: str
    epoch: int
    incarnation: int
    number: int
    span: float


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`number` repeats the question's."""

    replica: str
    number: int
    promised: bool
    reason: str = ""


def mac(secret: str, body: bytes) -> str:
    """Proves that the writer knows the database's secret."""
    return hmac.new(derive_secret(secret, "peer key"), body, hashlib.sha256).hexdigest()


def sealed(secret: str, letter: Question | Answer) -> tuple[bytes, str]:
    body = msgspec.json.encode(letter)
    return body, mac(secret, body)


def read_question(secret: str, body: bytes, seal: str) -> Question:
    _check(secret, body, seal)
    return _decoded(body, Question)


def read_answer(secret: str, body: bytes, seal: str) -> Answer:
    _check(secret, body, seal)
    return _decoded(body, Answer)


def _check(secret: str, body: bytes, seal: str) -> None:
    if not hmac.compare_digest(mac(secret, body), seal):
        raise BadMessage("not from a member of this database", field=MAC_HEADER)


_Letter = TypeVar("_Letter", Question, Answer)


def _decoded(body: bytes, kind: type[_Letter]) -> _Letter:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise BadMessage(str(error), field="body") from error
