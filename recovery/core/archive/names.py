"""The names of an archive's objects, which alone tell what can be restored.

    <database>/<system>/base/<backup>/part-NNNNN
    <database>/<system>/base/<backup>/manifest-<timeline>-<start>-<stop>-<parts>@<moment>
    <database>/<system>/snapshot/<backup>/part-NNNNN
    <database>/<system>/snapshot/<backup>/manifest-<parts>@<moment>
    <database>/<system>/wal/<timeline>/<from>-<to>@<moment>
    <database>/<system>/wal/<timeline>/history-<parent>-<switch>

Timelines are 8 hex digits, positions of the log 16, moments 13 decimal digits: milliseconds since
1970 by the server's own clock. So names in their order are chunks in their order.

Invariants: a name is parsed to what it was formatted from, or to None. A chunk holds the bytes
[from, to) of its timeline, and every commit that was acknowledged up to its moment lies before
`to`; moment 0 says that nothing is proven. A base's moment is read after its last byte: every
moment from then on can be asked for. A snapshot's moment is read before its first byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SEGMENT = 16 * 1024 * 1024
"""A chain begins where a segment of the log does; other sizes are not archived."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STAMP = "%Y%m%dT%H%M%SZ"
_PREFIX = r"(?P<database>[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)/(?P<system>[A-Za-z0-9_-]{1,64})"
_BACKUP = r"(?P<backup>\d{8}T\d{6}Z-[0-9a-f]{4})"
_TIMELINE, _LSN, _MOMENT = r"[0-9A-F]{8}", r"[0-9A-F]{16}", r"\d{13}"
_PART = re.compile(rf"{_PREFIX}/(?P<kind>base|snapshot)/{_BACKUP}/part-(?P<number>\d{{5}})")
_BASE = re.compile(
    rf"{_PREFIX}/base/{_BACKUP}/manifest-(?P<timeline>{_TIMELINE})-(?P<start>{_LSN})"
    rf"-(?P<stop>{_LSN})-(?P<parts>\d{{5}})@(?P<moment>{_MOMENT})"
)
_SNAPSHOT = re.compile(
    rf"{_PREFIX}/snapshot/{_BACKUP}/manifest-(?P<parts>\d{{5}})@(?P<moment>{_MOMENT})"
)
_CHUNK = re.compile(
    rf"{_PREFIX}/wal/(?P<timeline>{_TIMELINE})/(?P<start>{_LSN})-(?P<stop>{_LSN})"
    rf"@(?P<moment>{_MOMENT})"
)
_HISTORY = re.compile(
    rf"{_PREFIX}/wal/(?P<timeline>{_TIMELINE})/history-(?P<parent>{_TIMELINE})"
    rf"-(?P<switch>{_LSN})"
)


def milliseconds(moment: datetime | None) -> int:
    """None, which is nothing proven, is 0."""
    return 0 if moment is None else (moment - _EPOCH) // timedelta(milliseconds=1)


def instant(milliseconds: int) -> datetime | None:
    """The moment of a name; None for 0."""
    return _EPOCH + timedelta(milliseconds=milliseconds) if milliseconds else None


def lsn_text(position: int) -> str:
    """As PostgreSQL writes it: 0/3000000."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def lsn_number(text: str) -> int:
    """Of 0/3000000."""
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def segment_start(position: int) -> int:
    """Where the segment that holds this position begins."""
    return position - position % SEGMENT


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One database of one system: what belongs to one history of the data."""

    database: str
    system: str

    @property
    def prefix(self) -> str:
        return f"{self.database}/{self.system}/"


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A sealed piece of a base backup or of a snapshot."""

    line: Line
    kind: str
    backup: str
    number: int

    def __str__(self) -> str:
        return f"{self.line.prefix}{self.kind}/{self.backup}/part-{self.number:05d}"


@dataclass(frozen=True, slots=True, order=True)
class ManifestName:
    """Written last: without it there is no backup. `kind` snapshot has no log: all zero."""

    line: Line
    kind: str
    backup: str
    timeline: int
    start: int
    stop: int
    parts: int
    moment: datetime | None

    def __str__(self) -> str:
        where = ""
        if self.kind == "base":
            where = f"{self.timeline:08X}-{self.start:016X}-{self.stop:016X}-"
        name = f"manifest-{where}{self.parts:05d}@{milliseconds(self.moment):013d}"
        return f"{self.line.prefix}{self.kind}/{self.backup}/{name}"

    def part(self, number: int) -> Part:
        return Part(self.line, self.kind, self.backup, number)


@dataclass(frozen=True, slots=True)
class Chunk:
    """The bytes [start, stop) of a timeline; where both are one, a mark without bytes."""

    line: Line
    timeline: int
    start: int
    stop: int
    moment: datetime | None

    @property
    def order(self) -> tuple[int, int, int]:
        return self.start, self.stop, milliseconds(self.moment)

    def __str__(self) -> str:
        where = f"{self.start:016X}-{self.stop:016X}@{milliseconds(self.moment):013d}"
        return f"{self.line.prefix}wal/{self.timeline:08X}/{where}"


@dataclass(frozen=True, slots=True, order=True)
class History:
    """Where a timeline left its parent; the object is PostgreSQL's history file."""

    line: Line
    timeline: int
    parent: int
    switch: int

    def __str__(self) -> str:
        name = f"history-{self.parent:08X}-{self.switch:016X}"
        return f"{self.line.prefix}wal/{self.timeline:08X}/{name}"


Name = Part | ManifestName | Chunk | History


def parse(name: str) -> Name | None:
    """What an object of this name is; None for what is none of ours."""
    if found := _PART.fullmatch(name):
        return Part(_line(found), found["kind"], found["backup"], int(found["number"]))
    if found := _CHUNK.fullmatch(name):
        return _chunk(found)
    if found := _HISTORY.fullmatch(name):
        numbers = (int(found[each], 16) for each in ("timeline", "parent", "switch"))
        return History(_line(found), *numbers)
    return _manifest(name)


def _line(found: re.Match[str]) -> Line:
    return Line(found["database"], found["system"])


def _chunk(found: re.Match[str]) -> Chunk | None:
    timeline, start, stop = (int(found[each], 16) for each in ("timeline", "start", "stop"))
    if stop < start:
        return None
    return Chunk(_line(found), timeline, start, stop, instant(int(found["moment"])))


def _manifest(name: str) -> ManifestName | None:
    found, kind, numbers = _BASE.fullmatch(name), "base", (0, 0, 0)
    if found:
        numbers = tuple(int(found[each], 16) for each in ("timeline", "start", "stop"))  # type: ignore[assignment]
    else:
        found, kind = _SNAPSHOT.fullmatch(name), "snapshot"
    if not found:
        return None
    moment = instant(int(found["moment"]))
    return ManifestName(_line(found), kind, found["backup"], *numbers, int(found["parts"]), moment)


def backup_name(begun: datetime, random: str) -> str:
    """`random`: four hex digits, so that two of one second are two."""
    return f"{begun.astimezone(UTC).strftime(_STAMP)}-{random}"


def begun_at(backup: str) -> datetime | None:
    """When a backup of this name was begun; None when it names no instant."""
    try:
        return datetime.strptime(backup[:16], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
