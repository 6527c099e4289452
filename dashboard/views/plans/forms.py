"""What people write about runbooks and after runs."""

from __future__ import annotations

from collections.abc import Sequence

from django import forms


class Finding(forms.Form):
    """A to-do, whose, by when."""

    said = forms.CharField(
        max_length=500,
        label="What is to be done",
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Say what is to be done."},
    )
    due = forms.DateField(
        label="By when",
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"required": "Name a day.", "invalid": "A day reads 2026-12-24."},
    )

    def __init__(self, people: Sequence[str], *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as the parent takes them
        self.fields["owner"] = forms.ChoiceField(
            label="Who sees to it",
            choices=[(name, name) for name in people],
            error_messages={
                "required": "Name somebody.",
                "invalid_choice": "%(value)s is nobody who is let in.",
            },
        )
        self.order_fields(["said", "owner", "due"])


class Closing(forms.Form):
    """What shows that it is done."""

    proof = forms.CharField(
        max_length=500,
        label="What shows that it is done",
        error_messages={"required": "Say what shows that it is done; it stays open."},
    )


class Text(forms.Form):
    """A runbook as it is typed. `base`: the newest version that its writer saw."""

    text = forms.CharField(
        label="The runbook",
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 32, "spellcheck": "false", "autocomplete": "off", "wrap": "off"}
        ),
        error_messages={"required": "It is empty."},
    )
    reason = forms.CharField(max_length=300, required=False, label="What you change, and why")
    base = forms.IntegerField(widget=forms.HiddenInput)

    def clean_text(self) -> str:
        """Lines end as in the files, and the last one ends."""
        text = str(self.cleaned_data["text"]).replace("\r\n", "\n")
        return text if text.endswith("\n") else f"{text}\n"


class Review(forms.Form):
    """The second person's word, bound to what was on the screen: `seen`, the digest of what is
    proposed, and `over`, the version in force that it was compared with."""

    reason = forms.CharField(
        max_length=300,
        min_length=3,
        label="What you looked at",
        error_messages={"required": "Say what you looked at: the log keeps it."},
    )
    seen = forms.CharField(widget=forms.HiddenInput)
    over = forms.IntegerField(widget=forms.HiddenInput)
