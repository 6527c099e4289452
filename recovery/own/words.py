"""What is said of Tocsin's own backups, in one place for who says it and who draws it."""

from __future__ import annotations

UNKNOWN = "Nobody can look now whether its keys are in"
"""How a trouble begins that is none yet: a store that does not answer may well hold them."""
