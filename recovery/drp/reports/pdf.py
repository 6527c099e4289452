"""A report as PDF: the same sections as the page, and the signature of the file it was drawn from.

Invariant: the same report gives the same bytes; a character that the font lacks is written as its
code, never left out.
"""

from __future__ import annotations

from functools import cache
from html import escape
from io import BytesIO
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from recovery.drp.reports.document import Report
from recovery.drp.reports.parts import Row, Section
from recovery.drp.reports.shown import sections
from recovery.drp.reports.words import clock

FONT, BOLD = "Vera", "VeraBd"
MARGIN = 16 * mm
WIDTH = A4[0] - 2 * MARGIN
INK, RULE, FAINT = colors.black, colors.Color(0.75, 0.75, 0.75), colors.Color(0.9, 0.9, 0.9)
WORDS = {"down": "!", "risk": "!", "unknown": "?"}
TEXT = ParagraphStyle("text", fontName=FONT, fontSize=8, leading=11, textColor=INK)
SMALL = ParagraphStyle("small", TEXT, fontSize=6.5, leading=8.6, splitLongWords=1)
LABEL = ParagraphStyle("label", SMALL, textColor=colors.Color(0.35, 0.35, 0.35))
HEAD = ParagraphStyle("head", TEXT, fontName=BOLD, fontSize=15, leading=19, spaceAfter=6)
PART = ParagraphStyle("part", TEXT, fontName=BOLD, fontSize=10, leading=13, spaceBefore=12)


@cache
def _fonts() -> frozenset[int]:
    """Registered once; the characters that both have."""
    found = []
    for name in (FONT, BOLD):
        font = TTFont(name, f"{name}.ttf")
        pdfmetrics.registerFont(font)
        found.append(frozenset(font.face.charToGlyph))
    return found[0] & found[1]


def fit(text: str) -> str:
    """For the font, with marks of XML made harmless."""
    known = _fonts()
    shown = "".join(
        one if ord(one) in known or one == "\n" else f"[U+{ord(one):04X}]" for one in text
    )
    return escape(shown).replace("\n", "<br/>")


def to_pdf(report: Report, *, digest: str, signature: str, key: str) -> bytes:
    """`digest`, `signature`, `key`: of the file, printed at the end."""
    out = BytesIO()
    title = f"{report.run.name}: report {report.version}"
    file = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=18 * mm,
        bottomMargin=18 * mm,
        title=title,
        author="Tocsin",
        invariant=1,
    )
    story: list[Any] = [
        Paragraph(fit(f"{title}. {report.plan.title}"), HEAD),
        Paragraph(fit(report.summary), TEXT),
    ]
    for section in sections(report):
        story += _section(section)
    story += _section(_signed(report, digest, signature, key))

    def frame(canvas: Any, page: Any) -> None:
        _frame(canvas, page.page, title, report)

    file.build(story, onFirstPage=frame, onLaterPages=frame)
    return out.getvalue()


def _frame(canvas: Any, number: int, title: str, report: Report) -> None:
    """Across every page of what was no real case, its mode."""
    canvas.saveState()
    if report.watermark:
        canvas.setFillColor(FAINT)
        canvas.setFont(BOLD, 90)
        canvas.translate(A4[0] / 2, A4[1] / 2)
        canvas.rotate(52)
        canvas.drawCentredString(0, -30, report.watermark)
        canvas.rotate(-52)
        canvas.translate(-A4[0] / 2, -A4[1] / 2)
    canvas.setFillColor(INK)
    canvas.setFont(FONT, 6.5)
    mark = f"{report.watermark} · " if report.watermark else ""
    canvas.drawString(MARGIN, 10 * mm, f"{mark}{title}, as of {clock(report.made_at)}")
    canvas.drawRightString(A4[0] - MARGIN, 10 * mm, f"page {number}")
    canvas.restoreState()


def _section(section: Section) -> list[Any]:
    note = f" <font name='{FONT}' size='7'>{fit(section.note)}</font>" if section.note else ""
    found: list[Any] = [Paragraph(f"{fit(section.title)}{note}", PART), Spacer(1, 3)]
    if section.facts:
        found.append(_facts(section.facts))
    if section.columns:
        found.append(_table(section) if section.rows else Paragraph(fit(section.empty), TEXT))
    return found


def _facts(facts: tuple[tuple[str, str], ...]) -> Table:
    rows = [[Paragraph(fit(name), LABEL), Paragraph(fit(said), SMALL)] for name, said in facts]
    made = Table(rows, colWidths=[0.22 * WIDTH, 0.78 * WIDTH])
    made.setStyle(_style())
    return made


def _table(section: Section) -> Table:
    sign = 4 * mm
    head: list[Any] = ["", *(Paragraph(fit(name), LABEL) for name in section.columns)]
    rows = [
        [_sign(row), *(Paragraph(fit(cell), SMALL) for cell in row.cells)] for row in section.rows
    ]
    made = Table([head, *rows], colWidths=[sign, *_widths(section, WIDTH - sign)], repeatRows=1)
    made.setStyle(_style())
    return made


def _sign(row: Row) -> Paragraph:
    return Paragraph(fit(WORDS.get(row.tone, "")), SMALL)


def _widths(section: Section, room: float) -> list[float]:
    """By how much stands in each column, none too narrow to be read."""
    lengths = [
        max(len(name), *(min(len(row.cells[at]), 60) for row in section.rows))
        for at, name in enumerate(section.columns)
    ]
    _fonts()
    least = [
        max(pdfmetrics.stringWidth(word, FONT, SMALL.fontSize) for word in name.split()) + 7
        for name in section.columns
    ]
    spare = room - sum(least)
    return [low + spare * each / sum(lengths) for low, each in zip(least, lengths, strict=True)]


def _style() -> TableStyle:
    return TableStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.25, RULE),
            ("LEFTPADDING", (0, 0), (-1, -1), 2),
            ("RIGHTPADDING", (0, 0), (-1, -1), 3),
            ("TOPPADDING", (0, 0), (-1, -1), 1.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
        ]
    )


def _signed(report: Report, digest: str, signature: str, key: str) -> Section:
    facts = (
        ("SHA-256 of report.json", digest),
        ("Its signature", signature.strip()),
        ("The key", key),
        ("To check it", "python3 verify_report.py report.json, with the files of the evidence"),
    )
    return Section("Signed", f"version {report.version}; this paper is drawn from the file", facts)
