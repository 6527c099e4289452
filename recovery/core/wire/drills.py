"""What a drill host and a gateway say to each other, on a door of their own (`/drill`).

The drill host says who it is by a token that opens nothing else, and reports every second; the
gateway answers with the whole list of what is to stand there, whenever it is another one. What is
in no list is removed, and reported until nothing of it is left.

Invariant: a list bears its number; whoever has taken one takes no older one, so that what a report
of a number says is gone is never begun again by a list that was late.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec

from recovery.core.errors import BadMessage
from recovery.core.wire.backups import RestoreResult, RestoreSpec
from recovery.core.wire.databases import DatabaseSpec
from recovery.core.wire.frame import Frame, Whole
from recovery.core.wire.hosts import ContainerSpec
from recovery.core.wire.plans import PlanWord

MOST_BYTES = 4 * 1024 * 1024
"""Of one list: plans are carried in it."""
ANY_VOLUME = "/*"
"""In place of the volume in a signed folder: it is made for the drill, once people have signed."""
OWN = frozenset(
    {"replica", "database", "restore", "store", "placement", "container", "generation", "port"}
)
"""What of a thing is the drill's own: its names there, and where it is reached."""
DrillState = Literal["beginning", "stands", "failed", "refused"]


class DrillWish(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is to stand: a database restored from a store (`database`, `restore`), or an
    application (`container`). `name`: a folder here, the drill's own; `target`: its id in the plan;
    `word`: which of the list's words it rests on."""

    name: str
    target: str
    word: int
    database: DatabaseSpec | None = None
    restore: RestoreSpec | None = None
    container: ContainerSpec | None = None


def what_of(wish: DrillWish) -> dict[str, Any]:
    """What it brings about, part by part: all that is not as it is by itself, but for what is the
    drill's own. People sign it, and a host compares."""
    store = wish.restore.store if wish.restore else None
    parts = {
        "database": wish.database,
        "restore": wish.restore,
        "store": store,
        "container": wish.container,
    }
    return {
        part: _said(told, frozenset() if part == "store" else OWN)
        for part, told in parts.items()
        if told is not None
    }


def _said(told: msgspec.Struct, but: frozenset[str]) -> dict[str, Any]:
    every = [one for one in msgspec.structs.fields(told) if one.name not in but]
    pairs = [(one.name, getattr(told, one.name), _usual(one)) for one in every]
    meant = {name: value for name, value, usual in pairs if value != usual}
    said: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(meant))
    return said  # as a plan's bytes have it: its lists are no tuples


def _usual(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


class DrillList(Frame, frozen=True):
    """All that is to stand on this host. `incarnation`: of the rows that it was read from."""

    incarnation: Whole
    revision: Whole
    wishes: tuple[DrillWish, ...] = ()
    words: tuple[PlanWord, ...] = ()


class DrillFact(msgspec.Struct, frozen=True, kw_only=True):
    """One thing of the newest list. `is_up`: it was asked a moment ago, and answered; `result`: of
    a restore that was proven."""

    name: str
    state: DrillState
    is_up: bool = False
    said: str = ""
    result: RestoreResult | None = None


class DrillRemains(msgspec.Struct, frozen=True, kw_only=True):
    """What the disk and the table of processes have of one name, in words; whatever the list."""

    name: str
    what: tuple[str, ...]


class DrillReport(Frame, frozen=True):
    """As of the list that was taken last. `left`: everything of any drill that is here now;
    `trouble`: why it could not look everywhere: then nothing that is not in `left` is gone."""

    boot: str
    incarnation: Whole
    revision: Whole
    facts: tuple[DrillFact, ...] = ()
    left: tuple[DrillRemains, ...] = ()
    trouble: str = ""


Decoded = TypeVar("Decoded")
_lists: msgspec.json.Decoder[DrillList] = msgspec.json.Decoder(DrillList)
_reports: msgspec.json.Decoder[DrillReport] = msgspec.json.Decoder(DrillReport)


def decode_list(text: str | bytes) -> DrillList:
    """`BadMessage` where it is none: an order of production among them."""
    return _decoded(_lists, text, MOST_BYTES)


def decode_report(text: str | bytes) -> DrillReport:
    """`BadMessage` where it is none."""
    return _decoded(_reports, text, MOST_BYTES)


def _decoded(decoder: msgspec.json.Decoder[Decoded], text: str | bytes, most: int) -> Decoded:
    if len(text) > most:
        raise BadMessage(f"{len(text)} bytes, at most {most}", field="length")
    if "\\u0000" in (text if isinstance(text, str) else text.decode(errors="replace")):
        raise BadMessage("a NUL is no text", field="text")
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadMessage(str(error), field="drill") from error
