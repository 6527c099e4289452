"""The field in which people write a moment."""

from __future__ import annotations

import re
from datetime import datetime

from django import forms

from recovery.core.moments import REFUSAL, BadMoment, read_moment

_MINUTES = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d", re.ASCII)


class Moment(forms.Field):
    """In UTC. `minutes`: whole ones may be written without their seconds, as browsers do where
    they offer a calendar."""

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
