"""What people write: checked once, for pages and API alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from django import forms

from recovery.brief.facts import Cause
from recovery.brief.screens import CAUSES
from recovery.core.moments import REFUSAL, BadMoment, read_moment

_MINUTES = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d", re.ASCII)


class Moment(forms.Field):
    """A moment, read in UTC. `minutes`: whole ones may be written without their seconds, as
    browsers do where they offer a calendar."""

    def __init__(
        self, *, label: str, required: bool = True, minutes: bool = False, unsaid: str = ""
    ) -> None:
        shown = {"type": "datetime-local"} if minutes else {}
        super().__init__(
            required=required,
            label=label,
            widget=forms.TextInput(attrs={"autocomplete": "off"} | shown),
            error_messages={"required": unsaid or REFUSAL},
        )
        self._minutes = minutes

    def to_python(self, value: object) -> datetime | None:
        """None for an empty one."""
        text = str(value or "").strip()
        if not text:
            return None
        if self._minutes and _MINUTES.fullmatch(text):
            text = f"{text}:00"
        try:
            return read_moment(text)
        except BadMoment as error:
            raise forms.ValidationError(str(error)) from error


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

    until = Moment(
        label="Until, in UTC",
        minutes=True,
        unsaid="Say until when: then somebody looks again.",
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
    said_at = Moment(label="When, in UTC (empty: just now)", required=False, minutes=True)
    until = Moment(
        label="It expects service at, in UTC (empty: it gave no time)", required=False, minutes=True
    )
