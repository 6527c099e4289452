"""Small marks that templates draw: glyphs, strokes, instants."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from django import template
from django.utils.dateparse import parse_datetime
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from dashboard.permissions import May
from dashboard.screen import Screen
from recovery.brief.losses import span as say_span
from recovery.brief.waves import spoken_seconds
from recovery.core.moments import part_of_second
from recovery.drp.facts import called

register = template.Library()
register.filter(called)

GLYPHS = {"down": "down", "risk": "at risk", "care": "maintenance", "unknown": "unknown"}
STROKES_SHOWN = 24
DOTS_SHOWN = 44


@register.simple_tag
def glyph(state: str, klass: str = "") -> str | SafeString:
    """The shape of a state with its word for readers; nothing when all is well."""
    if state not in GLYPHS:
        return ""
    return format_html(
        '<svg class="{}" role="img" aria-label="{}"><use href="#{}"/></svg>',
        klass,
        GLYPHS[state],
        state,
    )


@register.simple_tag
def mark(state: str) -> str | SafeString:
    """The shape alone, where the word stands beside it."""
    if state not in GLYPHS:
        return ""
    return format_html('<svg aria-hidden="true"><use href="#{}"/></svg>', state)


@register.simple_tag
def tally(running: int, arriving: int = 0) -> str | SafeString:
    """One stroke a container, arriving ones dashed; a wide host ends in a number."""
    if not running + arriving:
        return ""
    shown = min(running, STROKES_SHOWN)
    width = 4 * (shown + min(arriving, STROKES_SHOWN)) - 2
    old = "".join(f"M{4 * i + 1} 2v10" for i in range(shown))
    new = "".join(f"M{4 * i + 1} 1v12" for i in range(shown, shown + min(arriving, STROKES_SHOWN)))
    more = running - shown
    return format_html(
        '<svg class="tally" aria-hidden="true" viewBox="0 0 {} 14" width="{}">'
        '<path class="t-c" d="{}"/><path class="t-new" d="{}"/></svg>{}',
        width,
        width,
        old,
        new,
        format_html("<span>+{}</span>", more) if more else "",
    )


@register.simple_tag
def dots(count: int) -> str | SafeString:
    """One dot a thing, in two rows where there are many; the number beside it says how many."""
    shown = min(count, DOTS_SHOWN)
    rows = 1 if shown <= 10 else 2
    places = [(5 + 11 * (at // rows), 11 * (at % rows) + 5.5) for at in range(shown)]
    marks = format_html_join("", '<circle r="4" cx="{}" cy="{}"/>', places)
    width = 11 * (-(-shown // rows))
    return format_html(
        '<svg aria-hidden="true" width="{}" height="{}">{}</svg>', width, 11 * rows, marks
    )


@register.filter
def spoken(span: timedelta | None) -> str:
    """31 min, 22 h; "not known" for None."""
    if span is None:
        return "not known"
    return "nothing" if not span else say_span(span).replace(" ", "\u00a0")


@register.filter
def seconds(number: int | None) -> str:
    """41 s, 43 min; "not known" for None."""
    return "not known" if number is None else spoken_seconds(number).replace(" ", "\u00a0")


@register.simple_tag
def copies(primaries: int, standbys: int) -> str | SafeString:
    """One diamond a database: full where its primary is, hollow for a standby."""
    if not primaries + standbys:
        return ""
    full = min(primaries, STROKES_SHOWN)
    all_ = min(primaries + standbys, STROKES_SHOWN)
    return format_html(
        '<svg class="tally data" aria-hidden="true" viewBox="0 0 {} 14" width="{}">'
        '<path d="{}"/><path class="t-s" d="{}"/></svg>',
        8 * all_,
        8 * all_,
        "".join(f"M{8 * i + 4} 3.5l3.5 3.5-3.5 3.5-3.5-3.5z" for i in range(full)),
        "".join(f"M{8 * i + 4} 4l3 3-3 3-3-3z" for i in range(full, all_)),
    )


@register.simple_tag
def at(moment: datetime | None, form: str = "clock") -> str | SafeString:
    """An instant. `clock`: 03:07:44.7 · `minute`: 23 Nov 03:07:44 · `exact`: with its part of a
    second, if it has one, as a person wrote it · `since`: counts in the
    browser and reads as the instant without a script, as does `until`, which counts down ·
    `digits`: counts, and says nothing without a script: a time of day would read as a span."""
    if moment is None:
        return "–"
    iso = moment.isoformat(timespec="milliseconds")
    clock = f"{moment:%H:%M:%S}"
    tenth = f"{clock}.{moment.microsecond // 100_000}"
    if form == "since":
        return format_html('<time datetime="{}" data-since>since {}</time>', iso, clock)
    if form == "until":
        return format_html('<time datetime="{}" data-until>until {}</time>', iso, clock)
    if form == "digits":
        return format_html('<time datetime="{}" data-digits>–</time>', iso)
    if form in ("minute", "exact"):
        part = part_of_second(moment) if form == "exact" else ""
        whole = f"{moment:%d %b} {clock}{part}"
        return format_html('<time datetime="{}">{}</time>', iso, whole)
    day = f"{moment:%Y-%m-%d}"
    return format_html('<time datetime="{}" title="{}">{}</time>', iso, day, tenth)


_NAME = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)+")


@register.filter
def names(text: str) -> SafeString:
    """A sentence in which no name of a machine or a service breaks at its hyphens."""
    escaped = str(conditional_escape(text))
    return SafeString(_NAME.sub(r'<span class="name">\g<0></span>', escaped))


@register.filter
def counted(n: int, words: str) -> str:
    """`3|counted:"host,hosts"`: 3 hosts."""
    one, many = words.split(",")
    return f"{n} {one if n == 1 else many}"


@register.filter
def of(found: Mapping[str, object], key: str) -> object:
    """`owners|of:name`: what stands there under this name."""
    return found.get(key, "")


@register.filter
def can(screen: Screen, act: str) -> bool:
    """`screen|can:"acknowledge"`: whether this role may."""
    return screen.may(May(act))


@register.simple_tag
def took(start: datetime, end: datetime) -> str:
    """A span on a clock's face: 00:41, 1:02:03."""
    seconds = max(0, round((end - start).total_seconds()))
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


@register.filter
def at_most(number: int, most: int) -> int:
    """`140|at_most:100`: 100."""
    return min(number, most)


@register.filter
def moment(text: str) -> SafeString | str:
    """An instant that a plan wrote down."""
    return at(parse_datetime(text), "minute")


@register.filter
def minus(number: int, other: int) -> int:
    """`89|minus:58`: 31; never below nothing."""
    return max(0, number - other)


@register.filter
def span(seconds: float) -> str:
    """14 min 2 s, 3 h 36 min; below zero: how much beyond."""
    minutes, rest = divmod(round(abs(seconds)), 60)
    hours, more = divmod(minutes, 60)
    said = f"{minutes}\u00a0min {rest}\u00a0s" if minutes else f"{rest}\u00a0s"
    if hours:
        said = f"{hours}\u00a0h {more}\u00a0min"
    return f"{said} beyond" if seconds < 0 else said


@register.filter
def ended(text: str) -> str:
    """What a person wrote, with a full stop where it has no end: a sentence follows."""
    said = text.rstrip()
    return f"{said}." if said and said.rstrip("”’\"')")[-1:] not in tuple(".!?…") else said


@register.filter(name="open")
def unended(text: str) -> str:
    """Without its full stop: its sentence goes on."""
    return text.rstrip().removesuffix(".")
