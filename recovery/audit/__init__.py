"""Audit: the append-only log."""
