"""Databases on hosts that fail: who may be written to, and how another becomes it."""
