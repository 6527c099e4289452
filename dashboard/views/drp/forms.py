"""What people write on the pages of a run."""

from __future__ import annotations

from collections.abc import Sequence

from django import forms

from dashboard.forms import Moment, Reason, TypedName
from recovery.drp.approvals.facts import RULES, Rule
from recovery.drp.facts import Mode
from recovery.drp.planning.leaving import Leaving
from recovery.drp.views.lent import Taker


class Lend(Reason):
    """Who is lent which role, until when. What is chosen is looked at where it is done: the reasons
    are said there."""

    field_order = ("taker", "role", "until", "reason")
    taker = forms.CharField(
        max_length=120,
        label="To whom",
        widget=forms.Select,
        error_messages={"required": "Choose to whom."},
    )
    role = forms.CharField(
        max_length=20,
        label="Which role",
        widget=forms.Select,
        error_messages={"required": "Choose which role."},
    )
    until = Moment(
        label="Until, in UTC",
        minutes=True,
        unsaid="Say until when: then it ends by itself.",
    )

    def __init__(
        self, takers: Sequence[Taker], roles: Sequence[str], *args: object, **kwargs: object
    ) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as the parent takes them
        people = [("", "Choose a person"), *((one.name, str(one)) for one in takers)]
        self.fields["taker"].widget.choices = people
        self.fields["role"].widget.choices = [(role, role) for role in roles]


class Shown(forms.Form):
    """`answer`: what the authenticator gave to the page's script."""

    label = forms.CharField(
        max_length=80,
        label="What it is on",
        widget=forms.TextInput(attrs={"placeholder": "my phone", "autocomplete": "off"}),
        error_messages={"required": "Name the device: you will want to know which one it is."},
    )
    answer = forms.CharField(required=False, max_length=20_000, widget=forms.HiddenInput)


class Yes(forms.Form):
    """A yes to what was `seen`, by a signature or a code."""

    seen = forms.CharField(max_length=60_000, widget=forms.HiddenInput, strip=False)
    answer = forms.CharField(required=False, max_length=20_000, widget=forms.HiddenInput)
    code = forms.CharField(
        required=False,
        max_length=10,
        label="Or the code of your device",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )


class No(Reason):
    seen = forms.CharField(max_length=60_000, widget=forms.HiddenInput, strip=False)


class Glass(Reason):
    """Each rule by its name; first without an `answer`, then with the signature over both."""

    answer = forms.CharField(required=False, max_length=20_000, widget=forms.HiddenInput)
    seen = forms.CharField(max_length=60_000, widget=forms.HiddenInput, strip=False)
    rules = forms.MultipleChoiceField(
        label="I override",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Name each rule that you override."},
    )

    def __init__(self, rules: Sequence[Rule], *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as the parent takes them
        self.fields["rules"].choices = [(str(rule), RULES[rule]) for rule in rules]  # type: ignore[attr-defined]


class Evidence(forms.Form):
    """What was done, in a person's own words."""

    reason = forms.CharField(
        max_length=2000,
        min_length=3,
        label="What you did and saw",
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": "Write it down: without it the step is not done."},
    )


class Outcome(Evidence):
    """How an act ended that nobody knows of."""

    ended = forms.ChoiceField(
        label="It",
        choices=[("done", "was done"), ("not", "was not done")],
        widget=forms.RadioSelect,
        error_messages={"required": "Say which: was it done, or not?"},
    )


class StartTyped(TypedName):
    """A run that touches production: the lost datacenter's name, typed by hand."""


class Which(forms.Form):
    """What would be run, for its preview."""

    runbook = forms.ChoiceField(label="Runbook")
    mode = forms.ChoiceField(
        label="Mode",
        choices=[
            (str(Mode.SIMULATION), "simulation: nothing is done"),
            (str(Mode.DRILL), "drill: real steps, never production"),
            (str(Mode.PLANNED), "planned: production, nothing is lost"),
            (str(Mode.DISASTER), "disaster: production, something is lost"),
        ],
    )
    lost = forms.ChoiceField(label="Datacenter that is left")
    into = forms.ChoiceField(label="Datacenter that takes over")
    origin = forms.ChoiceField(required=False, label="Taking back")

    def __init__(
        self,
        books: Sequence[tuple[str, str]],
        sites: Sequence[str],
        origins: Sequence[tuple[int, str]],
        *args: object,
        **kwargs: object,
    ) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as the parent takes them
        self.fields["origin"].choices = [("", "no run: all that is there"), *origins]  # type: ignore[attr-defined]
        self.fields["runbook"].choices = list(books)  # type: ignore[attr-defined]
        for name in ("lost", "into"):
            self.fields[name].choices = [(site, site) for site in sites]  # type: ignore[attr-defined]


class Prepare(Reason):
    """`seen`: the digest of the plan that was shown."""

    seen = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: object,
        is_stale: bool = False,
        leaving: Leaving | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as the parent takes them
        if leaving is not None and leaving.asks:
            how = "stays down" if leaving.is_down else "stays where it is"
            self.fields["leaves"] = forms.MultipleChoiceField(
                label="I start it nevertheless, and name each that it leaves",
                widget=forms.CheckboxSelectMultiple,
                choices=[(name, f"{name} {how}") for name in leaving.asked],
                error_messages={"required": f"{leaving.said} Name each, or do not start it."},
            )
        if is_stale:
            self.fields["override"] = forms.CharField(
                max_length=300,
                min_length=3,
                label="Why it is run although it is stale",
                error_messages={"required": "It is stale: put your name to it with a reason."},
            )
