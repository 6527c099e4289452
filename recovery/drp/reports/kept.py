"""The sections that are read first: what was promised, what was measured, what is missing. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from recovery.drp.reports import document as doc
from recovery.drp.reports.measure import BROKEN, KEPT, UNKNOWN
from recovery.drp.reports.parts import MOST_ROWS, Row, Section
from recovery.drp.reports.words import NOT_KNOWN, lasting

TONES = {BROKEN: "risk", UNKNOWN: "unknown"}


def services(rows: Sequence[doc.Service], *, is_drill: bool = False) -> Section:
    columns = (
        "Promise",
        "Services",
        "Back within",
        "Longest",
        "Times",
        "Loss at most",
        "Most lost",
    )
    return Section(
        "Promised and measured",
        "as the drill took it: no user waited" if is_drill else "as the product's own users saw it",
        columns=(*columns, "Losses"),
        rows=tuple(
            Row(
                (
                    one.promise.name + (f". {one.said}" if one.said else ""),
                    str(one.targets),
                    lasting(one.promise.rto),
                    _worst(one.rto, one.targets),
                    _tally(one.rto),
                    lasting(one.promise.rpo),
                    _worst(one.rpo, one.targets),
                    _tally(one.rpo),
                ),
                _tone(one),
            )
            for one in rows
        ),
        empty="The plan promises nothing.",
    )


def _worst(tally: doc.Tally, targets: int) -> str:
    if tally.worst is not None:
        return lasting(tally.worst)
    return NOT_KNOWN if tally.unknown or tally.broken else "–"


def _tally(tally: doc.Tally) -> str:
    parts = [(tally.kept, "kept"), (tally.broken, "broken"), (tally.unknown, NOT_KNOWN)]
    said = ", ".join(f"{n} {word}" for n, word in parts if n)
    return said or "–"


def _tone(one: doc.Service) -> str:
    if one.rto.broken or one.rpo.broken:
        return "risk"
    return "unknown" if one.rto.unknown or one.rpo.unknown else ""


def each_service(rows: Sequence[doc.Target]) -> Section:
    return Section(
        "Each service",
        "recovery time and loss, promised and measured",
        columns=(
            "Service",
            "Kind",
            "Back after",
            "Promised time",
            "Lost",
            "Promised loss",
            "How it is known",
        ),
        rows=tuple(
            Row(
                (
                    one.name,
                    one.type,
                    _figure(one.rto),
                    _promise(one.rto),
                    _figure(one.rpo),
                    _promise(one.rpo),
                    _known(one),
                ),
                _worse(one),
            )
            for one in rows[:MOST_ROWS]
        ),
        empty="The plan took no service.",
    )


def _known(one: doc.Target) -> str:
    """Of a service that nobody measured once is enough."""
    return one.rto.said if one.rto.said == one.rpo.said else f"{one.rto.said} {one.rpo.said}"


def _worse(one: doc.Target) -> str:
    tones = {TONES.get(one.rto.verdict, ""), TONES.get(one.rpo.verdict, "")}
    return next((tone for tone in ("risk", "unknown") if tone in tones), "")


def _figure(measure: doc.Measure) -> str:
    if measure.verdict == "does not apply":
        return "–"
    if measure.seconds is None:
        return NOT_KNOWN
    return f"at most {lasting(measure.seconds)}" if measure.is_bound else lasting(measure.seconds)


def _promise(measure: doc.Measure) -> str:
    if measure.promised is None:
        return "nothing"
    word = measure.verdict if measure.verdict in {KEPT, BROKEN} else ""
    return f"{lasting(measure.promised)}{', ' + word if word else ''}"


def missing(rows: Sequence[doc.Missing]) -> Section:
    return Section(
        "What did not come back",
        columns=("Service", "Why"),
        rows=tuple(Row((one.name, one.why), "down") for one in rows),
        empty="Nothing of the plan is known to be missing.",
    )
