"""Gates: what lets clients reach a primary exactly as long as its lease runs (safety.md B4)."""
