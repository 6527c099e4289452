"""A file becomes a runbook, or a list of all that is wrong with it, each with its place. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from recovery.drp.runbooks import graph, kinds, schema
from recovery.drp.runbooks.faults import BadRunbook, Fault
from recovery.drp.runbooks.schema import Runbook
from recovery.drp.runbooks.spans import ALLOWED
from recovery.drp.runbooks.yaml import Document, Path, read_yaml, written

SAID: Mapping[str, tuple[str, str]] = {
    "missing": ("This field is missing here.", ""),
    "union_tag_not_found": ("Nothing says of what kind this is.", ""),
    "string_type": ("This is no text.", "text, in quotes where it looks like a number"),
    "int_type": ("This is no whole number.", "digits"),
    "int_parsing": ("This is no whole number.", "digits"),
    "tuple_type": ("This is no list.", "a list, each entry behind a dash"),
    "model_type": ("This is no mapping.", "names with their values, one a line"),
    "model_attributes_type": ("This is no mapping.", "names with their values, one a line"),
    "string_too_short": ("This is empty.", "a text that says something"),
    "date_from_datetime_parsing": ("This is no day.", "a day, as 2026-11-29"),
    "date_from_datetime_inexact": ("This is no day.", "a day, as 2026-11-29"),
    "date_parsing": ("This is no day.", "a day, as 2026-11-29"),
    "date_type": ("This is no day.", "a day, as 2026-11-29"),
}
"""What pydantic calls it, in our words: (what is wrong, what is allowed)."""
UNIONS = frozenset({"date", "literal['never']"})
"""Pydantic puts the member of a union that it tried into the place of an error."""


def read_runbook(raw: bytes, file: str) -> Runbook:
    """`BadRunbook` names everything that is wrong in it."""
    document = read_yaml(raw, file)
    try:
        runbook = Runbook.model_validate_json(json.dumps(document.value))
    except ValidationError as error:
        raise BadRunbook(_faults(document, error, file)) from error
    found = [
        Fault(file, document.place_of(wrong.path), written(wrong.path), wrong.said, todo=wrong.todo)
        for wrong in graph.wrongs(runbook)
    ]
    if found:
        raise BadRunbook(found)
    return runbook


@lru_cache(maxsize=64)
def reread_runbook(raw: bytes, file: str) -> Runbook:
    """One that was taken before, as its row has it: a run looks at it many times a minute,
    and its bytes say the same each time."""
    return read_runbook(raw, file)


def _faults(document: Document, error: ValidationError, file: str) -> list[Fault]:
    found: dict[Path, Fault] = {}
    for each in error.errors(include_url=False):
        path = _path(document.value, each["loc"])
        wrong, allowed = _sentence(each, path)
        found.setdefault(
            path, Fault(file, document.place_of(path), written(path), wrong, allowed, _todo(each))
        )
    return list(found.values())


def _path(value: Any, loc: tuple[str | int, ...]) -> Path:
    """Where it stands in the file: without the names of classes that pydantic puts in between."""
    path: list[str | int] = []
    for at, part in enumerate(loc):
        is_last = at == len(loc) - 1
        if isinstance(value, dict) and isinstance(part, str):
            if part not in value and not is_last:
                continue
            if part not in value and part in UNIONS:
                continue
            path.append(part)
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            path.append(part)
            value = value[part]
    return tuple(path)


def _sentence(each: ErrorDetails, path: Path) -> tuple[str, str]:
    """(what is wrong, what is allowed)"""
    kind, context, given = each["type"], each.get("ctx", {}), each["input"]
    if kind == "value_error":
        wrong, _, allowed = str(context["error"]).partition(" Allowed: ")
        return wrong, allowed.rstrip(".")
    if kind in SAID:
        return SAID[kind]
    match kind:
        case "extra_forbidden":
            said = f"{path[-1]} is no field that is known here.", _near(str(path[-1]), path)
        case "literal_error" | "enum":
            said = f"{given!r} is not known here.", str(context["expected"])
        case "union_tag_invalid":
            said = f"{context['tag']!r} is no kind of step.", str(context["expected_tags"])
        case "string_pattern_mismatch":
            said = f"{given!r} cannot be used here.", f"what fits {context['pattern']}"
        case _:
            said = f"{each['msg']}.", ""
    return said


def _todo(each: ErrorDetails) -> str:
    if each["type"] == "missing":
        return f"Add {each['loc'][-1]}{': ' + ALLOWED if each['loc'][-1] == 'timeout' else ''}."
    if each["type"] == "extra_forbidden":
        return "Remove it, or correct its name."
    return ""


def _near(name: str, path: Path) -> str:
    """The field that was probably meant, else all that are known where it stands."""
    known = sorted(_fields(path))
    return " or ".join(difflib.get_close_matches(name, known, n=2)) or ", ".join(known)


def _fields(path: Path) -> set[str]:
    parts = [part for part in path[:-1] if isinstance(part, str)]
    if not parts:
        return set(Runbook.model_fields)
    by_name: dict[str, tuple[type[BaseModel], ...]] = {
        "plan": (schema.Preamble,),
        "services": (schema.Service,),
        "contacts": (schema.Contact,),
        "steps": (schema.Step,),
        "approval": (kinds.Approval,),
        "select": (kinds.Select,),
        "gate": (kinds.Gate,),
        "do": tuple(_members()),
    }
    return {name for model in by_name.get(parts[-1], ()) for name in model.model_fields}


def _members() -> Iterator[type[BaseModel]]:
    union, _ = get_args(schema.Act)
    yield from get_args(union)
