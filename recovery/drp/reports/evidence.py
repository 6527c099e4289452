"""What an auditor takes home of one run: the file, its signature, the paper, the verifiers."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

from recovery.audit import offline as log_offline
from recovery.drp.reports import offline
from recovery.drp.reports.document import read_report
from recovery.drp.reports.models import Report
from recovery.drp.reports.pdf import to_pdf

README = """\
The report of a recovery or of a drill, as Tocsin signed it. To check it, with Python 3.8 or newer
and nothing else:

    python3 verify_report.py report.json --key KEY --log LOGKEY

Take both keys from where you keep them: `manage.py reports key` and `manage.py audit keys` print
them. report.json is RFC 8785; report.sig is one line over exactly its bytes (Ed25519, the line of
c2sp.org/signed-note). report.pdf is drawn from it, and is for reading.
"""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""Of every file in it: the same report gives the same bytes."""


def paper(row: Report) -> bytes:
    """The PDF of this version."""
    report = read_report(row.raw.encode())
    return to_pdf(report, digest=row.digest, signature=row.signature, key=row.key)


def evidence(row: Report) -> bytes:
    """A zip file."""
    out = BytesIO()
    files = {
        "report.json": row.raw.encode(),
        "report.sig": row.signature.encode(),
        "report.pdf": paper(row),
        "verify_report.py": Path(offline.__file__).read_bytes(),
        "verify.py": Path(log_offline.__file__).read_bytes(),
        "README.txt": README.encode(),
    }
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()
