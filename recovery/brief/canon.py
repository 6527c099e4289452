"""What was shown as bytes that any tool makes again, their digest, and what changed. Pure.

Invariant: equal facts give equal bytes (RFC 8785), in whatever order they were read; there is no
fraction in them, so that no tool writes a number otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from recovery.brief.parts import Brief
from recovery.core import canonical as core

FORMAT = "tocsin brief 1"
Plain = None | bool | int | str | list["Plain"] | dict[str, "Plain"]
MOST_CHANGES = 30


def document(brief: Brief) -> dict[str, Plain]:
    """Everything that is shown, in plain types."""
    found = plain(brief)
    assert isinstance(found, dict)
    return {"format": FORMAT, **found}


def plain(value: object) -> Plain:
    """Instants in UTC with milliseconds, spans in milliseconds."""
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    return _scalar(value)


def _scalar(value: object) -> Plain:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value // timedelta(milliseconds=1)
    if isinstance(value, Enum):
        return str(value.value)
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"{type(value).__name__} has no canonical form.")


def canonical(content: Mapping[str, Plain]) -> str:
    """Its one spelling."""
    return core.canonical(dict(content)).decode()


def digest(text: str) -> str:
    """SHA-256 of these characters, in hex."""
    return core.digest(text.encode())


def glance(text: str) -> dict[str, Plain]:
    """What of a document a decision rests on, by part: whether it looks lost, what each database
    would lose at most and from where, what does not fit, what was said and decided. Not what grows
    or flickers while somebody reads: scores, promises that burn, seconds. Empty: it is none."""
    try:
        told = json.loads(text)
        return {
            "verdict": [told["site"], told["look"]],
            "losses": [_loss(one) for one in sorted(told["activate"]["losses"], key=_name)],
            "misfits": sorted(
                one["application"]
                for one in ((told["activate"]["fit"] or {}).get("misfits") or ())
                if not one["is_waiting"]
            ),
            "words": {
                "provider": _kept(told["wait"]["word"], "said", "cause"),
                "decided": _kept(told["decided"], "number", "choice"),
            },
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _name(one: dict[str, Plain]) -> str:
    return str(one["database"])


def _loss(one: dict[str, Plain]) -> dict[str, Plain]:
    """The source by its kind and number, the loss by its class."""
    lost = one["lost"]
    assert lost is None or isinstance(lost, int), "milliseconds"
    return {
        "database": one["database"],
        "way": one["way"],
        "source": one["source"],
        "loses": loss_class(lost),
    }


CLASSES = ((0, "nothing"), (60_000, "under a minute"), (3_600_000, "under an hour"))


def loss_class(lost_ms: int | None) -> str:
    """By how much a loss has to differ to be another one."""
    if lost_ms is None:
        return "not known"
    return next((word for most, word in CLASSES if lost_ms <= most), "an hour or more")


def _kept(one: dict[str, Plain] | None, *names: str) -> str | None:
    return None if one is None else ", ".join(str(one[name]) for name in names)


PART = 16


def seal(parts: Mapping[str, Plain]) -> str:
    """64 hex digits, a quarter for each of four parts: who has only them still learns which part is
    another one."""
    assert len(parts) == 4, "a quarter each"
    return "".join(core.digest(core.canonical([part]))[:PART] for part in parts.values())


def unlike(seen: str, parts: Mapping[str, Plain]) -> tuple[str, ...]:
    """Names of the parts that this seal was not made of."""
    now = seal(parts)
    return tuple(
        name
        for at, name in enumerate(parts)
        if seen[at * PART : (at + 1) * PART] != now[at * PART : (at + 1) * PART]
    )


def changes(before: str, after: str) -> tuple[str, ...]:
    """What differs between what was seen and what is, a sentence each; text that is no document of
    ours differs as a whole."""
    try:
        old, new = json.loads(before), json.loads(after)
    except ValueError:
        return ("What your page sent is not what it was shown.",)
    found = [said for said in _differences("", old, new)]
    more = len(found) - MOST_CHANGES
    return (*found[:MOST_CHANGES], *((f"and {more} more",) if more > 0 else ()))


def _differences(where: str, old: object, new: object) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            yield from _differences(_path(where, name), old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(where, old, new)
    elif old != new:
        yield f"{where}: {_short(old)} → {_short(new)}"


def _lists(where: str, old: list[object], new: list[object]) -> Iterator[str]:
    """By name where they have one, else by place."""
    was, now = _named(old), _named(new)
    for name in sorted({*was, *now}):
        yield from _differences(_path(where, name), was.get(name), now.get(name))


def _named(items: list[object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for place, one in enumerate(items):
        name = str(place)
        if isinstance(one, dict):
            name = next((str(one[key]) for key in NAMES if key in one), name)
        found[name if name not in found else f"{name} {place}"] = one
    return found


NAMES = ("database", "application", "site", "suspicion", "verb", "word", "name", "level")


def _path(where: str, name: str) -> str:
    return f"{where}, {name}" if where else name


def _short(value: object) -> str:
    if value is None:
        return "none"
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return said if len(said) <= 120 else f"{said[:117]}…"
