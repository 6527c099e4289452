"""What people write: checked once, for pages and API alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django import forms
from django.utils.dateparse import parse_datetime

from recovery.brief.facts import Cause
from recovery.brief.screens import CAUSES
from recovery.restores.decide import SLACK
from recovery.restores.facts import Source
from recovery.restores.in_place import refuse_moment

SHORT = "%d %b %H:%M"


class Reason(forms.Form):
    """Why something is done: it stands in the log."""

    reason = forms.CharField(
        max_length=300,
        min_length=3,
        label="Why",
        error_messages={"required": "Say why: the log keeps it."},
    )


class Note(forms.Form):
    """A line of the story in a person's own words."""

    text = forms.CharField(
        max_length=300,
        label="Note",
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "The note is empty; nothing was added."},
    )


class TypedName(Reason):
    """A grave act: the name of what it hits, typed by hand."""

    def __init__(self, name: str, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as the parent takes them
        self.name = name
        self.fields["typed"] = forms.CharField(label=f"Type {name}")

    def clean_typed(self) -> str:
        typed = str(self.cleaned_data["typed"])
        if typed != self.name:
            raise forms.ValidationError(f"This is not {self.name}; nothing was done.")
        return typed


class Settle(Reason):
    """Goes on with restored rows; each host that was not heard is named by hand."""

    number = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, number: int, silent: Sequence[str], *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as the parent takes them
        self.fields["number"].initial = number
        if silent:
            self.fields["without"] = forms.MultipleChoiceField(
                label="I know that these were not heard",
                choices=[(name, name) for name in silent],
                widget=forms.CheckboxSelectMultiple,
                error_messages={"required": "Name each that was not heard, or wait for it."},
            )


class Word(TypedName):
    """One of two people's words: `first` is the id of the first one, as the screen showed it."""

    def __init__(self, name: str, first: str, *args: object, **kwargs: object) -> None:
        super().__init__(name, *args, **kwargs)
        self.shown = first
        self.fields["first"] = forms.CharField(
            required=False, initial=first, widget=forms.HiddenInput
        )

    def clean(self) -> dict[str, object]:
        """Nobody confirms what they did not see, or asks for what is asked already."""
        cleaned = dict(super().clean() or self.cleaned_data)
        sent = cleaned.get("first", "")
        if sent == self.shown:
            return cleaned
        self.data = {name: self.data[name] for name in self.data} | {
            "first": self.shown
        }  # what is drawn next shows this one
        if not sent:
            raise forms.ValidationError(
                "Somebody gave the first word since you opened this page. Nothing was done: read "
                "theirs, and confirm it if it is true."
            )
        raise forms.ValidationError(
            "The first word that you saw is no longer the open one: it ran out, was used, or "
            f"another took its place. Nothing was done{'.' if self.shown else '; ask anew.'}"
        )


class Move(Word):
    """Where a starter database goes with its disk; the second person's word names no host."""

    def __init__(
        self, name: str, first: str, hosts: list[str], *args: object, **kwargs: object
    ) -> None:
        super().__init__(name, first, *args, **kwargs)
        if not hosts:
            return
        self.fields["host"] = forms.ChoiceField(
            label="Host with its disk",
            choices=[(host, host) for host in hosts],
            error_messages={
                "required": "Choose the host that gets its disk.",
                "invalid_choice": "%(value)s cannot take it: it is not alive there.",
            },
        )


class Choose(Word):
    """Which copy leads next though it is refused; each choice is the digest of what stood on the
    page, so that nobody agrees to what they did not see."""

    def __init__(
        self, name: str, first: str, copies: list[tuple[str, str]], *args: object, **kwargs: object
    ) -> None:
        super().__init__(name, first, *args, **kwargs)
        self.fields["digest"] = forms.ChoiceField(
            label="Promote",
            choices=copies,
            error_messages={
                "required": "Choose which one leads next.",
                "invalid_choice": "What is known of it has changed since you read it. Nothing was "
                "done: read it again.",
            },
        )
        if len(copies) == 1:
            # one choice is no choice; what it is bound to still has to come back
            self.fields["digest"].widget = forms.HiddenInput()
            self.fields["digest"].initial = copies[0][0]

    def clean(self) -> dict[str, object]:
        """What is drawn next shows what is so now."""
        cleaned = super().clean()
        field = self.fields["digest"]
        if "digest" in self.errors and field.initial:
            self.data = {name: self.data[name] for name in self.data} | {"digest": field.initial}
            raise forms.ValidationError(self.errors["digest"][0])
        return cleaned


class RestoreWord(Word):
    """What is restored, to which moment and where; the second person's word names none of it.
    `sources`, `hosts`: (key, words), the best one first; `upto`: how far each source goes now."""

    def __init__(
        self,
        name: str,
        first: str,
        sources: list[tuple[str, str]],
        hosts: list[tuple[str, str]],
        upto: Mapping[str, datetime],
        *args: object,
        **kwargs: object,
    ) -> None:
        super().__init__(name, first, *args, **kwargs)
        self._upto = upto
        if first:
            return
        self.fields["quoted"] = forms.CharField(
            required=False, initial=self._quoted(), widget=forms.HiddenInput
        )
        gone = "It cannot be used any more: look again."
        self.fields["source"] = forms.ChoiceField(
            label="From", choices=sources, error_messages={"invalid_choice": gone}
        )
        self.fields["host"] = forms.ChoiceField(
            label="On", choices=hosts, error_messages={"invalid_choice": gone}
        )
        self.fields["to"] = forms.DateTimeField(
            required=False,
            label="To an earlier moment, in UTC (empty: the newest)",
            widget=forms.DateTimeInput(attrs={"placeholder": "2026-11-28 18:00:00"}),
            error_messages={"invalid": "Write it like 2026-11-28 18:00:00."},
        )

    def _quoted(self) -> str:
        return " ".join(f"{key}={at.isoformat()}" for key, at in self._upto.items())

    def clean(self) -> dict[str, object]:
        """Nobody agrees to a loss that is worse by now than the one that they were shown."""
        cleaned = super().clean()
        source = str(cleaned.get("source", ""))
        sent = str(cleaned.get("quoted", "")).split()
        shown = dict(one.split("=", 1) for one in sent if "=" in one)
        now, was = self._upto.get(source), _instant(shown.get(source, ""))
        if cleaned.get("to") or now is None or was is None or now >= was - SLACK:
            return cleaned
        self.data = {name: self.data[name] for name in self.data} | {"quoted": self._quoted()}
        raise forms.ValidationError(
            "What would be lost is more by now than this page showed. Nothing was done: read it "
            "again, and confirm it if it will do."
        )


class BackInTime(Word):
    """To which moment it goes back in its own place; the second person's word names none of it.
    `sources`: the best one first. `is_exact`: any moment of theirs can be had."""

    def __init__(
        self,
        name: str,
        first: str,
        sources: Sequence[Source],
        *args: object,
        is_exact: bool,
        **kwargs: object,
    ) -> None:
        super().__init__(name, first, *args, **kwargs)
        self._sources = {one.key: one for one in sources}
        if first:
            return
        self.fields["shown"] = forms.CharField(required=False, widget=forms.HiddenInput)
        self.fields["source"] = forms.ChoiceField(
            label="From",
            choices=[(one.key, _window(one)) for one in sources],
            error_messages={"invalid_choice": "It cannot be used any more: look again."},
        )
        self.fields["to"] = forms.DateTimeField(
            required=is_exact,
            label="Back to, in UTC" if is_exact else "Back to its last backup: leave this empty",
            widget=forms.DateTimeInput(attrs={"placeholder": "2026-11-28 18:00:00"}),
            error_messages={
                "invalid": "Write it like 2026-11-28 18:00:00.",
                "required": "Say which moment: the last one at which all was well.",
            },
        )

    @property
    def moment(self) -> datetime | None:
        """The one that was written, where it can be had."""
        found = getattr(self, "cleaned_data", {}).get("to")
        return found if isinstance(found, datetime) else None

    def clean(self) -> dict[str, object]:
        """Nobody agrees to a loss that they were not shown: of another moment it is shown first."""
        cleaned = super().clean()
        if self.shown or self.errors:
            return cleaned
        source, to = self._sources[str(cleaned["source"])], self.moment
        if refusal := refuse_moment(source, to):
            self.add_error("to", refusal)
            return cleaned
        wanted = to.isoformat() if to else ""
        if cleaned.get("shown") == wanted:
            return cleaned
        self.data = {name: self.data[name] for name in self.data} | {"shown": wanted}
        raise forms.ValidationError(
            "Nothing was done yet. Above stands now what is lost with that moment: read it, and "
            "confirm it if it will do."
        )


def _window(one: Source) -> str:
    """So short that a phone shows most of it; what is refused says it to the second."""
    at = f"{one.at:{SHORT}}" if one.at else "never"
    has = f"{one.opens:{SHORT}} to {at}" if one.opens else f"its backup of {at}"
    return f"replica {one.number} ({one.store}), {has}"


def _instant(text: str) -> datetime | None:
    """As the page wrote it; None for whatever else came back."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found and found.tzinfo else None


class Seat(Reason):
    """Where a standby is made, and why."""

    def __init__(self, hosts: list[str], *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as the parent takes them
        self.fields["host"] = forms.ChoiceField(
            label="On",
            choices=[(name, name) for name in hosts],
            error_messages={
                "required": "Choose the host that gets it.",
                "invalid_choice": "%(value)s cannot take it.",
            },
        )


class Switchover(Reason):
    """Which standby leads next, and why."""

    def __init__(self, targets: list[str], *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as the parent takes them
        self.fields["target"] = forms.ChoiceField(
            label="New primary",
            choices=[(name, name) for name in targets],
            error_messages={
                "required": "Choose who leads next.",
                "invalid_choice": "No standby that could lead is on %(value)s.",
            },
        )


class Bound(Reason):
    """A decision about what was shown: `seen` is its canonical JSON."""

    seen = forms.CharField(widget=forms.HiddenInput, strip=False)

    def bind_to(self, text: str) -> None:
        """What is drawn next shows this, whatever was sent."""
        self.initial["seen"] = text
        if self.is_bound:
            self.data = {name: self.data[name] for name in self.data} | {"seen": text}


class Activate(TypedName, Bound):
    """The datacenter's name, typed by hand."""


class WaitUntil(Bound):
    """When somebody looks again."""

    until = forms.DateTimeField(
        label="Until, in UTC",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        error_messages={
            "required": "Say until when: then somebody looks again.",
            "invalid": "Write it like 2026-11-29 15:00.",
        },
    )


class Said(forms.Form):
    """What a provider said; without a time of saying: just now."""

    said = forms.CharField(
        max_length=500,
        label="What was said",
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Write what was said."},
    )
    source = forms.CharField(
        max_length=120,
        label="Who said so",
        error_messages={"required": "Say who said so: a name, a status page."},
    )
    cause = forms.ChoiceField(
        label="What it is",
        required=False,
        choices=[(str(cause), CAUSES[cause].capitalize()) for cause in Cause],
    )
    said_at = forms.DateTimeField(
        required=False,
        label="When, in UTC (empty: just now)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        error_messages={"invalid": "Write it like 2026-11-29 15:00."},
    )
    until = forms.DateTimeField(
        required=False,
        label="It expects service at, in UTC (empty: it gave no time)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        error_messages={"invalid": "Write it like 2026-11-29 15:00."},
    )
