"""YAML as plain values with the place of each: bounded, and without what a runbook has no use for.

Invariants: what is refused is refused before it is built (a bomb costs no more than its bytes); no
alias, no tag, no second document, no key twice; a plain word is text unless it is a whole number,
true, false or null.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from recovery.core.texts import is_plain
from recovery.drp.runbooks.faults import BadRunbook, Fault, Place

MOST_BYTES = 256 * 1024
MOST_VALUES = 20_000
DEEPEST = 12
WHOLE = re.compile(r"^-?(0|[1-9][0-9]{0,11})$")
WORDS: Mapping[str, object] = {"true": True, "false": False, "null": None, "~": None, "": None}
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """`places`: of every value and, for a mapping's, of its key."""

    value: Any
    places: Mapping[Path, Place]

    def place_of(self, path: Path) -> Place:
        """Of this value, or of the nearest thing that holds it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(1, 1))


def read_yaml(raw: bytes, file: str) -> Document:
    """The one document in it; `BadRunbook` with the place where it cannot be taken."""
    if len(raw) > MOST_BYTES:
        raise BadRunbook(
            [Fault(file, Place(1, 1), "", f"It has {len(raw)} bytes.", f"{MOST_BYTES} at most")]
        )
    try:
        return _Builder(file).read(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        fault = Fault(file, Place(line, 1), "", "It is not UTF-8.", todo="Save it as UTF-8.")
        raise BadRunbook([fault]) from error
    except (YAMLError, ValueError) as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        said = (error.problem if isinstance(error, MarkedYAMLError) else "") or "unreadable"
        fault = Fault(file, place, "", f"This is no YAML: {said}.", todo="Look at the indentation.")
        raise BadRunbook([fault]) from error


class _Builder:
    """Values out of events, one pass; the parser is asked for no more than is taken."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.places: dict[Path, Place] = {}
        self.count = 0
        self.documents = 0

    def read(self, text: str) -> Document:
        events = self._checked(YAML(typ="safe", pure=True).parse(text))
        value = next((self._value(one, events, ()) for one in events), None)
        for _ in events:
            pass
        return Document(value, self.places)

    def _checked(self, events: Iterator[Event]) -> Iterator[Event]:
        """Only events that hold something, and none that is refused."""
        depth = 0
        for event in events:
            if isinstance(event, MappingEndEvent | SequenceEndEvent):
                depth -= 1
            if isinstance(event, MappingStartEvent | SequenceStartEvent):
                depth += 1
            self._refuse(event, depth)
            if isinstance(
                event,
                ScalarEvent
                | MappingStartEvent
                | SequenceStartEvent
                | MappingEndEvent
                | SequenceEndEvent,
            ):
                yield event

    def _refuse(self, event: Event, depth: int) -> None:
        self.count += 1
        self.documents += isinstance(event, DocumentStartEvent)
        is_named = isinstance(event, AliasEvent) or getattr(event, "anchor", None)
        is_tagged = isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent) and (
            event.tag is not None
        )
        is_turned = isinstance(event, ScalarEvent) and not is_plain(event.value)
        no = (
            (depth > DEEPEST, f"It is nested deeper than {DEEPEST} levels."),
            (self.count > MOST_VALUES, f"It holds more than {MOST_VALUES} values."),
            (self.documents > 1, "It holds a second document."),
            (bool(is_named), "Anchors and aliases (& and *) are not taken: write it out."),
            (is_tagged, "Tags (!) are not taken."),
            (is_turned, "An invisible character here turns the direction of text: take it out."),
        )
        wrong = next((said for holds, said in no if holds), "")
        if wrong:
            raise BadRunbook([Fault(self.file, _place(event), "", wrong)])

    def _value(self, event: Event, events: Iterator[Event], path: Path) -> object:
        self.places.setdefault(path, _place(event))
        if isinstance(event, MappingStartEvent):
            return self._mapping(events, path)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(events, path)
        assert isinstance(event, ScalarEvent), "nothing else is left"
        return _scalar(event)

    def _mapping(self, events: Iterator[Event], path: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for event in events:
            if isinstance(event, MappingEndEvent):
                break
            if not isinstance(event, ScalarEvent):
                raise self._fault(event, path, "The name of a field is a plain word.")
            key = str(event.value)
            if key in found:
                raise self._fault(event, path, f"{key} stands here twice.")
            self.places[(*path, key)] = _place(event)
            found[key] = self._value(next(events), events, (*path, key))
        return found

    def _sequence(self, events: Iterator[Event], path: Path) -> list[object]:
        found: list[object] = []
        for event in events:
            if isinstance(event, SequenceEndEvent):
                break
            found.append(self._value(event, events, (*path, len(found))))
        return found

    def _fault(self, event: Event, path: Path, wrong: str) -> BadRunbook:
        return BadRunbook([Fault(self.file, _place(event), written(path), wrong)])


def _scalar(event: ScalarEvent) -> object:
    text = str(event.value)
    if event.style is not None:  # quoted, or a block: text
        return text
    if text in WORDS:
        return WORDS[text]
    return int(text) if WHOLE.match(text) else text


def _place(event: Event) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def written(path: Path) -> str:
    """steps[2].timeout"""
    said = ""
    for part in path:
        said += f"[{part}]" if isinstance(part, int) else f".{part}" if said else part
    return said
