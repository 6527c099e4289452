"""What people write to restore a database: from where, to which moment, and their word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django import forms

from dashboard.forms import Moment, Word
from recovery.core.moments import EXAMPLE, MINUTE, BadMoment, ends, read_moment, rounded_up
from recovery.restores.decide import SLACK
from recovery.restores.facts import Source
from recovery.restores.in_place import refuse_moment

SHORT = "%d %b %H:%M"
SHOWN_FIRST = (
    "Nothing was done yet. Above stands now what is lost with that moment: read it, and confirm it"
    " if it will do."
)
GONE = "It cannot be used any more: look again."


class ToMoment(Word):
    """A word about one moment of one source; the second person's names neither. `sources`: the
    best one first.

    Invariant: nobody agrees to the loss of a moment that they were not shown; a moment that cannot
    be had is refused, and is never the form's `moment`."""

    def __init__(self, name: str, first: str, sources: Sequence[Source], *args: object) -> None:
        super().__init__(name, first, *args)
        self._sources = {one.key: one for one in sources if one.at}

    def _add_moment(self, label: str, *, required: bool) -> None:
        self.fields["shown"] = forms.CharField(required=False, widget=forms.HiddenInput)
        self.fields["source"] = forms.ChoiceField(
            label="From",
            choices=[(one.key, _window(one)) for one in self._sources.values()],
            error_messages={"invalid_choice": GONE},
        )
        field = Moment(
            label=label,
            required=required,
            unsaid="Say which moment: the last one at which all was well.",
        )
        field.widget.attrs["placeholder"] = self._example()
        self.fields["to"] = field

    def _example(self) -> str:
        """One that can be had, so that who copies it is not refused."""
        best = next(iter(self._sources.values()), None)
        if best is None or best.at is None or best.opens is None:
            return EXAMPLE
        middle = best.opens + (best.at - best.opens) / 2
        cut = next((last for last, first in best.cuts if last < middle < first), middle)
        whole = max(cut.replace(microsecond=0), rounded_up(best.opens))
        return f"{min(whole, best.at):%Y-%m-%d %H:%M:%S}"

    @property
    def moment(self) -> datetime | None:
        """The one that was written, where it can be had."""
        found = getattr(self, "cleaned_data", {}).get("to")
        return found if isinstance(found, datetime) else None

    @property
    def is_refused(self) -> bool:
        """Whether the moment that was written cannot be had."""
        return "to" in self.errors

    def _others(self, source: Source) -> tuple[Source, ...]:
        return tuple(one for one in self._sources.values() if one.key != source.key)

    def clean(self) -> dict[str, object]:
        """Of another moment than the one that was shown its loss is shown first."""
        cleaned = super().clean()
        source = self._sources.get(str(cleaned.get("source")))
        if self.shown or self.is_refused or source is None:
            return cleaned
        if refusal := refuse_moment(source, self.moment, self._others(source)):
            self.add_error("to", refusal)
            cleaned.pop("to", None)
            return cleaned
        wanted = self.moment.isoformat() if self.moment else ""
        if cleaned.get("shown", "") == wanted:
            return cleaned
        self.data = {name: self.data[name] for name in self.data} | {"shown": wanted}
        raise forms.ValidationError(SHOWN_FIRST)


class RestoreWord(ToMoment):
    """What is restored, to which moment and where; the second person's word names none of it.
    `hosts`: (key, words), the best one first."""

    def __init__(
        self,
        name: str,
        first: str,
        sources: Sequence[Source],
        hosts: list[tuple[str, str]],
        *args: object,
    ) -> None:
        super().__init__(name, first, sources, *args)
        if first:
            return
        self.fields["quoted"] = forms.CharField(
            required=False, initial=self._quoted(), widget=forms.HiddenInput
        )
        self._add_moment("To an earlier moment, in UTC (empty: the newest)", required=False)
        self.fields["host"] = forms.ChoiceField(
            label="On", choices=hosts, error_messages={"invalid_choice": GONE}
        )

    def _quoted(self) -> str:
        return " ".join(
            f"{one.key}={one.at:%Y-%m-%dT%H:%M:%S.%fZ}" for one in self._sources.values()
        )

    def clean(self) -> dict[str, object]:
        """Nobody agrees to a loss that is worse by now than the one that they were shown."""
        cleaned = super().clean()
        source = self._sources.get(str(cleaned.get("source")))
        sent = str(cleaned.get("quoted", "")).split()
        shown = dict(one.split("=", 1) for one in sent if "=" in one)
        was = _quote(shown.get(source.key, "")) if source else None
        now = source.at if source else None
        if self.moment or now is None or was is None or now >= was - SLACK:
            return cleaned
        self.data = {name: self.data[name] for name in self.data} | {"quoted": self._quoted()}
        raise forms.ValidationError(
            "What would be lost is more by now than this page showed. Nothing was done: read it "
            "again, and confirm it if it will do."
        )


class BackInTime(ToMoment):
    """To which moment it goes back in its own place; the second person's word names none of it.
    `is_exact`: any moment of its sources can be had."""

    def __init__(
        self, name: str, first: str, sources: Sequence[Source], *args: object, is_exact: bool
    ) -> None:
        super().__init__(name, first, sources, *args)
        if not first:
            label = "Back to, in UTC" if is_exact else "Back to its last backup: leave this empty"
            self._add_moment(label, required=is_exact)


def _window(one: Source) -> str:
    """So short that a phone shows most of it; what is refused says it to the second."""
    at = f"{one.at:{SHORT}}" if one.at else "never"
    has = f"its backup of {at}"
    if one.opens and one.at:
        first = rounded_up(one.opens, MINUTE)
        is_short = first > one.at
        has = " to ".join(ends(one.opens, one.at)) if is_short else f"{first:{SHORT}} to {at}"
    return f"replica {one.number} ({one.store}), {has}"


def _quote(text: str) -> datetime | None:
    """As the page wrote it; None for whatever else came back."""
    try:
        return read_moment(text)
    except BadMoment:
        return None
